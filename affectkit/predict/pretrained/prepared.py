"""Pictures and recordings as the processor beside a classifier's weights prepares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affectkit.data.batch import AffectBatch
from affectkit.data.decode import DecodeError
from affectkit.data.loader import ImageReader
from affectkit.predict.sounds.sound_reader import SoundReader
from affectkit.predict.sounds.sound_view import SoundView


class PreparedPictures:
    """Reads pictures whole; the image processor makes of them what the network reads.

    Args:
        processor: The image processor.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._read = ImageReader()

    def decode(self, members: Mapping[str, memoryview]) -> NDArray[np.uint8]:
        """The pixels of a picture, (H, W, 3).

        Raises:
            ShardError: If it is damaged.
        """
        return self._read(members).picture.decode()

    def __call__(
        self,
        samples: Sequence[NDArray[np.uint8]],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        made: Mapping[str, Any] = self._processor(
            images=list(samples), return_tensors="pt", input_data_format="channels_last"
        )
        return AffectBatch(
            inputs={"pixel_values": torch.as_tensor(made["pixel_values"])},
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions)},
        )


class PreparedSounds:
    """Reads recordings at the rate of a feature extractor, which makes of them what the network reads.

    Args:
        extractor: The feature extractor.
    """

    def __init__(self, extractor: Any) -> None:
        self._extractor = extractor
        self.rate = int(extractor.sampling_rate)
        self._read = SoundReader(SoundView(self.rate))

    @property
    def heeds_filling(self) -> bool:
        """Whether the network is told where a batch is filled up; if not, it hears the silence."""
        return bool(getattr(self._extractor, "return_attention_mask", False))

    def decode(self, members: Mapping[str, memoryview]) -> NDArray[np.float32]:
        """The waveform of a recording, (T,).

        Raises:
            ShardError: If it is damaged or silent, or too short.
        """
        wave: NDArray[np.float32] = self._read(members).waveform.numpy()
        if len(wave) < self.rate // 40:
            raise DecodeError(
                f"The recording lasts {1000 * len(wave) / self.rate:.0f} ms, too short for a network of "
                "waveforms: leave the file out."
            )
        return wave

    def __call__(
        self,
        samples: Sequence[NDArray[np.float32]],
        *,
        keys: Sequence[str],
        positions: Sequence[int],
        valid: Sequence[bool],
    ) -> AffectBatch:
        """Join ``samples``."""
        made: Mapping[str, Any] = self._extractor(
            list(samples), sampling_rate=self.rate, padding=True, return_tensors="pt"
        )
        return AffectBatch(
            inputs={name: torch.as_tensor(values) for name, values in made.items()},
            valid=torch.tensor(valid, dtype=torch.bool),
            keys=list(keys),
            meta={"positions": list(positions)},
        )
