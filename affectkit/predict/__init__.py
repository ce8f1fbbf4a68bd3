"""Running finished models over data: predictions on your own pictures, features of frozen encoders."""

from __future__ import annotations

from affectkit.predict.conversation_stream import ConversationStream, StreamedTurn
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
from affectkit.predict.teach import PictureTeacher, make_prototypes, store_teacher_answers

__all__ = (
    "ConversationStream",
    "ExtractError",
    "ExtractReport",
    "PictureItem",
    "PicturePrediction",
    "PicturePredictor",
    "PictureTeacher",
    "PredictError",
    "StreamedTurn",
    "TableReport",
    "TrainedTask",
    "extract_features",
    "find_checkpoint",
    "find_pictures",
    "load_trained",
    "make_prototypes",
    "most_typical",
    "named_extractor",
    "store_teacher_answers",
    "stored_modalities",
    "write_predictions",
)
