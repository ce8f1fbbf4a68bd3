"""Modalities of one row alike: every pair of them contrasted over the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.distributed import all_gather_rows, gather_row_counts, rank
from affectkit.functional import cross_view_info_nce_rows, cross_view_official_rows
from affectkit.losses.labelled_rows import named_rows
from affectkit.losses.rows import mean_over_rows, real_rows, row_like
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class PairwiseContrastiveLoss(nn.Module):
    r"""Mean over pairs of modalities of the contrast of a row in one with all rows in the other.

    .. math:: L = \frac1N \sum_i \frac{1}{|Q(i)|} \sum_{(a, b) \in Q(i)}
        \tfrac12 \left( \ell_i^{a \to b} + \ell_i^{b \to a} \right)

    with :math:`\ell` of :func:`affectkit.functional.cross_view_info_nce_rows` and Q(i) the pairs of which
    row i has both. A row that lacks one of two modalities is neither an anchor nor a candidate of that pair;
    a row that has no pair does not count. With ``gather`` candidates come from all ranks: equal to one batch
    over any number of ranks, not over accumulated batches.

    Args:
        modalities: Names of the views.
        mode: ``"infonce"``, as above; ``"official"``, the formula of the official code.
        positives: ``"sample"``, the row itself; ``"label"``, all rows of its label.
        temperature: :math:`\tau`, where ``learnable`` its start.
        learnable: Whether :math:`1 / \tau` is learnt, as an exponential.
        pairs: Pairs of modalities; None takes all.
        normalized: Whether vectors are brought to length 1 first.
        gather: See above. The loss is then collective: all ranks must come to it equally often, in
            validation as well.

    Shape:
        - output.views[modality]: (B, D), or (B, V, D) with V views of each row; in conversations (B, U, D)
          or (B, U, V, D)
        - output.views[modality + ".present"]: (B,) or (B, U) bool; without it every row has the modality
          (without it and without a target, the first axis alone counts rows)
        - target.label: (B,) or (B, U), -100 = absent; with ``positives="label"`` only

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        Riccardo Franceschini, Enrico Fini, Cigdem Beyan, Alessandro Conti, Federica Arrigoni, Elisa Ricci.
        Multimodal Emotion Recognition with Modality-Pairwise Unsupervised Contrastive Loss. ICPR 2022.
        arXiv:2207.11482.

    Deviation from the paper:
        The official code drops the positive of the same view together with the diagonal, so that it needs
        two views, and divides by one positive more than there are, which halves the loss. The default is the
        symmetric form of the paper's figure; ``mode="official"`` is the code's.

    Examples:
        >>> views = {"audio": torch.eye(2), "text": torch.eye(2)}
        >>> loss = PairwiseContrastiveLoss(["audio", "text"], temperature=1.0)
        >>> round(float(loss(AffectOutput(views=views), Target()).total), 4)
        0.3133
    """

    def __init__(
        self,
        modalities: Sequence[str],
        *,
        mode: Literal["infonce", "official"] = "infonce",
        positives: Literal["sample", "label"] = "sample",
        temperature: float = 0.07,
        learnable: bool = False,
        pairs: Sequence[Sequence[str]] | None = None,
        normalized: bool = True,
        gather: bool = True,
    ) -> None:
        super().__init__()
        if mode not in ("infonce", "official") or positives not in ("sample", "label") or not temperature > 0:
            raise ValueError(
                f"PairwiseContrastiveLoss got mode={mode!r}, positives={positives!r}, temperature="
                f"{temperature}: use 'infonce' or 'official', 'sample' or 'label', and a number above 0."
            )
        if learnable and mode == "official":
            raise ValueError(
                "PairwiseContrastiveLoss got learnable=True with mode='official', whose temperature also "
                "scales the loss: use mode='infonce'."
            )
        # Sorted, so that sums do not depend on the order in which modalities were named.
        chosen = combinations(sorted(set(modalities)), 2) if pairs is None else map(tuple, pairs)
        self.pairs = tuple(sorted({tuple(sorted(pair)) for pair in chosen}))
        if not self.pairs or any(
            len(set(pair)) != 2 or not set(pair) <= set(modalities) for pair in self.pairs
        ):
            raise ValueError(
                f"PairwiseContrastiveLoss got the modalities {list(modalities)} and pairs {pairs}: give two "
                "modalities or more, and pairs of two of them."
            )
        self.mode = mode
        self.positives = positives
        self.temperature = temperature
        self.normalized = normalized
        self.gather = gather
        self.log_scale: Tensor | None = None
        if learnable:
            self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Contrast ``output.views``; rows of weight 0 and absent modalities reach nothing."""
        names = sorted({name for pair in self.pairs for name in pair})
        raw = {name: named_rows(output, "PairwiseContrastiveLoss", name) for name in names}
        like = _row_like(output, target, names)
        real = real_rows(target, like)
        label: Tensor | None = None
        if self.positives == "label":
            if target.label is None:
                raise ValueError(
                    "PairwiseContrastiveLoss has positives='label' and got a target without label: give the "
                    "batch labels, or use positives='sample'."
                )
            real = real & (target.label != IGNORE_LABEL)
            label = target.label.reshape(-1)
        present = {name: real.reshape(-1) & _present(output, name, real) for name in names}
        vectors = {name: self._vectors(raw[name], present[name], like, name) for name in names}
        if len({rows.shape[1:] for rows in vectors.values()}) > 1:
            shapes = ", ".join(f"{name} {tuple(rows.shape[1:])}" for name, rows in vectors.items())
            raise ValueError(
                f"PairwiseContrastiveLoss got rows of several shapes (views, width) per modality ({shapes}): "
                "project all modalities to one width and give each as many views."
            )
        if self.mode == "official" and label is None and vectors[names[0]].shape[1] < 2:
            raise ValueError(
                "PairwiseContrastiveLoss got one view of each row with mode='official', which then has no "
                "positive: give two views (B, 2, D), or use mode='infonce'."
            )
        rows = real.numel()
        own = torch.arange(rows, device=real.device)
        everywhere, flags, labels = vectors, present, label
        if self.gather:
            own = own + sum(gather_row_counts(real.reshape(-1))[: rank()])
            everywhere = {name: all_gather_rows(vectors[name]) for name in names}
            flags = {name: all_gather_rows(present[name]) for name in names}
            labels = None if label is None else all_gather_rows(label)
        number = len(flags[names[0]])
        if label is None or labels is None:
            positive = own.unsqueeze(1) == torch.arange(number, device=own.device)
        else:
            positive = label.unsqueeze(1) == labels
        total = vectors[names[0]].new_zeros(rows)
        found = total
        for first, second in self.pairs:
            both = present[first] & present[second]
            candidate = flags[first] & flags[second]
            right = positive & both.unsqueeze(1)
            there = self._contrast(vectors[first], everywhere[second], right, candidate, own)
            back = self._contrast(vectors[second], everywhere[first], right, candidate, own)
            total = total + (there + back) / 2
            found = found + both
        weight = None if target.weight is None else target.weight.reshape(-1)
        mean, counted = mean_over_rows(total / found.clamp(min=1), found > 0, weight)
        return LossTerms(mean, {"pairwise_contrast": mean.detach()}, counted)

    def _contrast(
        self, anchors: Tensor, others: Tensor, positive: Tensor, candidate: Tensor, own: Tensor
    ) -> Tensor:
        if self.mode == "official":
            return cross_view_official_rows(
                anchors, others, positive, candidate, own, temperature=self.temperature
            )
        scale = 1 / self.temperature if self.log_scale is None else self.log_scale.exp()
        return cross_view_info_nce_rows(anchors, others, positive, candidate, scale)

    def _vectors(self, view: Tensor, present: Tensor, like: Tensor, name: str) -> Tensor:
        """Rows (n, V, D); those that are absent as zeros, so that what they hold reaches nothing."""
        extra = view.ndim - like.ndim
        if view.shape[: like.ndim] != like.shape or extra not in (1, 2):
            raise ValueError(
                f"PairwiseContrastiveLoss got views[{name!r}] of shape {tuple(view.shape)} for rows of shape "
                f"{tuple(like.shape)}: give one vector, or several views, for each row."
            )
        rows = view.reshape(like.numel(), *view.shape[like.ndim :])
        rows = rows.unsqueeze(1) if extra == 1 else rows
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
        rows = rows.masked_fill(~present[:, None, None], 0.0)
        return F.normalize(rows, dim=-1) if self.normalized else rows


def _row_like(output: AffectOutput, target: Target, names: Sequence[str]) -> Tensor:
    """Something with one element a row: that tells the axes of rows from one of views."""
    if any(field is not None for field in target):
        return row_like(target)
    views = output.views or {}
    flags = [views[f"{name}.present"] for name in names if f"{name}.present" in views]
    return flags[0] if flags else views[names[0]].flatten(1)[:, 0]


def _present(output: AffectOutput, name: str, real: Tensor) -> Tensor:
    flag = (output.views or {}).get(f"{name}.present")
    if flag is None:
        return torch.ones_like(real).reshape(-1)
    if flag.shape != real.shape:
        raise ValueError(
            f"PairwiseContrastiveLoss got views['{name}.present'] of shape {tuple(flag.shape)} for rows of "
            f"shape {tuple(real.shape)}: give one flag a row."
        )
    return flag.reshape(-1).bool()
