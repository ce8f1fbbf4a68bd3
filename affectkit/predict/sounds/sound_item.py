"""Recordings that are to be predicted: files, arrays and samples of shards, not read yet."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.decode import DecodeError, audio_seconds
from affectkit.data.schema import ShardError
from affectkit.predict.error import PredictError
from affectkit.predict.find_items import ItemKind, find_items
from affectkit.predict.item import Members, PredictItem, file_members, item_json
from affectkit.predict.videos.video_sound import has_sound_track, video_sound

#: Members of a recording in memory: its samples as float32, one channel after the other, and what they mean.
WAVE: Final = "wave"
RATE: Final = "rate"
#: Member that says from which second to which second a part goes.
PART: Final = "part"
_SOUNDS: Final = (".wav", ".flac")
WHOLE_SOUND: Final = "whole recording"
VIDEO_SOUND: Final = "sound of the video"


class Sound(NamedTuple):
    """A recording in memory.

    Shape:
        - waveform: (T,) or (channels, T) float in [-1, 1].
    """

    waveform: Tensor | NDArray[np.float32]
    rate: int


def sound_item(sound: str | os.PathLike[str] | Sound | PredictItem) -> PredictItem:
    """Take a file by its path, or a recording in memory; nothing is read yet.

    Raises:
        PredictError: If a recording in memory has no samples, or is no float waveform.
    """
    if isinstance(sound, PredictItem):
        return sound
    if isinstance(sound, (str, os.PathLike)):
        path = Path(sound)
        if has_sound_track(path):
            return PredictItem(str(path), VIDEO_SOUND, partial(_file, path), source=path)
        return PredictItem(str(path), WHOLE_SOUND, partial(_file, path))
    wave = torch.as_tensor(sound.waveform).detach().cpu()
    if not wave.is_floating_point() or wave.ndim not in (1, 2) or not wave.numel() or sound.rate < 1:
        raise PredictError(
            f"A recording was given as {wave.dtype} of shape {tuple(wave.shape)} at {sound.rate} Hz: give "
            "floats in [-1, 1] of shape (T,) or (channels, T), and the samples per second."
        )
    return PredictItem("array", WHOLE_SOUND, partial(_array, wave.reshape(-1, wave.shape[-1]), sound.rate))


def find_sounds(
    paths: Iterable[str | os.PathLike[str]], *, split: str = "test", every: float | None = None
) -> list[PredictItem]:
    """Files as they are named, recordings below folders, sorted, and the samples of shards.

    Of a video that is named, the sound is a recording. A file that is no recording is kept, since its
    row then says so; in a folder it is passed over.

    Args:
        paths: Files, folders, or folders of shards.
        split: Split of the shards.
        every: Cut recordings into parts of so many seconds, the last one shorter; None = each is whole.

    Raises:
        PredictError: If there is no such place, a folder holds no recording, or nothing is named.
        ShardError: If shards are damaged.
    """
    kind = ItemKind(
        thing="recording",
        things="recordings",
        stored="audio",
        files="wav or flac",
        belongs=lambda path: path.suffix.lower() in _SOUNDS and not path.name.startswith("."),
        items=lambda path: [sound_item(path)] if every is None else _parts(path, every),
        region=WHOLE_SOUND,
    )
    return find_items(paths, kind, split=split)


def _parts(path: Path, every: float) -> list[PredictItem]:
    if not every > 0:
        raise PredictError(f"Parts of {every:g} seconds were asked for: give a number above 0.")
    try:
        members = _file(path)
        seconds = _seconds(members)
    except (ShardError, OSError):
        return [sound_item(path)]  # its row says why it cannot be read
    starts = [number * every for number in range(max(1, math.ceil(seconds / every - 1e-9)))]
    return [
        PredictItem(
            str(path),
            VIDEO_SOUND if has_sound_track(path) else WHOLE_SOUND,
            partial(_part, path, start, min(start + every, seconds)),
            part=f"part {number}",
            start=start,
            stop=min(start + every, seconds),
            source=path,
        )
        for number, start in enumerate(starts)
    ]


def _seconds(members: Members) -> float:
    if WAVE in members:
        rate, channels = map(int, bytes(members[RATE]).split())
        return len(members[WAVE]) / (4 * channels * rate)
    (kind,) = (name for name in members if name != "json")
    return audio_seconds(members[kind], kind=kind)


def _part(path: Path, start: float, stop: float) -> Members:
    return {**_file(path), PART: memoryview(f"{start!r} {stop!r}".encode())}


def _file(path: Path) -> Members:
    suffix = path.suffix.lower()
    if has_sound_track(path):
        return _video(path, path.stat().st_mtime_ns)
    if suffix not in _SOUNDS:
        raise DecodeError(
            f"The name of the file ends in {suffix or 'nothing'!r}, not in wav or flac: convert it if it "
            f"holds sound, `ffmpeg -i {path.name} {path.stem}.wav`."
        )
    return file_members(suffix.removeprefix("."), _bytes(path, path.stat().st_mtime_ns))


def _array(wave: Tensor, rate: int) -> Members:
    return _wave(wave.float().numpy(), rate)


def _wave(samples: NDArray[np.float32], rate: int) -> Members:
    held = np.ascontiguousarray(samples)
    return {
        "json": item_json(),
        WAVE: held.reshape(-1).view(np.uint8).data,
        RATE: memoryview(f"{rate} {held.shape[0]}".encode()),
    }


@lru_cache(maxsize=1)
def _video(path: Path, changed: int) -> Members:
    # The parts of a recording are heard one after the other: the sound of one file is kept.
    return _wave(*video_sound(path))


@lru_cache(maxsize=1)
def _bytes(path: Path, changed: int) -> bytes:
    # The parts of a recording are read one after the other: one file at a time is kept.
    return path.read_bytes()
