"""The farthest row of the same label and the nearest one of another, from one matrix product."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from affectkit.functional.row_blocks import row_blocks


class HardestPairs(NamedTuple):
    """Columns of each anchor's hardest positive and negative; ``found`` is True where it has both."""

    positive: Tensor
    negative: Tensor
    found: Tensor


@torch.no_grad()
def hardest_pairs(
    anchors: Tensor, candidates: Tensor, label: Tensor, candidate_label: Tensor, own: Tensor
) -> HardestPairs:
    """Find each anchor's farthest candidate of its label, itself excepted, and nearest of another label.

    Of several that are equally far, one.

    Args:
        anchors: Vectors.
        candidates: Vectors, those of the anchors among them.
        label: Labels of the anchors.
        candidate_label: Labels of the candidates.
        own: Column of each anchor among the candidates.

    Shape:
        - anchors: (n, D)
        - candidates: (N, D) with N of 1 or more
        - label, own: (n,)
        - candidate_label: (N,)
        - output: three of (n,)

    Examples:
        >>> import torch
        >>> points, label = torch.tensor([[0.0], [1.0], [3.0], [4.0]]), torch.tensor([0, 0, 0, 1])
        >>> pairs = hardest_pairs(points, points, label, label, torch.arange(4))
        >>> pairs.positive[:3].tolist(), pairs.negative[:3].tolist(), pairs.found.tolist()
        ([2, 2, 0], [3, 3, 3], [True, True, True, False])
    """
    anchors = anchors.to(torch.promote_types(anchors.dtype, torch.float32))
    candidates = candidates.to(anchors.dtype)
    # Distances do not change with the origin, and their rounding grows with the distance from it.
    centre = candidates.mean(0).nan_to_num(0.0, 0.0, 0.0)
    anchors, candidates = anchors - centre, candidates - centre
    length = candidates.square().sum(1)
    positive, negative = torch.empty_like(own), torch.empty_like(own)
    found = torch.empty_like(own, dtype=torch.bool)
    for block in row_blocks(len(anchors), len(candidates), anchors.device):
        with torch.autocast(anchors.device.type, enabled=False):
            # The squared distance without the anchor's own length, which changes no order within a row.
            key = ((-2 * anchors[block]) @ candidates.T).add_(length)
        same = label[block].unsqueeze(1) == candidate_label
        near, negative[block] = torch.where(same, torch.inf, key).min(1)
        others = torch.where(same, key, -torch.inf).scatter_(1, own[block].unsqueeze(1), -torch.inf)
        far, positive[block] = others.max(1)
        found[block] = (far > -torch.inf) & (near < torch.inf)
    return HardestPairs(positive, negative, found)
