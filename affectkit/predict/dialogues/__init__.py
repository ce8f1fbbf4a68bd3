"""Predictions on dialogues as they lie about."""

from __future__ import annotations

from affectkit.predict.dialogues.dialogue_item import find_dialogues
from affectkit.predict.dialogues.dialogue_view import DialogueView
from affectkit.predict.dialogues.predictor import DialoguePredictor
from affectkit.predict.dialogues.prompt_view import PromptView

__all__ = ("DialoguePredictor", "DialogueView", "PromptView", "find_dialogues")
