"""Models of conversation: each utterance in the light of the others."""

from affectkit.conversation.advance import advance_context, advance_fusion
from affectkit.conversation.bc_lstm import BcLSTM
from affectkit.conversation.dialogue_gcn import DialogueGCN
from affectkit.conversation.dialogue_rnn import DialogueRNN
from affectkit.conversation.m2fnet import M2FNet
from affectkit.conversation.matching_attention import MatchingAttention
from affectkit.conversation.mmgcn import MMGCN
from affectkit.conversation.named_context import (
    CONTEXTS,
    MODALITY_CONTEXTS,
    ContextName,
    ContextOption,
    named_context,
    named_modality_context,
)
from affectkit.conversation.residual_transformer_stack import ResidualTransformerStack
from affectkit.conversation.streaming import StreamingContext, StreamingFusion, part_of_state
from affectkit.conversation.transformer_context import TransformerContext

__all__ = [
    "CONTEXTS",
    "MMGCN",
    "MODALITY_CONTEXTS",
    "BcLSTM",
    "ContextName",
    "ContextOption",
    "DialogueGCN",
    "DialogueRNN",
    "M2FNet",
    "MatchingAttention",
    "ResidualTransformerStack",
    "StreamingContext",
    "StreamingFusion",
    "TransformerContext",
    "advance_context",
    "advance_fusion",
    "named_context",
    "named_modality_context",
    "part_of_state",
]
