"""Recordings of files, shards and arrays to what a model hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from affectkit.data.decode import DecodeError
from affectkit.data.loader.audio_batch import AudioReader, AudioSample
from affectkit.data.loader.visual_sample import read_item
from affectkit.functional import resample
from affectkit.predict.sounds.sound_item import PART, RATE, WAVE
from affectkit.predict.sounds.sound_view import SoundView


class SoundReader:
    """Reads a recording as :class:`~affectkit.data.loader.audio_batch.AudioReader` does.

    Args:
        view: How evaluation hears it.

    Raises:
        ShardError: If it is damaged or holds no sound, or has another rate and must not.
    """

    def __init__(self, view: SoundView) -> None:
        self._view = view
        self._read = view.decoder()
        self._whole = AudioReader(view.rate, resampled=view.resampled)
        self._last: tuple[object, AudioSample] | None = None

    def __call__(self, members: Mapping[str, memoryview]) -> AudioSample:
        """Read ``members``."""
        if PART in members:
            sample = self._part(members)
        else:
            heard = self._view.max_seconds
            sample = self._from_memory(members, heard) if WAVE in members else self._read(members)
        if not len(sample.waveform):
            raise DecodeError("The recording holds no sound: record it anew, or leave the file out.")
        return sample

    def outline(self, members: Mapping[str, memoryview]) -> AudioSample:
        """A recording without a sample."""
        return self._read.outline(members)

    def _part(self, members: Mapping[str, memoryview]) -> AudioSample:
        # The parts of a recording come one after the other: it is decoded once.
        data = next(members[kind].obj for kind in ("wav", "flac", WAVE) if kind in members)
        if self._last is None or self._last[0] is not data:
            whole = self._from_memory(members, None) if WAVE in members else self._whole(members)
            self._last = (data, whole)
        first, stop = (round(float(place) * self._view.rate) for place in bytes(members[PART]).split())
        wave = self._last[1].waveform[first:stop]
        if self._view.max_seconds is not None:
            wave = wave[: round(self._view.max_seconds * self._view.rate)]
        return replace(self._last[1], waveform=wave)

    def _from_memory(self, members: Mapping[str, memoryview], seconds: float | None) -> AudioSample:
        rate, channels = map(int, bytes(members[RATE]).split())
        wave = torch.from_numpy(np.frombuffer(members[WAVE], np.float32).reshape(channels, -1).copy())
        if rate != self._view.rate and not self._view.resampled:
            raise DecodeError(
                f"The recording has {rate} samples per second, and the model hears {self._view.rate}: "
                "resample it first."
            )
        if seconds is not None:
            wave = wave[:, : round(seconds * rate)]
        return AudioSample(read_item(members), resample(wave.mean(dim=0), rate, self._view.rate))
