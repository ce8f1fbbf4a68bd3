"""Predictions on raw texts and dialogues by tasks that were trained on stored features."""

from __future__ import annotations

from affectkit.predict.features.conversation_predictor import ConversationPredictor
from affectkit.predict.features.text_features import TextFeatures
from affectkit.predict.features.text_predictor import TextFeaturePredictor

__all__ = ("ConversationPredictor", "TextFeaturePredictor", "TextFeatures")
