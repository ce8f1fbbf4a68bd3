"""The graph of all modalities of all turns, weighted by angles."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor

#: Square of a length from which on a row has a direction; its power of -1.5 is in the gradient.
_NOTHING: Final = 1e-16


class AngularGraph(NamedTuple):
    r"""Normalised weights :math:`D^{-1/2} A D^{-1/2}` in the two blocks that are not 0.

    A conversation of U turns and M modalities has :math:`(U M)^2` pairs of nodes, of which only those of one
    modality or of one turn are linked: :math:`M U^2 + U M^2` weights are all there is to keep.

    Shape:
        - within: (B, M, U, U), between turns of one modality, the turn itself included.
        - across: (B, U, M, M), between modalities of one turn, 0 on the diagonal.
    """

    within: Tensor
    across: Tensor

    def propagate(self, nodes: Tensor) -> Tensor:
        """Weighted sum of what each node is linked with: (B, M, U, D) to the same."""
        beside = self.across.to(nodes.dtype) @ nodes.transpose(1, 2)
        return self.within.to(nodes.dtype) @ nodes + beside.transpose(1, 2)


def angular_graph(
    nodes: Tensor, present: Tensor, *, past_only: bool, window: Tensor | None = None
) -> AngularGraph:
    r"""Link turns of a modality, and modalities of a turn, by the angle of their features.

    .. math:: A_{ij} = 1 - \frac{1}{\pi} \arccos(0.99999 \cos(x_i, x_j))

    The factor keeps the slope of the arc cosine finite where two nodes are equal; the cosine with a node
    of zeros is 0. Degrees count what a node sees, so that later turns change nothing with ``past_only``.

    Args:
        nodes: Features x.
        present: True where there is a node.
        past_only: Whether a turn is linked with itself and earlier turns only.
        window: True where the turn of a row may be linked with that of a column; None = wherever.

    Shape:
        - nodes: (B, M, U, D)
        - present: (B, M, U)
        - window: (B, U, U)

    References:
        J. Hu, Y. Liu, J. Zhao, Q. Jin. MMGCN: Multimodal Fusion via Deep Graph Convolution Network for
        Emotion Recognition in Conversation. ACL 2021. arXiv:2107.06779.

    Examples:
        >>> turns = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 1, 2, 2)
        >>> graph = angular_graph(turns, torch.ones(1, 1, 2, dtype=torch.bool), past_only=False)
        >>> [round(float(weight), 2) for weight in graph.within.flatten()]
        [0.67, 0.33, 0.33, 0.67]
    """
    # In 8 bits of mantissa a cosine can be above 1, and its arc is no number.
    with torch.autocast(nodes.device.type, enabled=False):
        direction = _directions(nodes.to(torch.promote_types(nodes.dtype, torch.float32)))
        within = _similarity(direction @ direction.transpose(2, 3))
        linked = present.unsqueeze(3) & present.unsqueeze(2)
        linked = linked.tril() if past_only else linked
        linked = linked if window is None else linked & window.unsqueeze(1)
        within = within.masked_fill(~linked, 0.0)

        sides = direction.transpose(1, 2)
        across = _similarity(sides @ sides.transpose(2, 3))
        there = present.transpose(1, 2)
        linked = there.unsqueeze(3) & there.unsqueeze(2)
        itself = torch.eye(nodes.shape[1], dtype=torch.bool, device=nodes.device)
        across = across.masked_fill(~linked | itself, 0.0)

        degree = within.sum(3) + across.sum(3).transpose(1, 2)
        # An absent node has no link; 1 in its place keeps the root's slope finite.
        scale = torch.where(present, degree, 1.0).rsqrt()
        other = scale.transpose(1, 2)
        return AngularGraph(
            within * scale.unsqueeze(3) * scale.unsqueeze(2), across * other.unsqueeze(3) * other.unsqueeze(2)
        )


class NewestLinks(NamedTuple):
    """The rows of an :class:`AngularGraph` that belong to the newest turn, which looks back alone.

    Shape:
        - within: (M, W), with the turns of its window, itself last.
        - across: (M, M), between its modalities, 0 on the diagonal.
        - direction: (M, D) of its nodes, and scale: (M,), the root of 1 over their degrees: both for later
          turns.
    """

    within: Tensor
    across: Tensor
    direction: Tensor
    scale: Tensor

    def propagate(self, nodes: Tensor) -> Tensor:
        """Weighted sum for the newest turn: (M, W, D) to (M, D)."""
        seen = self.within.to(nodes.dtype).unsqueeze(1) @ nodes
        return seen.squeeze(1) + self.across.to(nodes.dtype) @ nodes[:, -1]


def newest_links(nodes: Tensor, present: Tensor, directions: Tensor, scales: Tensor) -> NewestLinks:
    """Link a new turn with those kept of the turns before, as :func:`angular_graph` with ``past_only`` does.

    Args:
        nodes: Features of the new turn.
        present: True where there is a node, the new turn last.
        directions: As returned for the turns before.
        scales: As returned for the turns before.

    Shape:
        - nodes: (M, D)
        - present: (M, W)
        - directions: (M, W - 1, D), scales: (M, W - 1)
    """
    with torch.autocast(nodes.device.type, enabled=False):
        direction = _directions(nodes.to(torch.promote_types(nodes.dtype, torch.float32)))
        there = present[:, -1]
        everywhere = torch.cat([directions, direction.unsqueeze(1)], dim=1)
        within = _similarity((everywhere @ direction.unsqueeze(2)).squeeze(2))
        within = within.masked_fill(~(present & there.unsqueeze(1)), 0.0)
        itself = torch.eye(len(nodes), dtype=torch.bool, device=nodes.device)
        linked = there.unsqueeze(1) & there & ~itself
        across = _similarity(direction @ direction.T).masked_fill(~linked, 0.0)
        scale = torch.where(there, within.sum(1) + across.sum(1), 1.0).rsqrt()
        within = within * scale.unsqueeze(1) * torch.cat([scales, scale.unsqueeze(1)], dim=1)
        return NewestLinks(within, across * scale.unsqueeze(1) * scale, direction, scale)


def _similarity(cosine: Tensor) -> Tensor:
    return 1.0 - torch.acos(0.99999 * cosine) / math.pi


def _directions(nodes: Tensor) -> Tensor:
    """Rows of length 1; a row of next to nothing stays as it is, and has a finite gradient."""
    square = nodes.square().sum(-1, keepdim=True)
    some = square > _NOTHING
    return nodes * torch.where(some, square, 1.0).rsqrt()
