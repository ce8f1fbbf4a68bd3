"""Texts from shards, some with a picture."""

from __future__ import annotations

from typing import Literal

from affectkit.data.batch import AffectBatch
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.data.loader import (
    CaptionCollate,
    CaptionReader,
    CaptionSample,
    CaptionView,
    RandomView,
    item_target,
)
from affectkit.data.modules.shard import ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, NormalizationName
from affectkit.types import Curriculum, RecordDifficulty


class VisualTextDataModule(ShardDataModule[CaptionSample]):
    """Texts with labels, of which some belong to a picture, e.g. visual and non-visual sentences.

    Batches hold the texts as ``meta["text"]``, pictures as bytes (B, 3, size, size) in
    ``inputs["visual"]``, zero where a text has none, and which have one in ``present["visual"]``. A
    sample is the record of an item with ``text``, and a picture ``KEY.jpg``, ``KEY.png`` or
    ``KEY.webp`` beside it where there is one.

    Args:
        root: Folder with a ``manifest.json`` of kind ``text``.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their rows stay, with label -100.
        size: Side of the squares that pictures become.
        crop_scale: Range of the share of the area that a random crop shows in training; None shows
            all of it.
        flip: Probability of swapping left and right in training; a text may speak of left and right.
        normalize: Whether batches become normalised float, on the device and by the trainer.
        normalization: What pixels are brought to: ``"clip"``, ``"imagenet"``, ``"half"`` (-1..1) or
            ``"none"`` (0..1).
        batch_size: Rows of a batch over all ranks together.
        seed: Seed of order and augmentation.
        curriculum: Which samples an epoch of training draws from, e.g. the easy ones first; None draws
            from all. An epoch keeps its number of batches.
        difficulty: How hard a sample is; None takes the curriculum's own ``difficulty``. Without a
            curriculum it is only reported.
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

    Raises:
        DataModuleError: If the folder holds another kind of samples.
    """

    kind = "text"

    def __init__(
        self,
        root: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        size: int = 224,
        crop_scale: tuple[float, float] | None = None,
        flip: float = 0.0,
        normalize: bool = True,
        normalization: NormalizationName = "clip",
        batch_size: int = 32,
        seed: int = 0,
        curriculum: Curriculum | None = None,
        difficulty: RecordDifficulty | None = None,
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
        self.normalize = NormalizePixels(*NORMALIZATIONS[normalization])
        self._normalizes = normalize
        self._size = size
        self._view = RandomView(scale=crop_scale, flip=flip)

    def decoder(self, split: str) -> CaptionReader:
        """Annotation, text and header; pixels are decoded by :meth:`collate`."""
        return CaptionReader()

    def transform(self, split: str) -> CaptionView | None:
        """The random view of training; None where pictures are shown as they are."""
        return CaptionView(self._view) if self._view.varies else None

    def collate(self, split: str) -> CaptionCollate:
        """Decode into one array, with targets in the label order of the run."""
        return CaptionCollate(item_target(self.manifest, self.label_map), size=self._size)

    def on_after_batch_transfer(self, batch: AffectBatch, dataloader_idx: int) -> AffectBatch:
        """Normalise pixels where they are now; the trainer calls this after moving a batch."""
        if self._normalizes:
            batch.inputs["visual"] = self.normalize.to(batch.valid.device)(batch.inputs["visual"])
        return batch
