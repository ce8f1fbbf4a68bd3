"""Utterances in their conversations to a batch of prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from affectkit.conversation.prompts import (
    ChatMessage,
    ChatTokenizer,
    ConversationPrompter,
    Example,
    PromptError,
    Turn,
    UtteranceKnowledge,
)
from affectkit.conversation.retrieval import Asked, DemonstrationIndex
from affectkit.data.batch import AffectBatch
from affectkit.data.loader.conversation_reader import ConversationReader
from affectkit.data.loader.dialogue_text import DialogueTurn, DialogueTurnReader
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.schema import ShardError

#: Name of the input that holds the ids of prompts.
PROMPT: Final = "prompt"


class PromptSample(NamedTuple):
    """An utterance and its conversation.

    Args:
        turn: The utterance.
        vector: Feature of the utterance that demonstrations are found by; None where there is none.
        conversation: What demonstrations call its conversation; None = as the keys of samples say.
    """

    turn: DialogueTurn
    vector: Tensor | None
    conversation: str | None = None

    @property
    def text(self) -> str:
        """What is said."""
        return self.turn.texts[self.turn.turn]


class PromptReader:
    """Reads an utterance, its conversation, and the feature that demonstrations are found by.

    Args:
        modality: Name of the stored feature; None reads none.

    Raises:
        ShardError: If a member is missing or damaged.
    """

    def __init__(self, modality: str | None) -> None:
        self._modality = modality

    def __call__(self, members: Mapping[str, memoryview]) -> PromptSample:
        """Decode ``members``."""
        turn = DialogueTurnReader()(members)
        if self._modality is None:
            return PromptSample(turn, None)
        features = ConversationReader()(members).features
        return PromptSample(turn, utterance_vector(features, self._modality, turn.turn))


class PromptCollate:
    """Asks about each utterance and joins the prompts.

    Args:
        prompter: Makes the messages.
        tokenizer: Makes ids of them.
        target: Joins the annotations.
        max_tokens: Tokens that a prompt may have.
        data: Name of the data set, which the names of its conversations begin with.
        index: Where demonstrations are looked up; None shows none.
        demonstrations: How many are shown.
        knowledge: What is known about each utterance; None = nothing.

    Shape:
        - inputs["prompt"]: (B, T) int64, T the longest prompt; masks["prompt"]: (B, T) bool.
        - target: as of :class:`ItemTarget`.
        - meta["text"]: B utterances; meta["messages"]: B chats.
    """

    def __init__(
        self,
        prompter: ConversationPrompter,
        tokenizer: ChatTokenizer,
        *,
        target: ItemTarget,
        max_tokens: int,
        data: str,
        index: DemonstrationIndex | None = None,
        demonstrations: int = 0,
        knowledge: UtteranceKnowledge | None = None,
    ) -> None:
        self._prompter = prompter
        self._tokenizer = tokenizer
        self._target = target
        self._max_tokens = max_tokens
        self._data = data
        self._index = index
        self._demonstrations = demonstrations
        self._knowledge = knowledge

    def __call__(
        self,
        samples: Sequence[PromptSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        examples = self._examples(samples, keys)
        chats = [
            self._chat(sample, key, shown) for sample, key, shown in zip(samples, keys, examples, strict=True)
        ]
        rows = [self._tokenizer.prompt(chat) for chat in chats]
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self._tokenizer.pad_id)
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row)
            mask[place, : len(row)] = True
        return AffectBatch(
            inputs={PROMPT: ids},
            masks={PROMPT: mask},
            target=self._target([sample.turn.item for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={
                "positions": list(positions),
                "text": [sample.text for sample in samples],
                "messages": chats,
            },
        )

    def _examples(self, samples: Sequence[PromptSample], keys: Sequence[str]) -> list[list[Example]]:
        shown: list[list[Example]] = [[] for _ in samples]
        if self._index is None:
            return shown
        asked = [
            (
                place,
                sample.vector,
                Asked(sample.text, sample.conversation or conversation_name(self._data, key)),
            )
            for place, (sample, key) in enumerate(zip(samples, keys, strict=True))
            if sample.vector is not None
        ]
        if asked:
            vectors = torch.stack([vector for _, vector, _ in asked])
            found = self._index.search(vectors, [one for _, _, one in asked], k=self._demonstrations)
            for (place, _, _), near in zip(asked, found, strict=True):
                shown[place] = [
                    Example(one.demonstration.text, self._prompter.labels[one.demonstration.label])
                    for one in near
                ]
        return shown

    def _chat(self, sample: PromptSample, key: str, shown: Sequence[Example]) -> list[ChatMessage]:
        turns = [Turn(*one) for one in zip(sample.turn.names, sample.turn.texts, strict=True)]
        try:
            return self._prompter.fitted(
                turns,
                sample.turn.turn,
                count=self._tokenizer.count,
                max_tokens=self._max_tokens,
                examples=shown,
                reading=None if self._knowledge is None else self._knowledge[key],
            )
        except PromptError as error:
            raise ShardError(f"Utterance {key!r}: {error}") from error


def conversation_name(data: str, key: str) -> str:
    """Name of the conversation of an utterance, unique over data sets.

    Examples:
        >>> conversation_name("meld", "train-7#12")
        'meld/train-7'
    """
    return f"{data}/{key.rpartition('#')[0]}"


def utterance_vector(features: Mapping[str, Tensor], modality: str, turn: int) -> Tensor | None:
    """Feature of one utterance; None where it lacks the modality."""
    mark = features.get(f"{modality}.present")
    if modality not in features or (mark is not None and not bool(mark[turn])):
        return None
    return features[modality][turn].float()
