"""Clips from shards: one frame of each segment, the others not decoded where the codec allows."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast

from affectkit.data.batch import AffectBatch
from affectkit.data.collate import Collate
from affectkit.data.decode.fit_into import Fit
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.data.loader import (
    ClipCollate,
    ClipReader,
    ClipSample,
    ClipView,
    DataReading,
    Decode,
    RandomView,
    StreamCollate,
    StreamReader,
    StreamsSample,
    StreamViews,
    Transform,
    item_target,
)
from affectkit.data.loader.pattern_collate import PatternCollate
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.modules.stream_options import stream_specs
from affectkit.data.plan import Shuffle
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, NormalizationName
from affectkit.types import Curriculum, RecordDifficulty

_Sample: TypeAlias = ClipSample | StreamsSample


class ClipDataModule(ShardDataModule[_Sample]):
    """Clips, stored as mp4 or as one picture a frame.

    Each clip is cut into equal segments; training sees a random frame of each, evaluation the middle
    one. Batches hold uint8 (B, T, 3, size, size) in ``inputs["visual"]``; all frames of a clip are cropped
    and flipped alike.

    Args:
        root: Folder with a ``manifest.json`` of kind ``clip``.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their rows stay, with label -100.
        segments: Number T of frames that are seen of a clip.
        size: Side of the squares that clips become; None keeps them as they are, all of one size.
        crop_scale: Range of the share of the area that a random crop shows in training; None shows
            all of it.
        flip: Probability of swapping left and right in training.
        normalize: Whether batches become normalised float, on the device and by the trainer, when it
            has moved them; in a loop of your own, call ``data.normalize(pixels)``.
        normalization: What pixels are brought to: ``"clip"``, ``"imagenet"``, ``"half"`` (-1..1) or
            ``"none"`` (0..1).
        streams: Aligned views, e.g. ``["face", "context"]``, each an entry of ``inputs`` instead of
            ``"visual"``: from members of their own or cut by the record's boxes; see
            :class:`~affectkit.data.loader.StreamReader`. None = one view of whole frames.
        fit: How a stream becomes a square, ``"stretch"``, ``"crop"`` or ``"letterbox"``, by its name;
            unless given, ``"letterbox"`` for a context and ``"stretch"`` for others.
        box_margin: Pixels around the boxes of a stream by its name; unless given, 20 for a face.
        tied: Whether all streams of a sample get the same random window, flip and turn.
        rotation: Most degrees to turn by in training, either way; for streams.
        patterns: Whether every view comes with the local binary patterns of its frames as a further input,
            ``"visual_lbp"``; see :func:`~affectkit.functional.local_binary_pattern`.
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

    kind = "clip"

    def __init__(
        self,
        root: str,
        *,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        segments: int = 16,
        size: int | None = 224,
        crop_scale: tuple[float, float] | None = None,
        flip: float = 0.5,
        normalize: bool = True,
        normalization: NormalizationName = "imagenet",
        streams: list[str] | None = None,
        fit: dict[str, Fit] | None = None,
        box_margin: dict[str, float] | None = None,
        tied: bool = True,
        rotation: float = 0.0,
        patterns: bool = False,
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
        self._normalization: NormalizationName = normalization
        self._segments = segments
        self._size = size
        self._view = RandomView(scale=crop_scale, flip=flip)
        self._patterns = patterns
        self._specs = [] if streams is None else stream_specs(streams, fit=fit, margin=box_margin)
        self._views = StreamViews(scale=crop_scale, flip=flip, rotation=rotation, tied=tied)
        if self._specs and size is None:
            raise DataModuleError("Streams become squares of one size: give the data module a size.")
        if not self._specs and (fit or box_margin or rotation):
            raise DataModuleError(
                "fit, box_margin and rotation are for streams: give streams, e.g. streams=['visual']."
            )

    @property
    def reading(self) -> DataReading:
        """How evaluation shows a clip; a checkpoint keeps it for predictions on files."""
        return DataReading(
            "ClipDataModule",
            {
                "segments": self._segments,
                "size": self._size,
                "streams": [spec.name for spec in self._specs] or None,
                "fit": {spec.name: spec.fit for spec in self._specs} or None,
                "box_margin": {spec.name: spec.margin for spec in self._specs} or None,
                "normalize": self._normalizes,
                "normalization": self._normalization,
                "patterns": self._patterns,
            },
        )

    def decoder(self, split: str) -> Decode[_Sample]:
        """Annotation and headers; pixels are decoded by :meth:`collate`."""
        if self._specs:
            return StreamReader(self._specs, segments=self._segments)
        return ClipReader(segments=self._segments)

    def transform(self, split: str) -> Transform[_Sample]:
        """The random view of training."""
        if self._specs:
            return cast("Transform[_Sample]", self._views)
        return cast("Transform[_Sample]", ClipView(self._view))

    def collate(self, split: str) -> Collate[_Sample]:
        """Decode into one array, with targets in the label order of the run."""
        target = item_target(self.manifest, self.label_map)
        joined = cast(
            "Collate[_Sample]",
            StreamCollate(target, size=self._size or 0)
            if self._specs
            else ClipCollate(target, size=self._size),
        )
        return PatternCollate(joined) if self._patterns else joined

    def on_after_batch_transfer(self, batch: AffectBatch, dataloader_idx: int) -> AffectBatch:
        """Normalise pixels where they are now; the trainer calls this after moving a batch."""
        if self._normalizes:
            normalize = self.normalize.to(batch.valid.device)
            for name, pixels in batch.inputs.items():
                batch.inputs[name] = normalize(pixels)
        return batch
