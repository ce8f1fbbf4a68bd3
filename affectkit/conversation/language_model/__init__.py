"""Causal language models that choose among labels."""

from affectkit.conversation.language_model.embedding_noise import embedding_noise
from affectkit.conversation.language_model.free_answer import free_answer
from affectkit.conversation.language_model.label_scorer import LabelScorer, left_padded
from affectkit.conversation.language_model.peft_bridge import low_rank_updates, save_updates

__all__ = [
    "LabelScorer",
    "embedding_noise",
    "free_answer",
    "left_padded",
    "low_rank_updates",
    "save_updates",
]
