"""Stored features of single items from shards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from torch import Tensor

from affectkit.data.collate import Collate
from affectkit.data.loader import DataReading, Transform, item_target
from affectkit.data.loader.feature_views import FeatureViews, FeatureViewsCollate
from affectkit.data.loader.item_features import (
    ItemFeatures,
    ItemFeaturesCollate,
    ItemFeaturesReader,
    feature_steps,
    stored_features,
)
from affectkit.data.modules.feature_statistics import FeatureStatistics, feature_statistics
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.data.schema import ShardError
from affectkit.types import Curriculum, Difficulty, RecordDifficulty


class FeatureDataModule(ShardDataModule[ItemFeatures]):
    """Sentences, pictures, clips or sounds whose features were extracted beforehand, one row each.

    Batches hold ``inputs[m]`` (B, D) for each modality, zero where a sample lacks it or has no step of it,
    which ``present[m]`` says. Features over time (T, D) become their mean. With ``views`` they stay as they
    are, and batches hold ``inputs[m]`` (B, V, T, D) with ``masks[m]`` (B, V, T): V stretches of each item,
    which lie at the same place in time in every modality, at random in training and evenly in evaluation.
    For conversations: :class:`~affectkit.data.modules.ConversationDataModule`.

    Args:
        root: Folder with a ``manifest.json`` of any kind but ``conversation``, with features.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their rows stay, with label -100.
        modalities: Features to load; None takes all that are stored.
        views: Stretches of each item; 0 gives the mean over time.
        view_steps: Steps of a stretch by modality, e.g. ``{"audio": 200}``; one not named stays whole.
        batch_size: Rows of a batch over all ranks together.
        seed: Seed of the order.
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
        curriculum: Which samples of the train split an epoch draws from; None draws from all.
        difficulty: How hard a sample is; None takes the curriculum's own ``difficulty``. Without a
            curriculum it is only reported.

    Raises:
        DataModuleError: If the folder holds conversations, or no features, or ``view_steps`` are below 1 or
            given without views.
    """

    def __init__(
        self,
        root: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        modalities: list[str] | None = None,
        views: int = 0,
        view_steps: dict[str, int] | None = None,
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
        if views < 0 or (view_steps and (not views or min(view_steps.values()) < 1)):
            raise DataModuleError(
                f"FeatureDataModule got views={views} and view_steps={view_steps}: give 0 views and no "
                "steps, or 1 or more views of 1 step or more."
            )
        self._views = views
        self._view_steps = dict(view_steps or {})
        self._statistics: dict[str, FeatureStatistics] | None = None

    @property
    def feature_dims(self) -> dict[str, int]:
        """Width of each modality that the batches hold, sorted by name."""
        if self.manifest.kind == "conversation" or not self.manifest.features:
            what = "conversations" if self.manifest.kind == "conversation" else "no stored features"
            raise DataModuleError(
                f"{self.root} holds {what}, and FeatureDataModule reads features of single items: "
                f"{'use ConversationDataModule' if self.manifest.features else 'run `affectkit extract`'}."
            )
        found = super().feature_dims
        unknown = sorted(self._view_steps.keys() - found.keys())
        if unknown:
            raise DataModuleError(
                f"FeatureDataModule got view_steps of {unknown[0]!r}, and the batches hold "
                f"{', '.join(found)}: correct the name, or add it to modalities."
            )
        return found

    @property
    def reading(self) -> DataReading:
        """Which encoders made the features; a checkpoint keeps it for predictions on files."""
        return DataReading(
            "FeatureDataModule",
            {"encoders": self.feature_encoders, "kind": self.manifest.kind, "views": self._views},
        )

    def decoder(self, split: str) -> ItemFeaturesReader:
        """Record and features."""
        return ItemFeaturesReader()

    def transform(self, split: str) -> Transform[ItemFeatures] | None:
        """The random places of views in training."""
        return FeatureViews(self._views) if self._views else None

    def collate(self, split: str) -> Collate[ItemFeatures]:
        """One row a sample, with targets in the label order of the run."""
        target = item_target(self.manifest, self.label_map)
        if not self._views:
            return ItemFeaturesCollate(self.feature_dims, target)
        return FeatureViewsCollate(self.feature_dims, target, views=self._views, steps=self._view_steps)

    def feature_statistics(self) -> dict[str, FeatureStatistics]:
        """Mean and deviation of each modality over the train samples that have it; with views over steps.

        Every rank reads all of them in the order of the store, so the numbers are the same for any
        number of ranks.

        Raises:
            DataModuleError: If no sample has a modality.
        """
        if self._statistics is None:
            found = {
                name: feature_statistics(self._rows(name, dim), dim=dim)
                for name, dim in self.feature_dims.items()
            }
            empty = next((name for name, numbers in found.items() if not numbers.rows), None)
            if empty is not None:
                raise DataModuleError(
                    f"No sample of the train split of {self.root} has {empty!r} features: leave {empty!r} "
                    "out of modalities, or extract it."
                )
            self._statistics = found
        return self._statistics

    def _rows(self, name: str, dim: int) -> Iterator[Tensor]:
        store, decode = self.store("train"), self.decoder("train")
        for position in range(len(store)):
            try:
                features = decode(store.get(position)).features
                stored = stored_features(features, name)
                if stored is not None:
                    key = store.key(position)
                    steps = feature_steps(stored, name, key=key, dim=dim)
                    yield steps if self._views else steps.mean(0, keepdim=True)
            except ShardError:
                if self._damage == "error":
                    raise
