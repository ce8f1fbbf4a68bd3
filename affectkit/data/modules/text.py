"""Texts from shards, as token ids for an encoder that is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from affectkit.data.loader import DataReading, item_target
from affectkit.data.loader.text_batch import TextCollate, TextReader
from affectkit.data.loader.word_dropout import WordDropout
from affectkit.data.modules.shard import ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.encoders import TextTokenizer
from affectkit.types import Curriculum, Difficulty, RecordDifficulty

#: Texts that are tokenised in one call when their lengths are counted.
_CHUNK: Final = 1024


class TextDataModule(ShardDataModule[ItemRecord]):
    """Single texts with labels, several labels or affect dimensions, tokenised where a batch is made.

    Batches hold token ids, ``inputs["text"]`` (B, T) and ``masks["text"]``, padded to the longest text
    of the batch, for an encoder that is trained, such as
    :class:`~affectkit.encoders.TransformersTokenEncoder`; the texts are in ``meta["text"]``. For
    features that ``affectkit extract`` has stored: :class:`~affectkit.data.modules.FeatureDataModule`.

    Args:
        root: Folder with a ``manifest.json`` of kind ``text``.
        tokenizer: Folder or hub name of the text encoder that will read the ids.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their rows stay, with label -100.
        max_length: Tokens kept of a text; None = what the tokenizer states, 512 at most.
        word_dropout: Probability with which training hides each word behind the tokenizer's mask token, or
            leaves it out where there is none; see :class:`~affectkit.data.loader.WordDropout`.
        bucket_by_length: Put texts of like length into a batch (training only), so that little of it
            is padding; not with ``shuffle="lanes"``.
        batch_size: Rows of a batch over all ranks together.
        seed: Seed of the order.
        shuffle: ``"global"``, ``"lanes"`` or ``"none"``; see :class:`~affectkit.data.plan.EpochPlan`.
        window: Number of samples to shuffle among themselves, at least.
        lanes: Number of lanes of ``shuffle="lanes"``.
        tail: Whether training drops the samples after the last full batch or wraps around.
        num_workers: Processes that make batches.
        multiprocessing_context: How these are started; None is the platform's own way.
        pin_memory: Put batches into page-locked memory, where there is a GPU to take them to.
        predict_split: Split that the predict loader reads; it needs no labels.
        verify: What is compared before training starts: ``"size"`` sizes and indexes, ``"headers"`` also
            every header, ``"sha256"`` every byte.
        damage: What becomes of a sample that cannot be read: ``"error"`` stops, ``"mask"`` keeps its row
            with zeros, without targets and with weight 0, warns, and counts it as ``STAGE/damaged``.
        max_damaged: How many rows of an epoch may be masked: a number as an int, a share as a float.
        curriculum: Which samples of the train split an epoch draws from; None draws from all.
        difficulty: How hard a sample is; None takes the curriculum's own ``difficulty``. Without a
            curriculum it is only reported.

    Raises:
        DataModuleError: If the folder holds another kind of samples.
        ValueError: If ``word_dropout`` is not from 0 to below 1.
        MissingExtraError: If transformers is not installed.
    """

    kind = "text"

    def __init__(
        self,
        root: str,
        tokenizer: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        max_length: int | None = None,
        word_dropout: float = 0.0,
        bucket_by_length: bool = True,
        batch_size: int = 32,
        seed: int = 0,
        shuffle: Shuffle = "global",
        window: int = 65_536,
        lanes: int = 8,
        tail: Literal["drop", "wrap"] = "drop",
        num_workers: int = 0,
        multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = None,
        pin_memory: bool = True,
        predict_split: str = "test",
        verify: Literal["size", "headers", "sha256"] = "headers",
        damage: Literal["error", "mask"] = "error",
        max_damaged: int | float = 0.01,
        curriculum: Curriculum | None = None,
        difficulty: Difficulty | RecordDifficulty | None = None,
    ) -> None:
        super().__init__(
            root,
            label_space=label_space,
            label_merge=label_merge,
            label_drop=label_drop,
            modalities=[],
            batch_size=batch_size,
            seed=seed,
            shuffle=shuffle,
            window=window,
            lanes=lanes,
            tail=tail,
            num_workers=num_workers,
            multiprocessing_context=multiprocessing_context,
            pin_memory=pin_memory,
            predict_split=predict_split,
            verify=verify,
            damage=damage,
            max_damaged=max_damaged,
            curriculum=curriculum,
            difficulty=difficulty,
        )
        self.tokenizer = TextTokenizer(tokenizer, max_length=max_length)
        self._word_dropout = WordDropout(word_dropout, mark=self.tokenizer.mask_token)
        self._reading = DataReading("TextDataModule", {"tokenizer": tokenizer, "max_length": max_length})
        # Lanes are read as they are stored, each rank its own: nothing there can be sorted.
        self._bucket_by_length = bucket_by_length and shuffle != "lanes"
        self._lengths: list[int] | None = None

    @property
    def reading(self) -> DataReading:
        """How evaluation reads a text; a checkpoint keeps it for predictions on files."""
        return self._reading

    def decoder(self, split: str) -> TextReader:
        """The record."""
        return TextReader()

    def collate(self, split: str) -> TextCollate:
        """Tokenise, with targets in the label order of the run."""
        return TextCollate(item_target(self.manifest, self.label_map), self.tokenizer)

    def transform(self, split: str) -> WordDropout | None:
        """Words hidden in training; none where none are to be."""
        return self._word_dropout if self._word_dropout.probability else None

    def lengths(self, split: str) -> list[int] | None:
        """Tokens of each text, counted once, where batches go by length."""
        if not self._bucket_by_length:
            return None
        if self._lengths is None:
            texts = list(self._texts(split))
            self._lengths = [
                len(row)
                for start in range(0, len(texts), _CHUNK)
                for row in self.tokenizer(texts[start : start + _CHUNK])
            ]
        return self._lengths

    def _texts(self, split: str) -> Iterator[str]:
        """Text of each sample; of a damaged one that will be masked, none."""
        store, decode = self.store(split), TextReader()
        for position in range(len(store)):
            try:
                yield decode(store.get(position))["text"]
            except ShardError as error:
                if self._damage == "error":
                    raise ShardError(f"{store.describe(position)}: {error}") from error
                yield ""
