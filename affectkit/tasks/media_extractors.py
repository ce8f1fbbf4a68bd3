"""Encoders of the turns of a conversation, from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from affectkit.encoders import (
    FaceGroupEncoder,
    LogMelConvEncoder,
    TimmImageEncoder,
    TransformersAudioEncoder,
    TransformersTokenEncoder,
)
from affectkit.encoders.pooled_tokens import Pooling
from affectkit.tasks.audio_task import StatesRate
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.types import Encoder

#: The encoder of waveforms that needs no weights of others.
LOG_MEL: Final = "log_mel"


class ExtractorChoice(NamedTuple):
    """Which encoders are made for what a turn was recorded as.

    Attributes:
        text: Folder, hub name or ``"tiny"``.
        text_pooling: Over the tokens of a turn.
        audio: ``"log_mel"``, or folder, hub name or ``"tiny"`` of a model of waveforms.
        rate: Samples per second.
        num_mels: Bands of ``"log_mel"``.
        frame_ms: Length of its frames in milliseconds.
        hop_ms: From one frame to the next in milliseconds.
        widths: Channels of its layers.
        visual: Name in timm.
        visual_pretrained: Whether its published weights are loaded.
        scene: Whether the first picture of a turn is its scene.
    """

    text: str
    text_pooling: Pooling
    audio: str
    rate: int
    num_mels: int
    frame_ms: float
    hop_ms: float
    widths: Sequence[int]
    visual: str
    visual_pretrained: bool
    scene: bool

    def make(self, media: Sequence[str], given: Mapping[str, Encoder]) -> dict[str, Encoder]:
        """Encoder of each of ``media``; those that are given ready stay as they are.

        Raises:
            ValueError: If a medium is unknown and no encoder of it is given, or hears another rate.
        """
        # In the order of their names, so that the random start never depends on that of a list.
        found = {
            name: given[name] if name in given else self._made(name) for name in sorted({*media, *given})
        }
        heard: object = found.get("audio")
        if isinstance(heard, StatesRate) and heard.rate != self.rate:
            raise ValueError(
                f"ConversationMediaTask got rate={self.rate} and an encoder of sound at {heard.rate} Hz: set "
                f"rate to {heard.rate}, here and in the data module."
            )
        return found

    def _made(self, name: str) -> Encoder:
        if name == "text":
            return TransformersTokenEncoder(self.text, pooling=self.text_pooling)
        if name == "audio" and self.audio == LOG_MEL:
            return LogMelConvEncoder(
                self.rate,
                num_mels=self.num_mels,
                frame_ms=self.frame_ms,
                hop_ms=self.hop_ms,
                widths=self.widths,
            )
        if name == "audio":
            return TransformersAudioEncoder(self.audio, trained="transformer", rate=self.rate)
        if name == "visual":
            pictures = TimmImageEncoder(self.visual, pretrained=self.visual_pretrained)
            return FaceGroupEncoder(PixelEncoder(pictures), scene=self.scene)
        raise ValueError(
            f"ConversationMediaTask knows no encoder for {name!r}: choose media among audio, text and "
            f"visual, or give an encoder of your own, extractors={{{name!r}: ...}}."
        )
