"""How often answers of a given confidence are right."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor

#: Which edge belongs to a bin: ``right`` is (lo, hi], ``left`` is [lo, hi), and the outermost bins keep 0 and
#: 1. ``emocaliber`` is the published form of ``left``: a confidence of 1 is in no bin, and edges are the
#: multiples of a rounded width, so that e.g. 0.7 lies below the edge 7 * 0.1.
BinClosing: TypeAlias = Literal["right", "left", "emocaliber"]
_CLOSINGS: Final = get_args(BinClosing)


def reliability_sums(
    confidence: Tensor,
    correct: Tensor,
    *,
    num_bins: int = 15,
    closed: BinClosing = "right",
) -> Tensor:
    """Rows, summed confidence and right answers of each of K bins of equal width.

    Sums of parts add up to the sums of the whole, so they can be added over batches and ranks.

    Args:
        confidence: Probability of the answer, in [0, 1].
        correct: Whether the answer is right.
        num_bins: Number of bins K.
        closed: Which edge belongs to a bin.

    Shape:
        - confidence: (N,) float
        - correct: (N,) bool or 0/1
        - output: (K, 3) float64: rows, sum of confidence, right answers

    Raises:
        ValueError: If shapes differ, a confidence lies outside [0, 1], or an option is unknown.

    Examples:
        >>> import torch
        >>> reliability_sums(torch.tensor([0.2, 0.9, 1.0]), torch.tensor([0, 1, 1]), num_bins=2).tolist()
        [[1.0, 0.20000000298023224, 0.0], [2.0, 1.899999976158142, 2.0]]
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape:
        raise ValueError(
            f"reliability_sums got confidences {tuple(confidence.shape)} and answers {tuple(correct.shape)}: "
            "give one of each per row."
        )
    if num_bins < 1 or closed not in _CLOSINGS:
        raise ValueError(
            f"reliability_sums got num_bins={num_bins}, closed={closed!r}: give 1 bin or more, closed as "
            f"one of {', '.join(map(repr, _CLOSINGS))}."
        )
    value = confidence.detach().double()
    if value.numel() and not bool(((value >= 0) & (value <= 1)).all()):
        raise ValueError("reliability_sums got a confidence outside 0..1: give probabilities, not logits.")
    steps = torch.arange(num_bins + 1, dtype=torch.float64, device=value.device)
    edges = steps * (1 / num_bins) if closed == "emocaliber" else steps / num_bins
    if closed == "right":
        # The number of edges strictly below the value.
        index = (torch.bucketize(value, edges, right=False) - 1).clamp(min=0)
    else:
        index = torch.bucketize(value, edges, right=True) - 1
        if closed == "left":
            index = index.clamp(max=num_bins - 1)
    rows = torch.stack([torch.ones_like(value), value, correct.detach().double()], -1)
    sums = torch.zeros(num_bins + 1, 3, dtype=torch.float64, device=value.device)
    return sums.index_add_(0, index, rows)[:num_bins]


def expected_calibration_error(sums: Tensor, *, rows: float | Tensor | None = None) -> Tensor:
    r"""Mean distance between confidence and accuracy, over bins weighted by their rows.

    .. math:: \mathrm{ECE} = \sum_k \frac{n_k}{N} \left| \mathrm{acc}_k - \mathrm{conf}_k \right|

    Args:
        sums: (K, 3) of :func:`reliability_sums`, or of :func:`equal_mass_sums`.
        rows: N; the rows in the bins unless given.

    Returns:
        Scalar float64 in [0, 1]; 0 without any row.

    References:
        Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI
        2015.

        Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
        arXiv:1706.04599.

    Examples:
        >>> import torch
        >>> error = expected_calibration_error(torch.tensor([[2.0, 1.8, 1.0], [2.0, 0.4, 0.0]]))
        >>> round(error.item(), 4)
        0.3
    """
    number = sums[:, 0].sum() if rows is None else torch.as_tensor(rows, dtype=sums.dtype, device=sums.device)
    # Rows cancel: (n_k / N) |right_k / n_k - sum_k / n_k|.
    return (sums[:, 2] - sums[:, 1]).abs().sum().double() / number.clamp(min=1)
