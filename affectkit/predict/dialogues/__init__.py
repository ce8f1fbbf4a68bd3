"""Predictions on dialogues as they lie about."""

from __future__ import annotations

from affectkit.predict.dialogues.dialogue_item import find_dialogues
from affectkit.predict.dialogues.dialogue_view import DialogueView
from affectkit.predict.dialogues.media_predictor import ConversationMediaPredictor
from affectkit.predict.dialogues.media_view import MediaView
from affectkit.predict.dialogues.predictor import DialoguePredictor
from affectkit.predict.dialogues.prompt_view import PromptView
from affectkit.predict.dialogues.shown_demonstrations import ShownDemonstrations
from affectkit.predict.dialogues.talk_predictor import TalkPredictor

__all__ = (
    "ConversationMediaPredictor",
    "DialoguePredictor",
    "DialogueView",
    "MediaView",
    "PromptView",
    "ShownDemonstrations",
    "TalkPredictor",
    "find_dialogues",
)
