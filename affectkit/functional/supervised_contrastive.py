"""Contrast of each row with all others, of which those of its label are right."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from affectkit.functional.row_blocks import row_blocks


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
    that one product of all pairs is all that grows with the square of the batch. It has a first derivative
    only.

    Args:
        anchors: Vectors, usually of unit length.
        candidates: Vectors, those of the anchors among them.
        label: Labels of the anchors.
        candidate_label: Labels of the candidates.
        own: Column of each anchor among the candidates.
        temperature: :math:`\tau`.

    Shape:
        - anchors: (n, D)
        - candidates: (N, D) with N of 1 or more
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
    grouped: tuple[Tensor, Tensor] = torch.unique(candidate_label, return_inverse=True)
    classes, group = grouped
    sums = candidates.new_zeros(len(classes), candidates.shape[1]).index_add(0, group, candidates)
    mine = torch.searchsorted(classes, label)
    others = torch.bincount(group, minlength=len(classes))[mine] - 1
    found = others > 0
    scaled = anchors / temperature
    mean = (scaled * (sums[mine] - anchors)).sum(1) / others.clamp(min=1)
    whole = cast(Tensor, _LogSumExpOfOthers.apply(scaled, candidates, own))
    return ContrastRows(torch.where(found, whole - mean, 0.0), found)


class _LogSumExpOfOthers(torch.autograd.Function):
    """Logarithm of the summed exponentials of an anchor's products with all candidates but itself.

    The exponentials are the one matrix that is kept; both gradients are products with it.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, anchors: Tensor, candidates: Tensor, own: Tensor) -> Tensor:
        shares = anchors.new_empty(len(anchors), len(candidates))
        highest = anchors.new_empty(len(anchors))
        # A finite number, since the difference of two infinite ones is none.
        lowest = torch.finfo(shares.dtype).min
        for block in row_blocks(len(anchors), len(candidates), shares.device):
            with torch.autocast(anchors.device.type, enabled=False):
                scores = torch.mm(anchors[block], candidates.T, out=shares[block])
            scores.scatter_(1, own[block].unsqueeze(1), lowest)
            highest[block] = scores.amax(1)
            scores.sub_(highest[block].unsqueeze(1)).exp_()
        whole = shares.sum(1)
        ctx.save_for_backward(anchors, candidates, shares, whole)
        return highest + whole.log()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        anchors, candidates, shares, whole = ctx.saved_tensors  # type: ignore[attr-defined]
        each = (gradient / whole).unsqueeze(1)
        with torch.autocast(anchors.device.type, enabled=False):
            return each * (shares @ candidates), shares.T @ (each * anchors), None
