"""Which labels of a graph are linked, and how each shares itself out among its neighbours."""

from __future__ import annotations

import torch
from torch import Tensor


def label_links(
    strength: Tensor, *, num_classes: int, threshold: float, between_classes: bool = False
) -> Tensor:
    r"""Links :math:`B_{ij} = [\,|S_{ij}| \ge t\,]` of a label graph, without loops.

    Args:
        strength: How strongly two nodes go together, e.g. a correlation; its sign does not count.
        num_classes: The first so many nodes are categories, the others dimensions.
        threshold: :math:`t`, above 0.
        between_classes: Whether two categories may be linked. Labels of which a sample has one only
            exclude each other, so that their correlation says how frequent they are and little else.

    Shape:
        - strength: (N, N)
        - output: (N, N) bool

    Raises:
        ValueError: If the matrix is not square and finite, or a number is out of range.
    """
    size = len(strength)
    if strength.ndim != 2 or strength.shape != (size, size) or not bool(strength.isfinite().all()):
        raise ValueError(
            f"label_links got strengths of shape {tuple(strength.shape)}; give a square matrix of finite "
            "numbers."
        )
    if not threshold > 0 or not 0 <= num_classes <= size:
        raise ValueError(
            f"label_links got threshold={threshold} and num_classes={num_classes} for {size} nodes; give a "
            "threshold above 0 and at most as many classes as nodes."
        )
    links = strength.abs() >= threshold
    if not between_classes:
        links[:num_classes, :num_classes] = False
    return links.fill_diagonal_(False)


def reweighted_adjacency(links: Tensor, *, self_weight: float = 0.5) -> Tensor:
    r"""Adjacency whose rows sum to 1: a node keeps p of itself and spreads the rest over its neighbours.

    .. math:: A_{ij} = (1 - p) \frac{B_{ij}}{\sum_{k \ne i} B_{ik}}, \qquad A_{ii} = p

    Without re-weighting, a node with many neighbours is smoothed away by them. A node without
    neighbours keeps all of itself: :math:`A_{ii} = 1`.

    Args:
        links: True, or any number but 0, where two nodes are linked; the diagonal is not looked at.
        self_weight: :math:`p` in (0, 1].

    Shape:
        - links: (N, N)
        - output: (N, N) in float64

    Raises:
        ValueError: If ``self_weight`` is out of range.

    References:
        Zhao-Min Chen, Xiu-Shen Wei, Peng Wang, Yanwen Guo. Multi-Label Image Recognition with Graph
        Convolutional Networks. CVPR 2019. arXiv:1904.03582.

    Deviation from the paper:
        The paper's p is the share of the neighbours, here it is that of the node itself; the
        published division by the number of neighbours is 0 / 0 for a node without any.

    Examples:
        >>> reweighted_adjacency(torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 0]])).tolist()
        [[0.5, 0.25, 0.25], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    if not 0.0 < self_weight <= 1.0:
        raise ValueError(f"reweighted_adjacency got self_weight={self_weight}; give a share in (0, 1].")
    linked = (links != 0).to(torch.float64).fill_diagonal_(0.0)
    neighbours = linked.sum(1, keepdim=True)
    shared = (1.0 - self_weight) * linked / neighbours.clamp(min=1)
    kept = torch.where(neighbours.squeeze(1) > 0, self_weight, 1.0).to(shared)
    return shared + torch.diag(kept)
