"""Running finished models over data: features of frozen encoders into new shards."""

from __future__ import annotations

from affectkit.predict.extract import (
    ExtractError,
    ExtractReport,
    extract_features,
    named_extractor,
    stored_modalities,
)

__all__ = (
    "ExtractError",
    "ExtractReport",
    "extract_features",
    "named_extractor",
    "stored_modalities",
)
