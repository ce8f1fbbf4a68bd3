"""The directions along which rows vary most."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PrincipalAxes(NamedTuple):
    """Principal components of some rows.

    Attributes:
        mean: (D,) float64, what is taken off a row.
        axes: (D, K) float64, orthonormal columns, the one along which rows vary most first.
        deviation: (K,) float64, population standard deviation along each axis.
    """

    mean: Tensor
    axes: Tensor
    deviation: Tensor


def principal_axes(rows: Tensor, num_components: int) -> PrincipalAxes:
    r"""Principal component analysis by the singular values of the centred rows, in float64.

    .. math:: X - \mu = U S V^\top, \qquad \mathrm{axes} = V_{:, 1..K}, \quad \mathrm{deviation} = S / \sqrt N

    The sign of an axis is such that its largest entry by magnitude is positive.

    Args:
        rows: Rows to analyse, e.g. those of the training split.
        num_components: Number K of axes.

    Shape:
        - rows: (N, D)

    Raises:
        ValueError: If K does not lie in 1..min(N - 1, D), or a row is not finite.

    Examples:
        >>> found = principal_axes(torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]]), 1)
        >>> found.axes.T.tolist(), found.mean.tolist(), round(found.deviation.item(), 4)
        ([[1.0, 0.0]], [2.0, 1.0], 1.633)
    """
    if rows.ndim != 2 or not 1 <= num_components <= min(len(rows) - 1, rows.shape[1]):
        raise ValueError(
            f"principal_axes got rows of shape {tuple(rows.shape)} and num_components={num_components}: give "
            "(N, D), and at most N - 1 and D components."
        )
    if not bool(rows.isfinite().all()):
        raise ValueError("principal_axes got rows that are not finite: leave out rows without features.")
    x = rows.detach().double()
    mean = x.mean(0)
    _, scale, directions = torch.linalg.svd(x - mean, full_matrices=False)
    axes = directions[:num_components].T
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0)
    return PrincipalAxes(mean, axes * signs, scale[:num_components] / len(x) ** 0.5)
