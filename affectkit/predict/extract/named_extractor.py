"""Encoders by the names that the command line knows."""

from __future__ import annotations

from typing import Final

from affectkit.encoders import FeatureExtractor, TransformersTextEncoder, tiny
from affectkit.predict.extract.error import ExtractError

#: Name of the encoders that need no weights, of every modality.
TINY: Final = "tiny"


def named_extractor(modality: str, name: str = TINY) -> FeatureExtractor:
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
