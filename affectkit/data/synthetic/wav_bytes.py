"""Samples as the bytes of a WAV file."""

from __future__ import annotations

import io
import wave

import numpy as np
import numpy.typing as npt

from affectkit.data.synthetic.voice import SAMPLE_RATE


def wav_bytes(waveform: npt.NDArray[np.float32]) -> bytes:
    """Encode samples (n,) in [-1, 1) as 16 bits at :data:`SAMPLE_RATE`."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((waveform * 32768.0).astype("<i2").tobytes())
    return buffer.getvalue()
