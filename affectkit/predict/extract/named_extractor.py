"""Encoders by the names that the command line knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from affectkit.encoders import (
    FeatureExtractor,
    RecordingFeatures,
    TransformersAudioEncoder,
    TransformersTextEncoder,
    tiny,
)
from affectkit.encoders.pooled_tokens import Pooling
from affectkit.predict.extract.error import ExtractError

#: Name of the encoders that need no weights, of every modality.
TINY: Final = "tiny"


def named_extractor(
    modality: str,
    name: str = TINY,
    *,
    layers: Sequence[int] | Literal["all"] | None = None,
    pooling: Pooling | None = None,
) -> FeatureExtractor:
    """Make the encoder of a modality.

    Args:
        modality: ``"text"``, ``"visual"`` or ``"audio"``.
        name: ``"tiny"``, or for text and audio a local folder or a hub name of a transformers model.
        layers: Hidden states of a transformers model, side by side; None = the last alone.
        pooling: Over the tokens of a text, for a transformers model; None = ``"mean"``.

    Raises:
        ExtractError: If there is no such encoder, it cannot be loaded, or it has no such option.
        MissingExtraError: If it needs a package that is not installed.

    Examples:
        >>> named_extractor("audio").modality
        'audio'
    """
    if (modality != "text" or name == TINY) and (layers is not None or pooling is not None):
        raise ExtractError(
            f"The {modality} encoder {name!r} was given layers or a pooling, which only transformers models "
            "of text have: leave them out, or name such a model."
        )
    if name == TINY and modality == "text":
        return tiny.TinyTextEncoder()
    if name == TINY and modality == "visual":
        return tiny.TinyImageEncoder()
    if name == TINY and modality == "audio":
        return tiny.TinyAudioEncoder()
    if modality not in ("text", "audio"):
        raise ExtractError(
            f"There is no {modality} encoder {name!r}: use 'tiny', or pass an encoder of your own to "
            "affectkit.predict.extract_features."
        )
    try:
        if modality == "audio":
            return RecordingFeatures(TransformersAudioEncoder(name))
        return TransformersTextEncoder(
            name,
            layers=(-1,) if layers is None else layers,
            combine="mean" if layers is None else "concat",
            pooling=pooling or "mean",
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ExtractError(
            f"The {modality} encoder {name!r} cannot be loaded ({reason}): give 'tiny', a local folder with "
            f"configuration{', tokenizer' if modality == 'text' else ''} and weights, or the name of a model "
            "on the hub."
        ) from error
