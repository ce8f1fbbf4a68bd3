"""Predictions on clips as they lie about."""

from __future__ import annotations

from affectkit.predict.clips.clip_item import find_clips
from affectkit.predict.clips.clip_view import ClipView
from affectkit.predict.clips.predictor import ClipPredictor

__all__ = ("ClipPredictor", "ClipView", "find_clips")
