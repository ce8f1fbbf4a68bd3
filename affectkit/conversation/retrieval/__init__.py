"""Labelled utterances of training data as examples for a language model."""

from affectkit.conversation.retrieval.demonstration import (
    Asked,
    Demonstration,
    Retrieved,
    same_conversation,
)
from affectkit.conversation.retrieval.demonstration_index import DemonstrationError, DemonstrationIndex
from affectkit.conversation.retrieval.exact_cosine import exact_top_k, grid_rows

__all__ = [
    "Asked",
    "Demonstration",
    "DemonstrationError",
    "DemonstrationIndex",
    "Retrieved",
    "exact_top_k",
    "grid_rows",
    "same_conversation",
]
