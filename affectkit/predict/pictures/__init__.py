"""Predictions on pictures as they lie about."""

from __future__ import annotations

from affectkit.predict.pictures.error import PredictError
from affectkit.predict.pictures.picture_item import PictureItem, find_pictures
from affectkit.predict.pictures.prediction import PicturePrediction
from affectkit.predict.pictures.prediction_table import TableReport, write_predictions
from affectkit.predict.pictures.predictor import PicturePredictor
from affectkit.predict.pictures.trained_task import TrainedTask, find_checkpoint, load_trained
from affectkit.predict.pictures.typical import most_typical

__all__ = (
    "PictureItem",
    "PicturePrediction",
    "PicturePredictor",
    "PredictError",
    "TableReport",
    "TrainedTask",
    "find_checkpoint",
    "find_pictures",
    "load_trained",
    "most_typical",
    "write_predictions",
)
