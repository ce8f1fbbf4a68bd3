"""The loss of a student, from plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from affectkit.distill import (
    FeatureDistillationLoss,
    GeometricPriorLoss,
    LogitDistillationLoss,
    PrototypeDistillationLoss,
    VAPrototypeGrid,
    WeightSchedule,
)
from affectkit.distill.prototype_distillation import PrototypeTarget
from affectkit.functional.logit_distillation import LogitDistance
from affectkit.labels import LabelSpace
from affectkit.losses import ClassificationLoss, VoteDistributionLoss, WeightedSum
from affectkit.types import Loss

#: Labels with smoothing and class weights, or the distribution of votes.
TruthObjective: TypeAlias = Literal["classification", "votes"]


class DistillTerms(NamedTuple):
    """Weights and options of the terms; a weight of 0 leaves its term out.

    Attributes:
        objective: What the student learns from the annotation.
        label_smoothing: Mass spread over the classes, for ``"classification"``.
        kd_weight: Weight of the teacher's scores.
        kd_distance: How scores are compared.
        kd_temperature: Temperature of the divergence.
        feature_weight: Weight of the teacher's features.
        teacher_dim: Width of the teacher's features.
        prototype_weight: Weight of the prototypes.
        prototype_target: Which cells a sample should be like.
        prototype_temperature: Temperature of the student's likeness.
        prototype_bandwidth: Width of the goal around an anchor.
        teacher_scale: Affect scale of the teacher's valence and arousal.
        anchors: Valence and arousal of each label; None takes the wheel's.
        geometry_weight: Weight of the geometric prior, once it has set in.
        geometry_ramp: Shares of the training between which that weight grows.
        geometry_classes: Labels that the prior is about.
        geometry_cap: Spread that costs nothing.
        geometry_margin: Distance of means from which on they cost nothing.
        geometry_confidence: Rows that the student is less sure of are left out.
    """

    objective: TruthObjective = "classification"
    label_smoothing: float = 0.055
    kd_weight: float = 0.3
    kd_distance: LogitDistance = "mse"
    kd_temperature: float = 5.0
    feature_weight: float = 0.0
    teacher_dim: int | None = None
    prototype_weight: float = 0.12
    prototype_target: PrototypeTarget = "anchor"
    prototype_temperature: float = 0.9
    prototype_bandwidth: float = 0.35
    teacher_scale: str = "va.unit"
    anchors: Mapping[str, Sequence[float]] | None = None
    geometry_weight: float = 0.012
    geometry_ramp: Sequence[float] = (0.2, 0.6)
    geometry_classes: Sequence[str] = ("happiness", "surprise")
    geometry_cap: float = 0.2
    geometry_margin: float = 0.5
    geometry_confidence: float = 0.2

    @property
    def reads_teacher(self) -> bool:
        """Whether a term compares with the answers of a teacher."""
        by_values = self.prototype_weight > 0 and self.prototype_target == "teacher"
        return self.kd_weight > 0 or self.feature_weight > 0 or by_values


def distill_loss(
    terms: DistillTerms, space: LabelSpace, *, embedding_dim: int, grid: VAPrototypeGrid | None
) -> WeightedSum:
    """Put the terms of a student's loss together.

    Args:
        terms: Weights and options.
        space: Label space of the student.
        embedding_dim: Width of the student's embedding.
        grid: The prototypes; None leaves their term out.

    Raises:
        ValueError: If a weight is negative, an anchor is missing, or an option is out of range.
    """
    weights = {
        "logits": terms.kd_weight,
        "features": terms.feature_weight,
        "prototypes": terms.prototype_weight,
        "geometry": terms.geometry_weight,
    }
    low = next((name for name, weight in weights.items() if weight < 0), None)
    if low is not None or len(terms.geometry_ramp) != 2:
        raise ValueError(
            f"PrototypeDistillTask got the weight {low and weights[low]} for {low or 'nothing'} and "
            f"geometry_ramp={list(terms.geometry_ramp)}: give weights of 0 or more, and two shares of the "
            "training."
        )
    truth: Loss = (
        VoteDistributionLoss()
        if terms.objective == "votes"
        else ClassificationLoss(len(space), label_smoothing=terms.label_smoothing)
    )
    losses: dict[str, Loss] = {"emotion": truth}
    shares: dict[str, float | Callable[[float], float]] = {}
    if terms.kd_weight > 0:
        losses["logits"] = LogitDistillationLoss(distance=terms.kd_distance, temperature=terms.kd_temperature)
        shares["logits"] = terms.kd_weight
    if terms.feature_weight > 0:
        losses["features"] = FeatureDistillationLoss(embedding_dim, terms.teacher_dim)
        shares["features"] = terms.feature_weight
    if terms.prototype_weight > 0 and grid is not None:
        own_anchors = terms.prototype_target != "teacher" and terms.anchors is not None
        losses["prototypes"] = PrototypeDistillationLoss(
            grid,
            target=terms.prototype_target,
            space=None if own_anchors or terms.prototype_target == "teacher" else space,
            anchors=_anchors(terms.anchors or {}, space) if own_anchors else None,
            temperature=terms.prototype_temperature,
            bandwidth=terms.prototype_bandwidth,
            teacher_scale=terms.teacher_scale,
        )
        shares["prototypes"] = terms.prototype_weight
    if terms.geometry_weight > 0:
        losses["geometry"] = GeometricPriorLoss(
            [space.index(name) for name in terms.geometry_classes],
            cap=terms.geometry_cap,
            margin=terms.geometry_margin,
            min_confidence=terms.geometry_confidence,
        )
        begin, finish = terms.geometry_ramp
        shares["geometry"] = WeightSchedule(terms.geometry_weight, begin=begin, finish=finish)
    return WeightedSum(losses, shares)


def _anchors(given: Mapping[str, Sequence[float]], space: LabelSpace) -> list[list[float]]:
    by_index = {space.index(name): [float(value) for value in point] for name, point in given.items()}
    missing = [label for index, label in enumerate(space) if index not in by_index]
    if missing:
        raise ValueError(
            f"PrototypeDistillTask got no anchor for {missing[0]!r} of {space.name!r}: give valence and "
            "arousal of every label, or none to take those of the wheel."
        )
    return [by_index[index] for index in range(len(space))]
