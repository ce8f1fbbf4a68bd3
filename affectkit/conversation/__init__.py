"""Models of conversation: each utterance in the light of the others."""

from affectkit.conversation.bc_lstm import BcLSTM

__all__ = ["BcLSTM"]
