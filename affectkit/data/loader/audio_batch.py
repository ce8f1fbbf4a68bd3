"""Recordings to a batch of waveforms of one rate, filled up with silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.decode.audio import Audio, audio_seconds, decode_audio
from affectkit.data.loader.item_target import ItemTarget
from affectkit.data.loader.visual_sample import read_item
from affectkit.data.schema import ItemRecord, ShardError
from affectkit.functional import resample

INPUT: Final = "audio"
_KINDS: Final = ("wav", "flac")


@dataclass(slots=True, frozen=True)
class AudioSample:
    """One recording.

    Shape:
        - waveform: (T,) float32 in [-1, 1], one channel.
    """

    record: ItemRecord
    waveform: Tensor


class AudioReader:
    """Reads the record of a recording and its sound: the mean of its channels, at one rate.

    Args:
        rate: Samples per second that every recording is brought to.
        resampled: Whether recordings of another rate are resampled; else they are an error.
        max_seconds: Seconds of a recording that are kept, from its begin; None = all of it.

    Raises:
        ShardError: If a member is missing or damaged, or a rate is another one and must not be.
    """

    def __init__(self, rate: int, *, resampled: bool = True, max_seconds: float | None = None) -> None:
        self._rate = rate
        self._resampled = resampled
        self._max_seconds = max_seconds

    def __call__(self, members: Mapping[str, memoryview]) -> AudioSample:
        """Read ``members``."""
        record = read_item(members)
        kind = self._kind(members)
        audio: Audio = decode_audio(members[kind], kind=kind)
        if audio.rate != self._rate and not self._resampled:
            raise ShardError(
                f"The recording has {audio.rate} samples per second, and the run reads {self._rate}: set "
                "resampled to true, or rate to that of the recordings."
            )
        samples = audio.waveform
        if self._max_seconds is not None:
            samples = samples[:, : round(self._max_seconds * audio.rate)]
        return AudioSample(record, resample(samples.mean(dim=0), audio.rate, self._rate))

    def outline(self, members: Mapping[str, memoryview]) -> AudioSample:
        """A recording without a sample, which makes no batch longer."""
        return AudioSample({"id": "", "label": None}, torch.zeros(0))

    def seconds(self, members: Mapping[str, memoryview]) -> float:
        """Length of a recording, from its header alone."""
        kind = self._kind(members)
        found = audio_seconds(members[kind], kind=kind)
        return found if self._max_seconds is None else min(found, self._max_seconds)

    @staticmethod
    def _kind(members: Mapping[str, memoryview]) -> str:
        for kind in _KINDS:
            if kind in members:
                return kind
        raise ShardError(
            f"The sample has no recording (it has {', '.join(sorted(members)) or 'nothing'}): it needs a "
            "member named wav or flac."
        )


@dataclass(slots=True, frozen=True)
class AudioView:
    """A random stretch of each recording, at a random loudness.

    Args:
        samples: Length of the stretch; shorter recordings stay whole. None keeps all of them.
        gain_db: Largest change of the loudness in decibels, either way.
    """

    samples: int | None = None
    gain_db: float = 0.0

    @property
    def varies(self) -> bool:
        """Whether there is anything to draw."""
        return self.samples is not None or self.gain_db > 0.0

    def __call__(self, sample: AudioSample, *, generator: torch.Generator) -> AudioSample:
        """Choose what is heard of ``sample``."""
        heard = sample.waveform
        drawn = torch.rand(2, generator=generator).tolist()
        if self.samples is not None and len(heard) > self.samples:
            start = int(drawn[0] * (len(heard) - self.samples + 1))
            heard = heard[start : start + self.samples]
        if self.gain_db:
            heard = heard * 10.0 ** (self.gain_db * (2.0 * drawn[1] - 1.0) / 20.0)
        return replace(sample, waveform=heard)


class AudioCollate:
    """Joins recordings.

    Args:
        target: Joins the annotations.

    Shape:
        - inputs["audio"]: (B, T) float32, T the longest recording; masks["audio"]: (B, T) bool, True = real.
        - present["audio"]: (B,) bool, False for a recording without a sample.
    """

    def __init__(self, target: ItemTarget) -> None:
        self._target = target

    def __call__(
        self,
        samples: Sequence[AudioSample],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        lengths = torch.tensor([len(sample.waveform) for sample in samples])
        # One sample at least, for a batch in which nothing is heard.
        longest = max(1, int(lengths.max()))
        waves = torch.zeros(len(samples), longest)
        for row, sample in enumerate(samples):
            waves[row, : len(sample.waveform)] = sample.waveform
        return AffectBatch(
            inputs={INPUT: waves},
            masks={INPUT: torch.arange(longest) < lengths.unsqueeze(1)},
            present={INPUT: lengths > 0},
            target=self._target([sample.record for sample in samples], keys=keys, valid=valid),
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions)},
        )
