"""Predictions on pictures as they lie about."""

from __future__ import annotations

from affectkit.predict.pictures.picture_item import find_pictures
from affectkit.predict.pictures.predictor import PicturePredictor
from affectkit.predict.pictures.trained_task import TrainedTask, load_trained
from affectkit.predict.pictures.typical import most_typical

__all__ = (
    "PicturePredictor",
    "TrainedTask",
    "find_pictures",
    "load_trained",
    "most_typical",
)
