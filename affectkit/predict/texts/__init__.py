"""Predictions on texts as they lie about."""

from __future__ import annotations

from affectkit.predict.texts.predictor import TextPredictor
from affectkit.predict.texts.text_item import find_texts
from affectkit.predict.texts.text_view import TextView

__all__ = ("TextPredictor", "TextView", "find_texts")
