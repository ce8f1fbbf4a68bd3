"""Contrast of the views of rows in one modality with the views of rows in another."""

from __future__ import annotations

import torch
from torch import Tensor

#: The temperature of the official code at which its loss is not scaled.
_BASE_TEMPERATURE = 0.07


def cross_view_info_nce_rows(
    anchors: Tensor, others: Tensor, positive: Tensor, candidate: Tensor, scale: Tensor | float
) -> Tensor:
    r"""InfoNCE of every view of a row with every view of the other modality, averaged.

    .. math:: \ell_i = \frac{1}{VW} \sum_{v, w} \left[ \log \sum_{k \in K} e^{s\, a_{iv}^\top c_{kw}}
        - \frac{1}{|P(i)|} \sum_{p \in P(i)} s\, a_{iv}^\top c_{pw} \right]

    For one view and one positive it is one direction of CLIP's loss.

    Args:
        anchors: Rows a of one modality.
        others: Rows c of the other.
        positive: True for the pairs (i, p) with p in P(i).
        candidate: True for the rows K that count.
        scale: s, one over the temperature.

    Shape:
        - anchors: (n, V, D)
        - others: (N, W, D)
        - positive: (n, N)
        - candidate: (N,)
        - output: (n,); 0 in rows without a positive

    Examples:
        >>> import torch
        >>> rows, own = torch.eye(2).unsqueeze(1), torch.eye(2, dtype=torch.bool)
        >>> every = torch.ones(2, dtype=torch.bool)
        >>> cross_view_info_nce_rows(torch.zeros(2, 1, 2), rows, own, every, 1.0).tolist()
        [0.6931471824645996, 0.6931471824645996]
    """
    hit = positive & candidate
    real = hit.any(1)
    scores = scale * _scores(anchors, others)
    lowest = torch.finfo(scores.dtype).min
    scores = scores.masked_fill(~(candidate & real.unsqueeze(1)), lowest)
    right = torch.where(hit, scores, 0.0).sum(-1) / hit.sum(1).clamp(min=1)
    return torch.where(real, (scores.logsumexp(-1) - right).mean((0, 1)), 0.0)


def cross_view_official_rows(
    anchors: Tensor, others: Tensor, positive: Tensor, candidate: Tensor, own: Tensor, *, temperature: float
) -> Tensor:
    r"""The form of the official code of the modality-pairwise contrast.

    .. math:: \ell_i = - \frac{\tau}{0.07} \frac{1}{V} \sum_v
        \frac{\sum_{(p, w) \in P(i, v)} \log \mathrm{softmax}(a_{iv}^\top c / \tau)_{pw}}{|P(i, v)| + 1}

    The softmax runs over all rows and views but the own row in the own view. That one is no positive
    either, and with one view left of two the + 1 halves the loss.

    Args:
        anchors: Rows a of one modality.
        others: Rows c of the other.
        positive: True for the pairs of rows that belong together.
        candidate: True for the rows that count.
        own: Place of each anchor's row among those of the other modality.
        temperature: :math:`\tau`.

    Shape:
        - anchors: (n, V, D)
        - others: (N, V, D)
        - positive: (n, N)
        - candidate: (N,)
        - own: (n,)
        - output: (n,); 0 in rows without a positive
    """
    views, rows = anchors.shape[1], len(others)
    scores = _scores(anchors, others) / temperature
    same_view = torch.eye(views, dtype=torch.bool, device=scores.device)[:, :, None, None]
    itself = own.unsqueeze(1) == torch.arange(rows, device=scores.device)
    allowed = candidate & ~(same_view & itself)
    hit = positive & allowed
    real = hit.flatten(0, 1).any(0).any(-1)
    lowest = torch.finfo(scores.dtype).min
    # A row without positives keeps its finite scores apart from the others' sums.
    scores = scores.masked_fill(~(allowed & real.unsqueeze(1)), lowest)
    whole = scores.permute(0, 2, 1, 3).flatten(2).logsumexp(-1)
    number = hit.sum((1, 3))
    right = torch.where(hit, scores, 0.0).sum((1, 3)) - number * whole
    loss = -(temperature / _BASE_TEMPERATURE) * (right / (number + 1)).mean(0)
    return torch.where(real, loss, 0.0)


def _scores(anchors: Tensor, others: Tensor) -> Tensor:
    """Products (V, W, n, N), in float32 at least."""
    anchors = anchors.to(torch.promote_types(anchors.dtype, torch.float32))
    with torch.autocast(anchors.device.type, enabled=False):
        return torch.einsum("ivd,kwd->vwik", anchors, others.to(anchors.dtype))
