"""From the scores of frames to those of their clip."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

ClipRule: TypeAlias = Literal["vote", "mean_prob", "mean_logit"]
CLIP_RULES: Final = ("vote", "mean_prob", "mean_logit")


def clip_scores(logits: Tensor, mask: Tensor | None = None, *, rule: ClipRule = "mean_logit") -> Tensor:
    r"""One row of scores for each clip; their softmax is what the rule says of the classes.

    With the frames :math:`R` that are real and :math:`\bar p = \frac{1}{|R|} \sum_{t \in R}
    \mathrm{softmax}(z_t)`:

    ================  ================================================================================
    ``"vote"``        :math:`\log \frac{v_c + \bar p_c}{|R| + 1}`, :math:`v_c` frames in which c is highest:
                      the majority, and among equal ones the class of the larger mean probability
    ``"mean_prob"``   :math:`\log \bar p_c`
    ``"mean_logit"``  :math:`\frac{1}{|R|} \sum_{t \in R} z_{t,c}`
    ================  ================================================================================

    Args:
        logits: Scores of the frames.
        mask: True = real; None = all are. What stands elsewhere is never looked at.
        rule: ``"vote"``, ``"mean_prob"`` or ``"mean_logit"``.

    Shape:
        - logits: (B, T, C)
        - mask: (B, T) bool
        - output: (B, C) float32 or wider; 0 for a clip without a real frame

    Raises:
        ValueError: If the rule is unknown or the shapes do not match.

    References:
        Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the Wild,
        official code. ECCV 2024 workshops. arXiv:2407.12927.

    Examples:
        >>> frames = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 9.0]]])
        >>> [clip_scores(frames, rule=rule).argmax().item() for rule in ("vote", "mean_prob", "mean_logit")]
        [0, 1, 1]
    """
    if rule not in CLIP_RULES:
        raise ValueError(f"clip_scores got rule={rule!r}: give {' or '.join(map(repr, CLIP_RULES))}.")
    if logits.ndim != 3 or (mask is not None and mask.shape != logits.shape[:2]):
        raise ValueError(
            f"clip_scores got logits {tuple(logits.shape)} and a mask "
            f"{None if mask is None else tuple(mask.shape)}: give (B, T, C) and (B, T)."
        )
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    real = torch.ones_like(scores[..., :1]) if mask is None else mask.unsqueeze(-1).to(scores.dtype)
    # Filled, not multiplied: what stands in a masked frame may be NaN.
    scores = scores.where(real > 0, scores.new_zeros(()))
    number = real.sum(dim=1)
    if rule == "mean_logit":
        return scores.sum(dim=1) / number.clamp(min=1)
    chances = torch.softmax(scores, dim=-1)
    mean = (chances * real).sum(dim=1) / number.clamp(min=1)
    if rule == "vote":
        highest = torch.nn.functional.one_hot(scores.argmax(dim=-1), scores.shape[-1]).to(scores.dtype)
        mean = ((highest * real).sum(dim=1) + mean) / (number + 1)
    # The smallest normal number: a chance that vanished is no infinity.
    found = mean.clamp(min=torch.finfo(mean.dtype).tiny).log()
    return found.masked_fill(number == 0, 0.0)
