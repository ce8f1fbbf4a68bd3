"""Encoders by the names that the command line knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from torch import Tensor

from affectkit.encoders import FeatureExtractor, TransformersTextEncoder, tiny
from affectkit.predict.extract.error import ExtractError

#: Name of the encoders that need no weights, of every modality.
TINY: Final = "tiny"


class NamedExtractor:
    """An encoder that travels to another process by its name instead of by its weights.

    A model of transformers does not survive pickling (its hidden states are no longer given out),
    and hundreds of megabytes need not go through a pipe: the receiving process loads it anew.

    Args:
        modality: What it encodes.
        name: The name it was made by.
        encoder: The encoder itself.
    """

    def __init__(self, modality: str, name: str, encoder: FeatureExtractor) -> None:
        self.modality = modality
        self.name = name
        self.out_dim = encoder.out_dim
        self.identity = encoder.identity
        self._encoder = encoder

    def __call__(self, items: Sequence[object]) -> Tensor:
        """Turn n items into (n, D)."""
        return self._encoder(items)

    def __reduce__(self) -> tuple[Callable[[str, str], NamedExtractor], tuple[str, str]]:
        return named_extractor, (self.modality, self.name)


def named_extractor(modality: str, name: str = TINY) -> NamedExtractor:
    """Make the encoder of a modality.

    Args:
        modality: ``"text"``, ``"visual"`` or ``"audio"``.
        name: ``"tiny"``, or for text a local folder or a hub name of a transformers model.

    Raises:
        ExtractError: If there is no such encoder, or it cannot be loaded.
        MissingExtraError: If it needs a package that is not installed.

    Example:
        >>> named_extractor("audio").modality
        'audio'
    """
    return NamedExtractor(modality, name, _load(modality, name))


def _load(modality: str, name: str) -> FeatureExtractor:
    if name == TINY and modality == "text":
        return tiny.TinyTextEncoder()
    if name == TINY and modality == "visual":
        return tiny.TinyImageEncoder()
    if name == TINY and modality == "audio":
        return tiny.TinyAudioEncoder()
    if modality != "text":
        raise ExtractError(
            f"There is no {modality} encoder {name!r}: use 'tiny', or pass an encoder of your own to "
            "affectkit.predict.extract_features."
        )
    try:
        return TransformersTextEncoder(name)
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ExtractError(
            f"The text encoder {name!r} cannot be loaded ({reason}): give 'tiny', a local folder with "
            "configuration, tokenizer and weights, or the name of a model on the hub."
        ) from error
