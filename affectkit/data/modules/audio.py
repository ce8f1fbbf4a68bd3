"""Recordings from shards, as waveforms of one rate."""

from __future__ import annotations

from typing import Literal

from affectkit.data.loader import DataReading, item_target
from affectkit.data.loader.audio_batch import AudioCollate, AudioReader, AudioSample, AudioView
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.plan import Shuffle
from affectkit.data.schema import ShardError
from affectkit.types import Curriculum, RecordDifficulty


class AudioDataModule(ShardDataModule[AudioSample]):
    """Recordings with labels, dimensions or both, whatever their lengths.

    Batches hold waveforms in [-1, 1], ``inputs["audio"]`` (B, T) at ``rate`` and ``masks["audio"]``, filled
    up to the longest of the batch; several channels become their mean. What is read is WAV, and with the
    extra ``audio`` FLAC. The encoder of the task must be made for the same ``rate``.

    Args:
        root: Folder with a ``manifest.json`` of kind ``audio``, e.g. from ``affectkit shards make emodb``.
        rate: Samples per second that every recording is brought to.
        resampled: Whether recordings of another rate are resampled; with false they are an error, for runs
            whose recordings should all have ``rate`` already.
        label_space: Name of the run's label space; None takes that of the manifest.
        label_merge: Stored label -> label of the run.
        label_drop: Stored labels to leave out; their rows stay, with label -100.
        max_seconds: Seconds of a recording that are kept, from its begin; None = all of it.
        crop_seconds: Length of the random stretch that training hears of a recording; None = all of it.
        gain_db: Largest random change of the loudness in training, in decibels.
        bucket_by_length: Put recordings of like length into a batch (training only), so that little of it
            is filling; not with ``shuffle="lanes"``.
        batch_size: Rows of a batch over all ranks together.
        seed: Seed of order and augmentation.
        curriculum: Which samples an epoch of training draws from; None draws from all.
        difficulty: How hard a sample is; None takes the curriculum's own ``difficulty``.
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
            with silence, without targets and with weight 0, warns, and counts it as ``STAGE/damaged``.
        max_damaged: How many rows of an epoch may be masked: a number as an int, a share as a float.

    Raises:
        DataModuleError: If the folder holds another kind of samples, or a number is out of range.
        MissingExtraError: If a FLAC file is read and soundfile is not installed.
    """

    kind = "audio"

    def __init__(
        self,
        root: str,
        *,
        rate: int = 16_000,
        resampled: bool = True,
        label_space: str | None = None,
        label_merge: dict[str, str] | None = None,
        label_drop: list[str] | None = None,
        max_seconds: float | None = None,
        crop_seconds: float | None = None,
        gain_db: float = 0.0,
        bucket_by_length: bool = True,
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
        seconds = [value for value in (max_seconds, crop_seconds) if value is not None]
        if rate < 1 or gain_db < 0 or any(value <= 0 for value in seconds):
            raise DataModuleError(
                f"AudioDataModule got rate={rate}, max_seconds={max_seconds}, crop_seconds={crop_seconds}, "
                f"gain_db={gain_db}: give a rate and seconds above 0, and a gain of 0 or more."
            )
        self.rate = rate
        self._reader = AudioReader(rate, resampled=resampled, max_seconds=max_seconds)
        self._view = AudioView(
            samples=None if crop_seconds is None else max(1, round(crop_seconds * rate)), gain_db=gain_db
        )
        self._crop_seconds = crop_seconds
        self._reading = DataReading(
            "AudioDataModule", {"rate": rate, "resampled": resampled, "max_seconds": max_seconds}
        )
        # Lanes are read as they are stored, each rank its own: nothing there can be sorted.
        self._bucket_by_length = bucket_by_length and shuffle != "lanes"
        self._lengths: list[int] | None = None

    @property
    def reading(self) -> DataReading:
        """How evaluation hears a recording; a checkpoint keeps it for predictions on files."""
        return self._reading

    def decoder(self, split: str) -> AudioReader:
        """The record and the sound."""
        return self._reader

    def transform(self, split: str) -> AudioView | None:
        """The random stretch and loudness of training; None where recordings are heard as they are."""
        return self._view if self._view.varies else None

    def collate(self, split: str) -> AudioCollate:
        """Join, with targets in the label order of the run."""
        return AudioCollate(item_target(self.manifest, self.label_map))

    def lengths(self, split: str) -> list[int] | None:
        """Hundredths of a second that training hears of each recording, where batches go by length."""
        if not self._bucket_by_length:
            return None
        if self._lengths is None:
            store = self.store(split)
            self._lengths = [self._length(split, position) for position in range(len(store))]
        return self._lengths

    def _length(self, split: str, position: int) -> int:
        store = self.store(split)
        try:
            seconds = self._reader.seconds(store.get(position))
        except ShardError as error:
            if self._damage == "error":
                raise ShardError(f"{store.describe(position)}: {error}") from error
            return 0
        heard = seconds if self._crop_seconds is None else min(seconds, self._crop_seconds)
        return round(100 * heard)
