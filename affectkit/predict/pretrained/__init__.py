"""Predictions by classifiers of transformers."""

from __future__ import annotations

from affectkit.predict.pretrained.predictor import PretrainedPredictor

__all__ = ("PretrainedPredictor",)
