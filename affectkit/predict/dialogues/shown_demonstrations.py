"""The labelled utterances that prompts of a run show, found again for raw dialogues."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from affectkit.conversation.retrieval import DemonstrationError, DemonstrationIndex
from affectkit.conversation.retrieval.demonstration_index import folded
from affectkit.data.loader import index_conversations
from affectkit.data.loader.prompt_batch import PromptReader, PromptSample
from affectkit.data.schema import ShardError
from affectkit.data.shards import MANIFEST_NAME
from affectkit.data.store import open_store
from affectkit.encoders import FeatureExtractor
from affectkit.labels import LabelSpace, LabelSpaceMismatchError, reconcile
from affectkit.predict.error import PredictError
from affectkit.predict.extract.named_extractor import TINY, named_extractor
from affectkit.predict.run_data import RunData
from affectkit.tensor_file import TensorFileError

_TEXT = "text"
#: So many texts in common are no chance: "Yes." and "No." lie in any two conversations.
_TELLING = 3


@dataclass(frozen=True, slots=True)
class ShownDemonstrations:
    """Labelled utterances of training data, of which a prompt shows those most similar to what it asks about.

    Args:
        count: How many a prompt shows.
        index: Where they are looked up, in the labels of the run.
        encoder: Encoder of the texts that are asked about, the one that the index was made with.
    """

    count: int
    index: DemonstrationIndex
    encoder: FeatureExtractor

    @classmethod
    def of_run(
        cls,
        data: RunData,
        space: LabelSpace | None,
        *,
        encoder: str | FeatureExtractor | None = None,
        place: str | os.PathLike[str] | None = None,
    ) -> Self | None:
        """What prompts of a run showed; None where they showed nothing.

        Args:
            data: How the run read its data.
            space: Labels of the run.
            encoder: What ``affectkit extract --text`` was given, or the encoder; None tries ``"tiny"``.
            place: Where they lie: a saved index, or shards, of which the train split is taken; None takes the
                place of the training.

        Raises:
            PredictError: If they are not there, are of another encoder or found by something else than texts,
                or prompts show none and one of both was given.
        """
        count = data.value("demonstrations", int, 0)
        if not count:
            if encoder is not None or place is not None:
                raise PredictError(
                    f"The prompts of the run ({data.place}) show no labelled utterances: leave encoder and "
                    "demonstrations out."
                )
            return None
        modality = data.value("modality", str, _TEXT)
        if modality != _TEXT or space is None:
            raise PredictError(
                f"The prompts of the run ({data.place}) show utterances that are found by {modality}, which "
                "a raw dialogue does not bring: make shards of it and use `affectkit predict --config`."
            )
        stated = place or data.optional("demonstration_index", str) or data.optional("root", str)
        where = Path(stated or "")
        if stated is None or not (where.is_file() or (where / MANIFEST_NAME).is_file()):
            raise PredictError(
                f"The prompts of the run ({data.place}) show labelled utterances of {stated or 'no place'}, "
                "which is not there: say where they lie, `--demonstrations PATH`, a saved index or the "
                "shards of the training."
            )
        try:
            index = _loaded(where, data, space)
        except (DemonstrationError, LabelSpaceMismatchError, ShardError, TensorFileError) as error:
            raise PredictError(str(error)) from error
        kept = data.options.get("encoders")
        trained = kept.get(_TEXT, index.encoder) if isinstance(kept, Mapping) else index.encoder
        made = named_extractor(_TEXT, encoder or TINY) if isinstance(encoder, str | None) else encoder
        if not made.identity == index.encoder == trained:
            given = (
                "no encoder was named" if encoder is None else f"the one that was named is {made.identity!r}"
            )
            raise PredictError(
                f"The prompts of the run show utterances that are found by features of {trained!r}, those of "
                f"{where} are of {index.encoder!r}, and {given}: name the same one, `--encoder NAME` as in "
                "`affectkit extract --text NAME`."
            )
        return cls(count, index, made)

    def reader(self) -> DemonstratedReader:
        """What reads an utterance with what its demonstrations are found by."""
        return DemonstratedReader(self.index, self.encoder)

    @property
    def name(self) -> str:
        """Which they are, in a few words that no others share."""
        return f"{self.count} of {len(self.index)} labelled utterances ({self.index.digest[:8]})"


class DemonstratedReader:
    """Reads an utterance, encodes it, and finds out whether the index knows its conversation.

    A raw dialogue has no name that the index could know it by: it is the one all of whose texts lie in it, at
    least three different ones that are half of its own, or the very same ones.

    Args:
        index: The demonstrations.
        encoder: Encoder of texts.
    """

    def __init__(self, index: DemonstrationIndex, encoder: FeatureExtractor) -> None:
        self._encoder = encoder
        self._read = PromptReader(None)
        self._texts: dict[str, set[str]] = {}
        self._holders: dict[str, set[str]] = {}
        for one in index.demonstrations:
            text = folded(one.text)
            self._texts.setdefault(one.conversation, set()).add(text)
            self._holders.setdefault(text, set()).add(one.conversation)

    def __call__(self, members: Mapping[str, memoryview]) -> PromptSample:
        """Read ``members``."""
        sample = self._read(members)
        known = self._known(sample.turn.texts)
        if not sample.text.strip():
            return sample._replace(conversation=known)
        with torch.inference_mode():
            (vector,) = self._encoder([sample.text])
        return sample._replace(vector=vector.float(), conversation=known)

    def _known(self, texts: Iterable[str]) -> str | None:
        said = {folded(text) for text in texts}
        for name in sorted(set[str]().union(*(self._holders.get(text, set()) for text in said))):
            kept = self._texts[name]
            if kept <= said and (kept == said or len(kept) >= max(_TELLING, len(said) / 2)):
                return name
        return None


def _loaded(place: Path, data: RunData, space: LabelSpace) -> DemonstrationIndex:
    if place.is_file():
        saved = DemonstrationIndex.load(place)
        return saved.relabelled(saved.label_space.map_to(space))
    index = index_conversations(open_store(place, "train"), modality=_TEXT)
    merge, drop = (data.options.get(name) for name in ("label_merge", "label_drop"))
    mapping = reconcile(
        index.label_space,
        space,
        merge={str(old): str(new) for old, new in merge.items()} if isinstance(merge, Mapping) else None,
        drop=[str(name) for name in drop] if isinstance(drop, list) else None,
    )
    return index.relabelled(mapping)
