"""Cross entropy of each row, with class weights, label smoothing and focal modulation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.types import IGNORE_LABEL


def cross_entropy_rows(
    logits: Tensor,
    label: Tensor,
    *,
    class_weight: Tensor | None = None,
    label_smoothing: float = 0.0,
    gamma: float = 0.0,
) -> Tensor:
    r"""Class-weighted, smoothed and focal cross entropy of each row; ignored rows are exactly 0.

    .. math:: \ell = (1 - p_y)^\gamma \sum_c -q_c\, w_c \log p_c,
        \qquad q_c = (1 - \epsilon)\,[c = y] + \epsilon / C

    Args:
        logits: Scores before the softmax.
        label: Class index of each row, or -100 for a row without label.
        class_weight: Weight :math:`w_c` of each class; all 1 where absent.
        label_smoothing: :math:`\epsilon`, the mass that is spread evenly over the classes.
        gamma: Focal exponent; 0 is plain cross entropy.

    Shape:
        - logits: (..., C)
        - label: (...) int64
        - class_weight: (C,)
        - output: (...) in float32, or float64 where ``logits`` are

    References:
        Tsung-Yi Lin, Priya Goyal, Ross Girshick, Kaiming He, Piotr Dollár. Focal Loss for Dense
        Object Detection. ICCV 2017. arXiv:1708.02002.

    Deviation from the paper:
        The paper's loss is over sigmoids; this is its usual softmax form.

    Examples:
        >>> import torch
        >>> cross_entropy_rows(torch.zeros(2, 4), torch.tensor([1, -100])).tolist()
        [1.3862943649291992, 0.0]
    """
    labelled = label != IGNORE_LABEL
    # Filling, not multiplying by 0, keeps a NaN of an ignored row out of value and gradient.
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    scores = scores.masked_fill(~labelled.unsqueeze(-1), 0.0)
    num_classes = scores.shape[-1]
    rows = F.cross_entropy(
        scores.reshape(-1, num_classes),
        label.reshape(-1),
        weight=None if class_weight is None else class_weight.to(scores.dtype),
        ignore_index=IGNORE_LABEL,
        reduction="none",
        label_smoothing=label_smoothing,
    ).reshape(label.shape)
    if gamma == 0.0:
        return rows
    # log(1 - p_y) from the other classes: 1 - p_y itself rounds to 0, where a power below 1 has an
    # infinite slope and the gradient turns into NaN.
    own = label.clamp(min=0).unsqueeze(-1)
    others = scores.scatter(-1, own, float("-inf")).logsumexp(-1)
    log_miss = others - scores.logsumexp(-1)
    modulated: Tensor = rows * torch.exp(gamma * log_miss)
    return modulated
