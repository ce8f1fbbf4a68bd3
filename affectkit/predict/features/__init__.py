"""Predictions on raw files by tasks that were trained on stored features."""

from __future__ import annotations

from affectkit.predict.features.conversation_predictor import ConversationPredictor
from affectkit.predict.features.media_predictor import MediaFeaturePredictor
from affectkit.predict.features.text_features import TextFeatures
from affectkit.predict.features.text_predictor import TextFeaturePredictor

__all__ = ("ConversationPredictor", "MediaFeaturePredictor", "TextFeaturePredictor", "TextFeatures")
