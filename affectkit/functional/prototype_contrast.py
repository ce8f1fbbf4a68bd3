"""Contrast of each row with the rows of a batch and one centre of each class."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

#: The share of the positives among all candidates, or their mean against the negatives alone.
PrototypeContrastForm: TypeAlias = Literal["plain", "decoupled"]


def prototype_contrast_rows(
    anchors: Tensor,
    candidates: Tensor,
    centres: Tensor,
    label: Tensor,
    candidate_label: Tensor,
    own: Tensor,
    *,
    temperature: float,
    form: PrototypeContrastForm = "plain",
) -> Tensor:
    r"""Loss of each row against the candidates, its own column left out, and the centres of all classes.

    .. math:: s = \frac{1 + \cos}{2}, \qquad
        \ell_i = -\log \left( \frac{1}{|P(i)|}
        \frac{\sum_{p \in P(i)} e^{s_{ip} / \tau}}{\sum_{k \neq i} e^{s_{ik} / \tau}} \right)

    with P(i) the other candidates of the label and the label's centre; ``"decoupled"`` is

    .. math:: \ell_i = \log \sum_{n \notin P(i), n \neq i} e^{s_{in} / \tau}
        - \frac{1}{|P(i)|} \sum_{p \in P(i)} \frac{s_{ip}}{\tau}

    Args:
        anchors: Vectors of any length.
        candidates: Vectors, those of the anchors among them.
        centres: One vector for each class.
        label: Classes of the anchors.
        candidate_label: Classes of the candidates.
        own: Column of each anchor among the candidates.
        temperature: :math:`\tau`.
        form: One of the two.

    Shape:
        - anchors: (n, D)
        - candidates: (N, D)
        - centres: (C, D) with C of 2 or more
        - label, own: (n,)
        - candidate_label: (N,)
        - output: (n,) in float32, or float64 where ``anchors`` are

    References:
        Xiaohui Song, Longtao Huang, Hui Xue, Songlin Hu. Supervised Prototypical Contrastive Learning for
        Emotion Recognition in Conversation. EMNLP 2022. arXiv:2210.08713.

    Examples:
        >>> import torch
        >>> x, label = torch.eye(2), torch.tensor([0, 1])
        >>> rows = prototype_contrast_rows(x, x, x, label, label, torch.arange(2), temperature=0.5)
        >>> [round(value, 4) for value in rows.tolist()]
        [0.5514, 0.5514]
    """
    anchors = anchors.to(torch.promote_types(anchors.dtype, torch.float32))
    pool = torch.cat([candidates, centres.to(candidates.dtype)]).to(anchors.dtype)
    classes = torch.arange(len(centres), device=label.device)
    same = label.unsqueeze(1) == torch.cat([candidate_label, classes])
    itself = torch.zeros_like(same).scatter(1, own.unsqueeze(1), True)
    with torch.autocast(anchors.device.type, enabled=False):
        scores = (1 + F.normalize(anchors, dim=1) @ F.normalize(pool, dim=1).T) / (2 * temperature)
    positive = same & ~itself
    lowest = torch.finfo(scores.dtype).min
    if form == "decoupled":
        mean = torch.where(positive, scores, 0.0).sum(1) / positive.sum(1)
        return scores.masked_fill(same, lowest).logsumexp(1) - mean
    whole = scores.masked_fill(itself, lowest).logsumexp(1)
    share = scores.masked_fill(~positive, lowest).logsumexp(1)
    return whole - share + positive.sum(1).to(scores.dtype).log()
