"""Running finished models over data: predictions on your own files, features of frozen encoders."""

from __future__ import annotations

from affectkit.predict.boxes import Box, read_boxes, with_boxes
from affectkit.predict.clips import ClipPredictor, ClipView, find_clips
from affectkit.predict.conversation_stream import ConversationStream, StreamedTurn
from affectkit.predict.dialogues import (
    ConversationMediaPredictor,
    DialoguePredictor,
    DialogueView,
    MediaView,
    PromptView,
    ShownDemonstrations,
    find_dialogues,
)
from affectkit.predict.error import PredictError
from affectkit.predict.extract import (
    ExtractError,
    ExtractReport,
    extract_features,
    named_extractor,
    stored_modalities,
)
from affectkit.predict.faces import FaceDetector, FoundFace, named_face_detector, with_faces
from affectkit.predict.features import (
    ConversationPredictor,
    MediaFeaturePredictor,
    TextFeaturePredictor,
    TextFeatures,
)
from affectkit.predict.item import PredictItem
from affectkit.predict.loaded_task import find_checkpoint
from affectkit.predict.open_predictor import open_predictor
from affectkit.predict.pictures import (
    PicturePredictor,
    TrainedTask,
    find_pictures,
    load_trained,
    most_typical,
)
from affectkit.predict.prediction import Prediction
from affectkit.predict.predictor import Predictor
from affectkit.predict.pretrained import PretrainedPredictor
from affectkit.predict.sounds import Sound, SoundPredictor, SoundView, find_sounds
from affectkit.predict.table import TableReport, write_predictions
from affectkit.predict.teach import PictureTeacher, make_prototypes, store_teacher_answers
from affectkit.predict.texts import TextPredictor, TextView, find_texts
from affectkit.predict.timeline import Timeline, write_film_with_curve, write_timeline

__all__ = (
    "Box",
    "ClipPredictor",
    "ClipView",
    "ConversationMediaPredictor",
    "ConversationPredictor",
    "ConversationStream",
    "DialoguePredictor",
    "DialogueView",
    "ExtractError",
    "ExtractReport",
    "FaceDetector",
    "FoundFace",
    "MediaFeaturePredictor",
    "MediaView",
    "PicturePredictor",
    "PictureTeacher",
    "PredictError",
    "PredictItem",
    "Prediction",
    "Predictor",
    "PretrainedPredictor",
    "PromptView",
    "ShownDemonstrations",
    "Sound",
    "SoundPredictor",
    "SoundView",
    "StreamedTurn",
    "TableReport",
    "TextFeaturePredictor",
    "TextFeatures",
    "TextPredictor",
    "TextView",
    "Timeline",
    "TrainedTask",
    "extract_features",
    "find_checkpoint",
    "find_clips",
    "find_dialogues",
    "find_pictures",
    "find_sounds",
    "find_texts",
    "load_trained",
    "make_prototypes",
    "most_typical",
    "named_extractor",
    "named_face_detector",
    "open_predictor",
    "read_boxes",
    "store_teacher_answers",
    "stored_modalities",
    "with_boxes",
    "with_faces",
    "write_film_with_curve",
    "write_predictions",
    "write_timeline",
)
