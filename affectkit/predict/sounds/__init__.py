"""Predictions on recordings as they lie about."""

from __future__ import annotations

from affectkit.predict.sounds.predictor import SoundPredictor
from affectkit.predict.sounds.sound_item import Sound, find_sounds
from affectkit.predict.sounds.sound_view import SoundView

__all__ = ("Sound", "SoundPredictor", "SoundView", "find_sounds")
