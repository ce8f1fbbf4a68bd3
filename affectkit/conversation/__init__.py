"""Models of conversation: each utterance in the light of the others."""

from affectkit.conversation.bc_lstm import BcLSTM
from affectkit.conversation.dialogue_rnn import DialogueRNN
from affectkit.conversation.matching_attention import MatchingAttention

__all__ = ["BcLSTM", "DialogueRNN", "MatchingAttention"]
