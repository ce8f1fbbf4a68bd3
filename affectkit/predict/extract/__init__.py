"""Frozen features of a data set, computed once and stored."""

from __future__ import annotations

from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.extract_features import extract_features, stored_modalities
from affectkit.predict.extract.named_extractor import named_extractor
from affectkit.predict.extract.share_work import ExtractReport

__all__ = (
    "ExtractError",
    "ExtractReport",
    "extract_features",
    "named_extractor",
    "stored_modalities",
)
