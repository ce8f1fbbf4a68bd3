"""In how many triplets of a batch each pair takes part, without forming the triplets."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.functional.row_blocks import row_blocks


@torch.no_grad()
def batch_all_counts(side: Tensor, positive: Tensor, negative: Tensor, *, hinge: bool = True) -> Tensor:
    r"""Count, for each pair, the triplets of its anchor that the hinge lets through.

    .. math:: c_{ip} = |\{n : a_{ip} > b_{in}\}|, \qquad c_{in} = -|\{p : a_{ip} > b_{in}\}|

    with a and b the two sides of :func:`triplet_sides`, so that the sum of :math:`a_{ip} - b_{in}` over those
    triplets is :math:`\sum_j c_{ij}\, \mathrm{side}_{ij}`. A triplet with :math:`a_{ip} = b_{in}` has no loss
    and is counted on neither side. Each row is sorted once, which takes O(N log N), where its triplets are
    O(N²).

    Args:
        side: :math:`a_{ip}` where ``positive``, :math:`b_{in}` where ``negative``.
        positive: True for a pair of one label that are not one row.
        negative: True for a pair of different labels.
        hinge: Whether a triplet counts only where its loss is above 0.

    Shape:
        - all and output: (n, N); the output in the dtype of ``side``

    Examples:
        >>> import torch
        >>> distance = torch.tensor([[0.0, 0.5, 0.4, 0.6, 0.7]])
        >>> same = torch.tensor([[False, True, False, False, False]])
        >>> other = torch.tensor([[False, False, True, True, True]])
        >>> batch_all_counts(distance + 0.2 * same, same, other).tolist()
        [[0.0, 2.0, -1.0, -1.0, 0.0]]
    """
    if not hinge:
        many, few = negative.sum(1, keepdim=True), positive.sum(1, keepdim=True)
        return (positive * many - negative * few).to(side.dtype)
    counts = torch.empty_like(side)
    for block in row_blocks(len(side), side.shape[1], side.device):
        ordered, place = side[block].masked_fill(~negative[block], torch.inf).sort(1)
        # Of each positive: how many negatives stand strictly below it. Nothing is below the others.
        below = torch.searchsorted(ordered, side[block].masked_fill(~positive[block], -torch.inf))
        # Of the negative in place r: how many positives have more than r negatives below them. That it is
        # made of the same numbers keeps both sides equal where distances tie.
        tally = torch.zeros(len(below), below.shape[1] + 1, dtype=below.dtype, device=below.device)
        tally.scatter_add_(1, below, torch.ones_like(below))
        beyond = below.shape[1] - tally.cumsum(1)[:, :-1]
        # A column is a positive or a negative, never both.
        counts[block] = below.scatter_add_(1, place, beyond.neg_())
    return counts


@torch.no_grad()
def semi_hard_counts(
    distance: Tensor, side: Tensor, positive: Tensor, negative: Tensor, *, hinge: bool = True
) -> Tensor:
    """Count pairs as :func:`batch_all_counts` does, over one triplet for each pair of one label.

    Its negative is the nearest one that lies strictly farther from the anchor than the positive, or, where
    there is none, the farthest of all.

    Args:
        distance: Distances, by which negatives are chosen.
        side: Side of each pair, of :func:`triplet_sides`, by which the hinge is judged.
        positive: True for a pair of one label that are not one row.
        negative: True for a pair of different labels.
        hinge: Whether a triplet counts only where its loss is above 0.

    Shape:
        - all and output: (n, N); the output in the dtype of ``side``

    Examples:
        >>> import torch
        >>> distance = torch.tensor([[0.0, 0.5, 0.4, 0.6, 0.9]])
        >>> same = torch.tensor([[False, True, False, False, False]])
        >>> other = torch.tensor([[False, False, True, True, True]])
        >>> semi_hard_counts(distance, distance + 0.2 * same, same, other).tolist()
        [[0.0, 1.0, 0.0, -1.0, 0.0]]
    """
    counts = torch.empty_like(side)
    for block in row_blocks(len(side), side.shape[1], side.device):
        ordered, place = distance[block].masked_fill(~negative[block], torch.inf).sort(1)
        number = negative[block].sum(1, keepdim=True)
        next_one = torch.searchsorted(ordered, distance[block], right=True)
        chosen = place.gather(1, next_one.minimum(number - 1).clamp_(min=0))
        taken = positive[block] & (number > 0)
        if hinge:
            taken = taken & (side[block] > side[block].gather(1, chosen))
        share = taken.to(counts.dtype)
        counts[block] = share.scatter_add(1, chosen, -share)
    return counts
