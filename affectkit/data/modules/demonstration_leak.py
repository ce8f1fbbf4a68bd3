"""Whether demonstrations are of conversations that a run is evaluated on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, cast

from affectkit.conversation.retrieval import DemonstrationError, DemonstrationIndex
from affectkit.conversation.retrieval.demonstration_index import folded
from affectkit.data.loader.prompt_batch import conversation_name
from affectkit.data.schema import ConversationRecord
from affectkit.data.store import SampleStore
from affectkit.data.store.record_difficulties import stored_record

#: So many texts in common are no chance: "Yes." and "No." lie in any two conversations.
_TELLING: Final = 3


def check_demonstrations(
    index: DemonstrationIndex, *, train: SampleStore, held_out: Iterable[SampleStore], file: str
) -> None:
    """Refuse demonstrations that a run is evaluated on.

    Those of the run's own train split pass. Any other conversation is known by its name together with any of
    its texts, or by its texts alone, since another fold of the same data may call it otherwise: where all
    texts of the shorter one lie in the longer one, at least three different ones. Case and spacing do not
    count.

    Args:
        index: The demonstrations.
        train: The split that the run learns from.
        held_out: The splits that it is evaluated on.
        file: Where the demonstrations are from, for the message.

    Raises:
        DemonstrationError: If a conversation lies in one of the splits; the first one is named.
        ShardError: If a stored conversation is damaged.
    """
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for one in index.demonstrations:
        texts[one.conversation].add(folded(one.text))
    for name, _, said in _conversations(train):
        # A number may count different conversations in different folds.
        if name in texts and texts[name] <= said:
            del texts[name]
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for conversation, said in texts.items():
        for text in said:
            holders[text].append(conversation)
    for store in held_out:
        for name, key, said in _conversations(store):
            shared = Counter(conversation for text in said for conversation in holders.get(text, ()))
            for conversation, count in sorted(shared.items()):
                whole = count == min(len(said), len(texts[conversation]))
                if conversation == name or (whole and count >= _TELLING):
                    raise DemonstrationError(
                        f"The demonstrations in {file} hold the conversation {conversation!r}, which is "
                        f"{key!r} of the split {store.split!r} of {store.manifest.name!r}, so that prompts "
                        "would show answers that they are tested on: make the index of the training "
                        "conversations of this very data set."
                    )


def _conversations(store: SampleStore) -> Iterator[tuple[str, str, set[str]]]:
    """Name, key and texts of each."""
    for position in range(len(store)):
        where, key = store.describe(position), store.key(position)
        record = stored_record(store.get(position), kind="conversation", where=where)
        said = {folded(turn["text"]) for turn in cast(ConversationRecord, record)["utterances"]}
        yield conversation_name(store.manifest.name, f"{key}#"), key, said
