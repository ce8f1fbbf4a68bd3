"""Contrast of each row with all others, of which those of its label are right."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ContrastRows(NamedTuple):
    """Loss of each anchor, and whether it has a positive; without one its loss is 0."""

    loss: Tensor
    found: Tensor


def supervised_contrastive_rows(
    anchors: Tensor,
    candidates: Tensor,
    label: Tensor,
    candidate_label: Tensor,
    own: Tensor,
    *,
    temperature: float = 0.1,
) -> ContrastRows:
    r"""Mean over the positives of an anchor of minus the logarithm of their share.

    .. math:: \ell_i = \log \sum_{k \neq i} e^{x_i^\top x_k / \tau}
        - \frac{1}{|P(i)|} \sum_{p \in P(i)} \frac{x_i^\top x_p}{\tau}

    with P(i) the other rows of the label of i. The mean over positives comes from the sums of the labels, so
    that one product of all pairs is all that grows with the square of the batch.

    Args:
        anchors: Vectors, usually of unit length.
        candidates: Vectors, those of the anchors among them.
        label: Labels of the anchors.
        candidate_label: Labels of the candidates.
        own: Column of each anchor among the candidates.
        temperature: :math:`\tau`.

    Shape:
        - anchors: (n, D)
        - candidates: (N, D)
        - label, own: (n,)
        - candidate_label: (N,)
        - output: two of (n,), the loss in float32, or float64 where ``anchors`` are

    References:
        Prannay Khosla, Piotr Teterwak, Chen Wang, Aaron Sarna, Yonglong Tian, Phillip Isola, Aaron
        Maschinot, Ce Liu, Dilip Krishnan. Supervised Contrastive Learning. NeurIPS 2020. arXiv:2004.11362.

    Examples:
        >>> import torch
        >>> x, label = torch.eye(3), torch.tensor([0, 0, 1])
        >>> rows = supervised_contrastive_rows(x, x, label, label, torch.arange(3), temperature=1.0)
        >>> [round(value, 4) for value in rows.loss.tolist()], rows.found.tolist()
        ([0.6931, 0.6931, 0.0], [True, True, False])
    """
    anchors = anchors.to(torch.promote_types(anchors.dtype, torch.float32))
    candidates = candidates.to(anchors.dtype)
    found_classes: tuple[Tensor, Tensor] = torch.unique(candidate_label, return_inverse=True)
    classes, group = found_classes
    sums = candidates.new_zeros(len(classes), candidates.shape[1]).index_add(0, group, candidates)
    mine = torch.searchsorted(classes, label)
    others = torch.bincount(group, minlength=len(classes))[mine] - 1
    found = others > 0
    scaled = anchors / temperature
    with torch.autocast(anchors.device.type, enabled=False):
        scores = scaled @ candidates.T
    # The lowest finite number, not -inf: the slope of a logsumexp over nothing is NaN.
    scores.scatter_(1, own.unsqueeze(1), torch.finfo(scores.dtype).min)
    mean = (scaled * (sums[mine] - anchors)).sum(1) / others.clamp(min=1)
    return ContrastRows(torch.where(found, scores.logsumexp(1) - mean, 0.0), found)
