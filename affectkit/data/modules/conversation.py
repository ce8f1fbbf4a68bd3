"""Conversations from shards, with a curriculum if one is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from affectkit.data.collate import ConversationCollate, ConversationSample
from affectkit.data.loader import ConversationReader, DataReading
from affectkit.data.modules.feature_statistics import FeatureStatistics, feature_statistics
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.data.schema import ShardError, UtteranceRecord
from affectkit.data.store import SampleStore
from affectkit.types import Curriculum, Difficulty, RecordDifficulty


class ConversationDataModule(ShardDataModule[ConversationSample]):
    """One dialogue a sample; ragged dialogues are padded and masked.

    With a curriculum, the train split is scanned once: ``difficulty`` maps the labels and speakers
    of each conversation, or its record, to a number, and the curriculum says which conversations an
    epoch may draw from. An epoch keeps its number of batches throughout, so an epoch of a small stage
    goes through its conversations several times. The order is the same for any number of ranks.

    Args:
        root: Folder with a ``manifest.json``.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their utterances stay, with label -100.
        modalities: Features to load; None takes all that are stored.
        batch_size: Conversations of a batch over all ranks together.
        seed: Seed of the order.
        curriculum: Which conversations an epoch draws from; None draws from all.
        difficulty: How hard a conversation is; None takes the curriculum's own ``difficulty``.
            Without a curriculum it is only reported.
        bucket_by_length: Put conversations of like length into a batch (training only).
        text: Put the utterances into ``meta["text"]``.
        shuffle: ``"global"``, ``"lanes"`` or ``"none"``; see :class:`~affectkit.data.plan.EpochPlan`.
        window: Number of samples to shuffle among themselves, at least.
        lanes: Number of lanes of ``shuffle="lanes"``.
        tail: Whether training drops the samples after the last full batch or wraps around.
        num_workers: Processes that make batches; stored features are fastest with 0.
        multiprocessing_context: How these are started; None is the platform's own way.
        pin_memory: Put batches into page-locked memory, where there is a GPU to take them to.
        predict_split: Split that the predict loader reads; it needs no labels.
        verify: What is compared before training starts: ``"size"`` sizes and indexes, ``"headers"`` also
            every header, ``"sha256"`` every byte.
        damage: What becomes of a sample that cannot be read: ``"error"`` stops, ``"mask"`` keeps its row
            with zeros, without targets and with weight 0, warns, and counts it as ``STAGE/damaged``.
        max_damaged: How many rows of an epoch may be masked: a number as an int, a share as a float.

    Raises:
        DataModuleError: If the folder holds no conversations, or no difficulty is known.
    """

    kind = "conversation"

    def __init__(
        self,
        root: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        modalities: list[str] | None = None,
        batch_size: int = 32,
        seed: int = 0,
        curriculum: Curriculum | None = None,
        difficulty: Difficulty | RecordDifficulty | None = None,
        bucket_by_length: bool = False,
        text: bool = False,
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
    ) -> None:
        super().__init__(
            root,
            label_space=label_space,
            label_merge=label_merge,
            label_drop=label_drop,
            modalities=modalities,
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
        self._bucket_by_length = bucket_by_length
        self._text = text
        self._lengths: list[int] | None = None
        self._statistics: dict[str, FeatureStatistics] | None = None

    @property
    def reading(self) -> DataReading:
        """Which encoders made the features; a checkpoint keeps it for predictions on files."""
        return DataReading("ConversationDataModule", {"encoders": self.feature_encoders})

    def decoder(self, split: str) -> ConversationReader:
        """Record and, where any modality is wanted, features."""
        return ConversationReader(features=bool(self.feature_dims))

    def collate(self, split: str) -> ConversationCollate:
        """Padding collate in the label order of the run."""
        mapping, scale = self.label_map, self.manifest.dims
        return ConversationCollate(
            self.feature_dims,
            label_table=None if mapping is None else mapping.table,
            num_dims=0 if scale is None else len(scale),
            extra=sorted(self.manifest.extra_spaces),
            difficulty=self.difficulties() if split == "train" and self.model_difficulty is None else None,
            text=self._text,
        )

    def lengths(self, split: str) -> list[int] | None:
        """Utterances of each conversation, where batches go by length."""
        if self._bucket_by_length and self._lengths is None:
            store = self.store("train")
            self._lengths = [len(self._utterances(store, position)) for position in range(len(store))]
        return self._lengths

    def measure(self, difficulty: Difficulty | RecordDifficulty) -> list[float]:
        """Difficulty of each conversation of the train split.

        Raises:
            DataModuleError: If it needs labels and there are none.
            ShardError: If a conversation has none, or cannot be read.
        """
        if self.label_map is None and not isinstance(difficulty, RecordDifficulty):
            raise DataModuleError(
                f"{self.root} has no labels, so its conversations have no difficulty: set curriculum and "
                f"difficulty to null."
            )
        return super().measure(difficulty)

    def feature_statistics(self) -> dict[str, FeatureStatistics]:
        """Mean and deviation of each modality over the utterances of the train split that have it.

        Read once, in the order of the store: every rank reads all of it, so the numbers are the same
        for any number of ranks.

        Raises:
            DataModuleError: If no utterance has a modality.
        """
        if self._statistics is None:
            found = {
                name: feature_statistics(self._present_rows(name), dim=dim)
                for name, dim in self.feature_dims.items()
            }
            empty = next((name for name, numbers in found.items() if not numbers.rows), None)
            if empty is not None:
                raise DataModuleError(
                    f"No utterance of the train split of {self.root} has {empty!r} features: leave {empty!r} "
                    f"out of modalities, or extract it."
                )
            self._statistics = found
        return self._statistics

    def _present_rows(self, name: str) -> Iterator[Tensor]:
        store, decode = self.store("train"), self.decoder("train")
        for position in range(len(store)):
            try:
                features = decode(store.get(position)).features
                if name not in features:
                    continue
                rows, mark = features[name], features.get(f"{name}.present")
            except ShardError:
                if self._damage == "error":
                    raise
                continue
            yield rows if mark is None else rows[mark.to(torch.bool)]

    def _utterances(self, store: SampleStore, position: int) -> list[UtteranceRecord]:
        try:
            return ConversationReader.record(store.get(position))["utterances"]
        except ShardError:
            if self._damage == "error":
                raise
            return self.decoder("train").outline({}).record["utterances"]
