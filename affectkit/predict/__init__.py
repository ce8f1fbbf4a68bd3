"""Running finished models over data: predictions on your own pictures, features of frozen encoders."""

from __future__ import annotations

from affectkit.predict.extract import (
    ExtractError,
    ExtractReport,
    extract_features,
    named_extractor,
    stored_modalities,
)
from affectkit.predict.pictures import (
    PictureItem,
    PicturePrediction,
    PicturePredictor,
    PredictError,
    TableReport,
    TrainedTask,
    find_checkpoint,
    find_pictures,
    load_trained,
    most_typical,
    write_predictions,
)

__all__ = (
    "ExtractError",
    "ExtractReport",
    "PictureItem",
    "PicturePrediction",
    "PicturePredictor",
    "PredictError",
    "TableReport",
    "TrainedTask",
    "extract_features",
    "find_checkpoint",
    "find_pictures",
    "load_trained",
    "most_typical",
    "named_extractor",
    "stored_modalities",
    "write_predictions",
)
