"""How evaluation hears a recording."""

from __future__ import annotations

from typing import NamedTuple, Self

from affectkit.data.loader.audio_batch import AudioReader
from affectkit.predict.run_data import RunData


class SoundView(NamedTuple):
    """What :class:`~affectkit.data.modules.AudioDataModule` does to a recording in evaluation.

    Attributes:
        rate: Samples per second that every recording is brought to.
        resampled: Whether recordings of another rate are resampled; else they are an error.
        max_seconds: Seconds that are heard, from the begin; None = all.
    """

    rate: int = 16_000
    resampled: bool = True
    max_seconds: float | None = None

    @classmethod
    def of_run(cls, data: RunData) -> Self:
        """What a run says."""
        return cls(
            data.value("rate", int, 16_000),
            data.value("resampled", bool, True),
            data.optional("max_seconds", float),
        )

    def decoder(self) -> AudioReader:
        """Record and sound."""
        return AudioReader(self.rate, resampled=self.resampled, max_seconds=self.max_seconds)
