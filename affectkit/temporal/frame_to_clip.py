"""From predictions of frames to one of their clip."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.functional import ClipRule, clip_scores
from affectkit.types import AffectOutput


class FrameToClip(nn.Module):
    r"""The decision over a clip by the majority, the mean probability or the mean logit of its frames.

    .. math:: z = \frac{1}{|R|} \sum_{t \in R} z_t, \quad \log \bar p, \quad \text{or} \quad
        \log \frac{v + \bar p}{|R| + 1}, \qquad \bar p = \frac{1}{|R|} \sum_{t \in R} \mathrm{softmax}(z_t)

    over the real frames R, for the mean logit, the mean probability and the vote, with :math:`v_c` the frames
    that class c wins.

    Nothing is trained. See :func:`~affectkit.functional.clip_scores` for the three rules.

    Args:
        rule: ``"vote"``, ``"mean_prob"`` or ``"mean_logit"``.

    Shape:
        - Input: ``output.logits`` (B, T, C); ``mask`` (B, T), True = real frame.
        - Output: ``logits`` (B, C); the other fields are those of frames and are left out.

    Raises:
        ValueError: If the rule is unknown, or the output has no logits of frames.

    References:
        Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the Wild,
        official code. ECCV 2024 workshops. arXiv:2407.12927.

    Examples:
        >>> import torch
        >>> FrameToClip("vote")(AffectOutput(logits=torch.zeros(2, 30, 7))).logits.shape
        torch.Size([2, 7])
    """

    def __init__(self, rule: ClipRule = "mean_logit") -> None:
        super().__init__()
        if rule not in ("vote", "mean_prob", "mean_logit"):
            raise ValueError(f"FrameToClip got rule={rule!r}: give 'vote', 'mean_prob' or 'mean_logit'.")
        self.rule: ClipRule = rule

    def forward(self, output: AffectOutput, mask: Tensor | None = None) -> AffectOutput:
        """Decide for each clip."""
        if output.logits is None:
            raise ValueError("FrameToClip got an output without logits: put it behind a classification head.")
        return AffectOutput(logits=clip_scores(output.logits, mask, rule=self.rule))
