"""The likelihood of the right answer of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from affectkit.types import IGNORE_LABEL, AffectOutput, Encoding, LossTerms, Target

#: Where the log-probabilities of answers stand in ``AffectOutput.extra``: (B, C), or (B,) of the right ones.
ANSWER: Final = "answer_log_probability"


class AnswerHead(nn.Module):
    r"""Log-probabilities of answers to logits, as they are or divided by the number of tokens.

    :math:`z_c = s_c` is the model's distribution over the labels; :math:`z_c = s_c / |a_c|` does not let a
    label lose because its word is long, and is a score alone.

    Args:
        lengths: Tokens of each answer, the end of a turn included.
        per_token: Whether to divide.
    """

    lengths: Tensor

    def __init__(self, lengths: Sequence[int], *, per_token: bool) -> None:
        super().__init__()
        self.per_token = per_token
        self.register_buffer("lengths", torch.tensor(lengths, dtype=torch.float32), persistent=False)

    def forward(self, features: Encoding) -> AffectOutput:
        """Take ``features.pooled`` (B, C) as log-probabilities."""
        said = features.pooled
        return AffectOutput(logits=said / self.lengths if self.per_token else said, extra={ANSWER: said})


class AnswerLoss(nn.Module):
    r"""Negative log-likelihood of the right answers by token, :math:`-\sum_i s_i / \sum_i |a_i|`.

    Rows without a label count for nothing, as do the tokens of the prompt.

    Args:
        lengths: Tokens of each answer, the end of a turn included.
    """

    lengths: Tensor

    def __init__(self, lengths: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("lengths", torch.tensor(lengths, dtype=torch.float32), persistent=False)

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare with ``target.label``."""
        if output.extra is None or target.label is None:
            raise ValueError(
                "AnswerLoss needs the log-probabilities of answers and labels: train ConversationLLMTask on "
                "data with labels."
            )
        said = output.extra[ANSWER]
        label = target.label.clamp(min=0)
        weight = (target.label != IGNORE_LABEL).to(said.dtype)
        if target.weight is not None:
            weight = weight * target.weight.to(said.dtype)
        right = said if said.ndim == 1 else said.gather(1, label.unsqueeze(1)).squeeze(1)
        tokens = (weight * self.lengths[label]).sum()
        total = -(weight * right).sum() / tokens.clamp(min=1)
        return LossTerms(total=total, terms={}, weight=tokens.detach())
