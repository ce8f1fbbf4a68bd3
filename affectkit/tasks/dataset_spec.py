"""One data set among several that share a trunk: what its head learns."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypedDict, get_type_hints

from torch import nn
from torchmetrics import MetricCollection

from affectkit.data.modules.own_targets import TargetField
from affectkit.heads import PerceptualHead
from affectkit.labels import LabelSpace, label_space
from affectkit.tasks.prompt_objectives import (
    OBJECTIVES,
    VALUE_OBJECTIVES,
    Objective,
    objective_loss,
    objective_metrics,
)
from affectkit.types import Loss

#: What a name may hold: it becomes part of log keys, file names and names of weights.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class DatasetError(ValueError):
    """Several data sets do not fit their task or their data; the message is one sentence."""


class DatasetOptions(TypedDict, total=False):
    """A data set as a configuration states it.

    Attributes:
        label_space: Name of its label order, where its head predicts classes.
        axes: Names of its values, where its head predicts values.
        objective: What is learned; ``"classification"`` or ``"mse"`` unless given.
        weight: Weight of its loss; 1 unless given.
    """

    label_space: str
    axes: list[str]
    objective: Objective
    weight: float


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """What the head of one data set predicts and by what it is trained.

    Args:
        name: Name of the data set, which is that of its source in the data.
        objective: What is learned.
        space: Order of its labels; None where values are predicted.
        axes: Names of its values; none where classes are predicted.
        weight: Weight of its loss.
    """

    name: str
    objective: Objective
    space: LabelSpace | None
    axes: tuple[str, ...]
    weight: float

    @classmethod
    def of(cls, name: str, options: DatasetOptions) -> Self:
        """Read what a configuration states.

        Raises:
            DatasetError: If the name or an option cannot be, or labels and values do not fit the
                objective.
        """
        # A ModuleDict keeps its heads as attributes.
        if not _NAME.fullmatch(name) or hasattr(nn.ModuleDict(), name):
            raise DatasetError(
                f"The data set {name!r} cannot be called so: give it a name of letters, digits, _ and -, "
                "other than Python's own such as 'keys' or 'values'."
            )
        known = sorted(get_type_hints(DatasetOptions))
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise DatasetError(
                f"The data set {name!r} has the unknown option {unknown[0]!r}: give some of "
                f"{', '.join(known)}."
            )
        named, axes = options.get("label_space"), tuple(options.get("axes") or ())
        if (named is None) is not bool(axes):
            raise DatasetError(
                f"The data set {name!r} has {'both' if axes else 'neither'} a label_space and axes: give it "
                "one of them, since one head predicts classes or values."
            )
        objective = options.get("objective", "mse" if axes else "classification")
        fitting = VALUE_OBJECTIVES if axes else ("classification", "distribution")
        if objective not in fitting:
            wrong = "unknown" if objective not in OBJECTIVES else "not one of values" if axes else "of values"
            raise DatasetError(
                f"The data set {name!r} has the objective {objective!r}, which is {wrong}: give "
                f"{' or '.join(map(repr, fitting))}, or {'a label_space' if axes else 'axes'}."
            )
        weight = float(options.get("weight", 1.0))
        if not math.isfinite(weight) or weight <= 0:
            raise DatasetError(
                f"The data set {name!r} has the weight {weight:g}: give a number above 0, or leave the data "
                "set out."
            )
        space = None if named is None else label_space(named)
        if space is not None and space.kind == "multilabel":
            raise DatasetError(
                f"The labels of {space.name!r} may hold together, which no objective of the data set "
                f"{name!r} learns: give it a space with one label a row."
            )
        return cls(name, objective, space, axes, weight)

    @property
    def field(self) -> TargetField:
        """Which field of the source's targets is compared."""
        if self.axes:
            return "dims"
        return "distribution" if self.objective == "distribution" else "label"

    @property
    def num_classes(self) -> int:
        """Number of classes C, 0 where values are predicted."""
        return 0 if self.space is None else len(self.space)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the head's outputs in their order."""
        return self.axes if self.space is None else self.space.labels

    def head(self, in_dim: int, *, hidden_dims: Sequence[int], dropout: float) -> PerceptualHead:
        """A head for it; a linear one without hidden layers."""
        return PerceptualHead(
            in_dim,
            num_classes=self.num_classes,
            num_dims=len(self.axes),
            hidden_dims=hidden_dims,
            dropout=dropout,
        )

    def loss(self, *, label_smoothing: float = 0.0) -> Loss:
        """The loss of its head."""
        return objective_loss(
            self.objective, self.num_classes, label_smoothing=label_smoothing, head=self.name
        )

    def metrics(self) -> MetricCollection:
        """Its metrics."""
        return objective_metrics(self.objective, self.num_classes, self.axes)

    def to_plain(self) -> dict[str, object]:
        """What a checkpoint says about it, to be compared at loading."""
        return {"field": self.field, "outputs": list(self.outputs)}


def dataset_specs(datasets: Mapping[str, DatasetOptions]) -> dict[str, DatasetSpec]:
    """Read all data sets, sorted by name, so that nothing depends on the order of a file.

    Raises:
        DatasetError: If there is none, or one cannot be.
    """
    if not datasets:
        raise DatasetError(
            "There is no data set: name at least one, e.g. faces: {label_space: fer7.official}."
        )
    return {name: DatasetSpec.of(name, datasets[name]) for name in sorted(datasets)}
