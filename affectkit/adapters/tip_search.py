"""The two numbers of a Tip-Adapter, chosen on validation rows."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

#: What the search maximises: the share of right rows, or the mean recall of the classes.
TipScore = Literal["accuracy", "uar"]


class TipSearch(NamedTuple):
    """The best point of a search and its score on the validation rows."""

    alpha: float
    beta: float
    score: float


def search_alpha_beta(
    clip_logits: Tensor,
    affinity: Tensor,
    values: Tensor,
    labels: Tensor,
    *,
    score: TipScore = "accuracy",
    alpha_top: float = 3.0,
    beta_top: float = 7.0,
    alpha_steps: int = 20,
    beta_steps: int = 200,
) -> TipSearch:
    r"""Try :math:`s + \alpha\, e^{-\beta (1 - A)} V` over a grid; the first best point is kept.

    The grid is that of the official code, :math:`0.1 + i\,(\mathrm{top} - 0.1) / \mathrm{steps}` with
    :math:`i < \mathrm{steps}`, so the upper ends are never tried; all alphas of a beta, then the next beta.

    Args:
        clip_logits: What the text alone says of the validation rows.
        affinity: Cosines of validation rows and keys.
        values: One-hot values of the keys.
        labels: Labels of the validation rows.
        score: ``"accuracy"`` as published, or ``"uar"``, which suits classes of unequal size.
        alpha_top: End of the grid of alpha.
        beta_top: End of the grid of beta.
        alpha_steps: Points of alpha.
        beta_steps: Points of beta.

    Shape:
        - clip_logits: (N, C), affinity: (N, K), values: (K, C), labels: (N,) int64.

    Raises:
        ValueError: If there is nothing to try.

    References:
        Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification",
        ECCV 2022, arXiv:2207.09519.
    """
    if alpha_steps < 1 or beta_steps < 1 or not len(labels):
        raise ValueError(
            f"search_alpha_beta got {len(labels)} rows and {alpha_steps} x {beta_steps} points: "
            "give at least one of each."
        )
    if score not in ("accuracy", "uar"):
        raise ValueError(f"search_alpha_beta got score={score!r}: give 'accuracy' or 'uar'.")
    if score == "accuracy":
        worth = torch.ones(len(labels), dtype=torch.float64, device=labels.device)
    else:
        # A right row counts by its class: the sum is then the mean recall of the classes that occur.
        counts = labels.bincount(minlength=values.shape[1])
        worth = 1 / counts[labels].double()
    worth = worth / worth.sum()
    best = TipSearch(0.0, 0.0, -1.0)
    alphas = [0.1 + step * (alpha_top - 0.1) / alpha_steps for step in range(alpha_steps)]
    betas = [0.1 + step * (beta_top - 0.1) / beta_steps for step in range(beta_steps)]
    with torch.no_grad():
        for beta in betas:
            found = torch.exp(beta * (affinity - 1)) @ values
            for alpha in alphas:
                right = (clip_logits + alpha * found).argmax(-1) == labels
                reached = float(worth @ right.double())
                if reached > best.score + 1e-9:  # sums in another order are no improvement
                    best = TipSearch(alpha, beta, reached)
    return best
