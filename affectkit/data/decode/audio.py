"""WAV and FLAC members to waveforms; the only module that touches soundfile."""

from __future__ import annotations

import io
import wave
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from affectkit._optional import require
from affectkit.data.decode.error import DecodeError

#: A header may claim any length; more samples than these (1 GiB as float32) are not decoded.
MAX_SAMPLES = 2**28


class Audio(NamedTuple):
    """A decoded sound.

    Shape:
        - waveform: (channels, T) float32 in [-1, 1].
        - rate: samples per second.
    """

    waveform: Tensor
    rate: int


def decode_audio(data: bytes | memoryview, *, kind: str) -> Audio:
    """Decode a WAV or FLAC file.

    WAV files of 8, 16, 24 or 32-bit integers are read by the standard library, so that they need
    no extra; every other form needs the extra ``audio``. Both divide by the integer range.

    Raises:
        DecodeError: If the file is damaged, empty of channels, or longer than :data:`MAX_SAMPLES`.
        MissingExtraError: If soundfile is needed and not installed.
    """
    raw = bytes(data)
    if kind == "wav" and (audio := _plain_wav(raw)) is not None:
        return audio
    soundfile = require(
        "soundfile", extra="audio", purpose="Reading FLAC files and WAV files beyond plain PCM"
    )
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            _check_length(file.frames * file.channels)
            values = file.read(dtype="float32", always_2d=True)
            rate = int(file.samplerate)
            if len(values) != file.frames:
                raise DecodeError(
                    f"The {kind} file ends after {len(values)} of {file.frames} samples: restore it."
                )
    except soundfile.LibsndfileError as error:
        raise DecodeError(f"The {kind} file is damaged ({error.error_string}): restore it.") from error
    except (soundfile.SoundFileRuntimeError, TypeError, ValueError) as error:
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(f"The {kind} file is damaged ({error}): restore it or make it anew.") from error
    return Audio(torch.from_numpy(np.ascontiguousarray(values.T, dtype=np.float32)), rate)


def audio_seconds(data: bytes | memoryview, *, kind: str) -> float:
    """Length of a WAV or FLAC file in seconds, as its header states it.

    Raises:
        DecodeError: If the header is damaged.
        MissingExtraError: If soundfile is needed and not installed.
    """
    raw = bytes(data)
    if kind == "wav":
        try:
            with wave.open(io.BytesIO(raw)) as file:
                return float(file.getnframes() / file.getframerate())
        except (wave.Error, EOFError, RuntimeError, ZeroDivisionError):
            pass  # no plain PCM: soundfile knows more forms
    soundfile = require(
        "soundfile", extra="audio", purpose="Reading FLAC files and WAV files beyond plain PCM"
    )
    try:
        return float(soundfile.info(io.BytesIO(raw)).duration)
    except soundfile.LibsndfileError as error:
        raise DecodeError(f"The {kind} file is damaged ({error.error_string}): restore it.") from error


def _plain_wav(raw: bytes) -> Audio | None:
    """Decode integer PCM; None where the file is no plain PCM WAV."""
    try:
        with wave.open(io.BytesIO(raw)) as file:
            channels, width, rate, frames = file.getparams()[:4]
            if channels < 1 or rate < 1 or width not in (1, 2, 3, 4):
                return None
            _check_length(frames * channels)
            content = file.readframes(frames)
    except (wave.Error, EOFError, RuntimeError):
        return None
    if len(content) != frames * channels * width:
        got = len(content) // (channels * width)
        raise DecodeError(f"The wav file ends after {got} of {frames} samples: restore it or make it anew.")
    values: np.ndarray[tuple[int], np.dtype[np.float32]]
    if width == 1:  # eight bits are unsigned
        values = (np.frombuffer(content, np.uint8).astype(np.float32) - 128.0) / 128.0
    elif width == 3:
        wide = np.zeros((frames * channels, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        values = (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    else:
        kind = np.dtype("<i2" if width == 2 else "<i4")
        values = (np.frombuffer(content, kind) / 2.0 ** (8 * width - 1)).astype(np.float32)
    return Audio(torch.from_numpy(np.ascontiguousarray(values.reshape(frames, channels).T)), rate)


def _check_length(samples: int) -> None:
    if samples > MAX_SAMPLES:
        raise DecodeError(
            f"The file claims {samples} audio samples, over the limit of {MAX_SAMPLES}: cut it."
        )
