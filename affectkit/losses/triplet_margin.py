"""Positives nearer than negatives by a margin, over triplets that are given or mined."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.functional import (
    TripletMargin,
    batch_all_counts,
    euclidean_distances,
    hardest_pairs,
    paired_distances,
    semi_hard_counts,
    triplet_sides,
)
from affectkit.losses.labelled_rows import LabelledRows, labelled_rows, named_rows
from affectkit.losses.mean_over_ranks import mean_over_ranks
from affectkit.losses.rows import real_rows
from affectkit.types import AffectOutput, LossTerms, Target

#: Which triplets: one of each anchor, one of each pair of one label, all, or those of three views.
TripletMining: TypeAlias = Literal["batch_hard", "semi_hard", "batch_all", "given"]
#: Names of the views that ``mining="given"`` reads.
GIVEN_VIEWS = ("anchor", "positive", "negative")


class TripletMarginLoss(nn.Module):
    r"""Mean over triplets of the hinge of two distances and a margin.

    .. math:: L = \frac{1}{K} \sum_{(a, p, n)} \max(0,\; d_{ap} - d_{an} + m)

    over the triplets of ``mining``: ``"batch_hard"``, the farthest positive and the nearest negative of each
    anchor; ``"semi_hard"``, for each pair of one label the nearest negative beyond the positive, or the
    farthest one where none is; ``"batch_all"``, every triplet, counted by sorting and never formed;
    ``"given"``, the rows of ``views["anchor"]``, ``["positive"]`` and ``["negative"]``, without labels.
    Anchors are this rank's rows; with ``gather`` positives and negatives come from all ranks, and K counts
    over all: equal to one batch over any number of ranks, not over accumulated batches.

    Args:
        margin: m; or ``"adaptive"``, the published one, or ``"adaptive_rescaled"``: see
            :func:`affectkit.functional.triplet_sides`.
        margin_scale: Scale of the rescaled margin. Below 0.25 the hinge closes on easy triplets; from 0.5
            on it closes on none.
        mining: See above.
        hinge: Whether a triplet that is far enough apart adds nothing.
        reduction: What K counts: ``"active"``, the triplets that the hinge lets through; ``"mean"``, all.
        negative_distance: ``"anchor"``, or ``"mean"``, the mean of :math:`d_{an}` and :math:`d_{pn}` as
            published; with ``"given"`` and ``"batch_hard"`` only.
        normalized: Whether vectors are brought to length 1 first.
        view: Name of the view to read instead of the embedding.
        gather: Whether triplets are made across ranks. Then the loss is collective: all ranks must come to
            it equally often, in validation as well.

    Shape:
        - output.embedding or the views: (B, D) or (B, U, D)
        - target.label: (B,) or (B, U), -100 = absent

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        Florian Schroff, Dmitry Kalenichenko, James Philbin. FaceNet: A Unified Embedding for Face Recognition
        and Clustering. CVPR 2015. arXiv:1503.03832. Alexander Hermans, Lucas Beyer, Bastian Leibe. In Defense
        of the Triplet Loss for Person Re-Identification. 2017. arXiv:1703.07737. M2FNet: Multi-modal Fusion
        Network for Emotion Recognition in Conversation. CVPR 2022 workshop. arXiv:2206.02187.

    Deviation from the paper:
        M2FNet's adaptive margin exceeds every distance of unit vectors, so its hinge never closes, and its
        gradient pulls negatives in beyond a distance of about 0.3; it is here for comparison, with
        ``negative_distance="mean", reduction="mean", mining="given"``. The default is a fixed margin.

    Examples:
        >>> output = AffectOutput(embedding=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
        >>> terms = TripletMarginLoss()(output, Target(label=torch.tensor([0, 0, 1])))
        >>> round(float(terms.total), 4), float(terms.weight)
        (0.9071, 2.0)
    """

    def __init__(
        self,
        margin: TripletMargin = 0.2,
        *,
        margin_scale: float = 0.2,
        mining: TripletMining = "batch_hard",
        hinge: bool = True,
        reduction: Literal["active", "mean"] = "active",
        negative_distance: Literal["anchor", "mean"] = "anchor",
        normalized: bool = True,
        view: str | None = None,
        gather: bool = True,
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("mining", mining, ("batch_hard", "semi_hard", "batch_all", "given")),
            ("reduction", reduction, ("active", "mean")),
            ("negative_distance", negative_distance, ("anchor", "mean")),
        ):
            if value not in known:
                raise ValueError(
                    f"TripletMarginLoss got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        numeric = not isinstance(margin, str)
        if margin_scale < 0 or (
            float(margin) < 0 if numeric else margin not in ("adaptive", "adaptive_rescaled")
        ):
            raise ValueError(
                f"TripletMarginLoss got margin={margin!r}, margin_scale={margin_scale}: give 0 or more, "
                "'adaptive' or 'adaptive_rescaled', and a scale of 0 or more."
            )
        if margin == "adaptive_rescaled" and not normalized:
            raise ValueError(
                "TripletMarginLoss got margin='adaptive_rescaled' with normalized=False: its distances must "
                "lie between 0 and 2, so use unit vectors or another margin."
            )
        if negative_distance == "mean" and mining not in ("batch_hard", "given"):
            raise ValueError(
                f"TripletMarginLoss got negative_distance='mean' with mining={mining!r}: use 'batch_hard' or "
                "'given', which have the triplets one by one, or 'anchor'."
            )
        if mining == "given" and view is not None:
            raise ValueError(
                f"TripletMarginLoss got view={view!r} with mining='given', which reads views 'anchor', "
                "'positive' and 'negative': leave it out."
            )
        self.margin = margin
        self.margin_scale = margin_scale
        self.mining = mining
        self.hinge = hinge
        self.reduction = reduction
        self.negative_distance = negative_distance
        self.normalized = normalized
        self.view = view
        self.gather = gather

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare distances; labels of -100 and rows of weight 0 are in no triplet."""
        if self.mining == "given":
            return self._given(output, target)
        rows = labelled_rows(
            output,
            target,
            "TripletMarginLoss",
            views=() if self.view is None else (self.view,),
            normalized=self.normalized,
            gather=self.gather,
        )
        if len(rows.candidates) == 0:
            # Alike on every rank: no column to look for.
            none = rows.own.new_zeros(())
            return self._mean(rows.nothing, none, none)
        if self.mining == "batch_hard":
            return self._hardest(rows)
        return self._counted(rows)

    def _hardest(self, rows: LabelledRows) -> LossTerms:
        found = hardest_pairs(rows.anchors, rows.candidates, rows.label, rows.candidate_label, rows.own)
        positive = rows.candidates.index_select(0, found.positive)
        negative = rows.candidates.index_select(0, found.negative)
        loss = torch.where(found.found, self._rows(rows.anchors, positive, negative), 0.0)
        number = found.found.sum()
        counted = (found.found & (loss > 0)).sum() if self._only_active else number
        return self._mean(rows.weighted(loss).sum(), counted, number)

    def _counted(self, rows: LabelledRows) -> LossTerms:
        distance = euclidean_distances(rows.anchors, rows.candidates)
        pull, push = triplet_sides(distance, distance, self.margin, margin_scale=self.margin_scale)
        positive, negative = rows.pairs()
        side = torch.where(positive, pull, push)
        sides = (side.detach(), positive, negative)
        if self.mining == "batch_all":
            counts = batch_all_counts(*sides, hinge=self.hinge)
        else:
            counts = semi_hard_counts(distance.detach(), *sides, hinge=self.hinge)
        loss = (counts * side).sum(1)
        num_positive, num_negative = positive.sum(1), negative.sum(1)
        if self._only_active:
            counted = counts.clamp(min=0).sum(dtype=torch.float64)
        else:
            each = num_negative if self.mining == "batch_all" else (num_negative > 0)
            counted = (num_positive * each).sum()
        number = ((num_positive > 0) & (num_negative > 0)).sum()
        return self._mean(rows.weighted(loss).sum(), counted, number)

    def _given(self, output: AffectOutput, target: Target) -> LossTerms:
        views = [named_rows(output, "TripletMarginLoss", name) for name in GIVEN_VIEWS]
        if any(view.shape != views[0].shape for view in views):
            raise ValueError(
                "TripletMarginLoss got the views 'anchor', 'positive' and 'negative' of shapes "
                f"{', '.join(str(tuple(view.shape)) for view in views)}: give three of one shape."
            )
        real = real_rows(target, views[0][..., 0])
        anchor, positive, negative = (self._vectors(view[real]) for view in views)
        loss = self._rows(anchor, positive, negative)
        number = real.sum()
        counted = (loss > 0).sum() if self._only_active else number
        if target.weight is not None:
            loss = loss * target.weight[real].to(loss.dtype)
        return self._mean(loss.sum(), counted, number)

    def _vectors(self, rows: Tensor) -> Tensor:
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
        return F.normalize(rows, dim=-1) if self.normalized else rows

    def _rows(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        far = paired_distances(anchor, negative)
        pull, push = triplet_sides(
            paired_distances(anchor, positive), far, self.margin, margin_scale=self.margin_scale
        )
        if self.negative_distance == "mean":
            # The margin is that of the anchor's negative; only the distance itself becomes a mean.
            change = (far - paired_distances(positive, negative)) / 2
            push = push - (change / 2 if self.margin == "adaptive_rescaled" else change)
        return torch.relu(pull - push) if self.hinge else pull - push

    @property
    def _only_active(self) -> bool:
        return self.hinge and self.reduction == "active"

    def _mean(self, total: Tensor, counted: Tensor, number: Tensor) -> LossTerms:
        mean, rows = mean_over_ranks(total, counted, number, gather=self.gather)
        return LossTerms(mean, {"triplet": mean.detach()}, rows)
