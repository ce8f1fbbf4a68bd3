"""Models of conversation: each utterance in the light of the others."""

from affectkit.conversation.bc_lstm import BcLSTM
from affectkit.conversation.dialogue_rnn import DialogueRNN
from affectkit.conversation.matching_attention import MatchingAttention
from affectkit.conversation.named_context import (
    CONTEXTS,
    MODALITY_CONTEXTS,
    ContextName,
    ContextOption,
    named_context,
    named_modality_context,
)

__all__ = [
    "CONTEXTS",
    "MODALITY_CONTEXTS",
    "BcLSTM",
    "ContextName",
    "ContextOption",
    "DialogueRNN",
    "MatchingAttention",
    "named_context",
    "named_modality_context",
]
