"""Several sources that keep the labels and values they came with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.heads import per_dataset_target
from affectkit.labels import LabelSpace
from affectkit.types import Target

#: What of a source a head is compared with.
TargetField: TypeAlias = Literal["label", "dims", "distribution", "multilabel"]


@dataclass(frozen=True, slots=True)
class SourceTargets:
    """What the batches of one source are compared with.

    Args:
        field: Which field of its targets: ``"label"``, ``"dims"``, ``"distribution"`` (votes) or
            ``"multilabel"``.
        label_space: Order of its labels; None where it has none.
        axes: Names of its values in their order; none where it has no values.
    """

    field: TargetField
    label_space: LabelSpace | None = None
    axes: tuple[str, ...] = ()

    @property
    def width(self) -> int | None:
        """Columns of the target; None for labels, which are one number a row."""
        if self.field == "label":
            return None
        return len(self.axes) if self.field == "dims" else len(self.label_space or ())


def source_targets(name: str, source: ShardDataModule[Any], field: TargetField | None) -> SourceTargets:
    """What a source has to be compared with.

    Args:
        name: Name of the source, for the message.
        source: The source.
        field: Which field to take; None takes the labels, or the values where there are no labels.

    Raises:
        DataModuleError: If the source lacks it.
    """
    space, scale = source.label_space, source.manifest.dims
    stored = source.manifest.label_space is not None and space is not None
    several = space is not None and space.kind == "multilabel"
    if field is None:
        field = "dims" if not stored else "multilabel" if several else "label"
    there = {
        "label": stored and not several,
        "multilabel": stored and several,
        "distribution": stored and not several,
        "dims": scale is not None,
    }
    if not there[field]:
        found = " and ".join(part for part, has in (("labels", stored), ("values", scale is not None)) if has)
        raise DataModuleError(
            f"Source {name!r} has no {field} to be compared with (its shards hold {found or 'neither labels'}"
            f"{'' if found else ' nor values'}): leave it out of the mixture, or name what it has in "
            "own_targets."
        )
    return SourceTargets(field, space if stored else None, () if scale is None else scale.axes)


def check_votes(name: str, source: ShardDataModule[Any]) -> None:
    """Refuse to train on the votes of a source without any: its head would learn nothing.

    Args:
        name: Name of the source, for the message.
        source: The source.

    Raises:
        DataModuleError: If no sample of its train split has votes.
    """
    if not source.has_votes("train"):
        raise DataModuleError(
            f"Source {name!r} is to be compared with the distribution of its votes, but no sample of its "
            f"train split has any: set own_targets.{name} to label, or choose shards with votes."
        )


class OwnTargets:
    """Moves the target of each batch to ``Target.extra[source]``, absent (-100, NaN) for other sources.

    Nothing else stays in the target but the rows' weight: a label of one source can then never be
    taken for one of another.

    Args:
        sources: Every source by name.
    """

    def __init__(self, sources: Mapping[str, SourceTargets]) -> None:
        self._sources = dict(sources)
        self._widths = {name: targets.width for name, targets in sources.items()}

    def __call__(self, batch: AffectBatch) -> AffectBatch:
        """Move the target of a batch, whose source ``meta["source"]`` names."""
        source = str(batch.meta["source"])
        return replace(
            batch, target=per_dataset_target(self._column(batch.target, source), source, self._widths)
        )

    def _column(self, target: Target, source: str) -> Target:
        targets = self._sources[source]
        match targets.field:
            case "label":
                return target
            case "dims":
                columns = target.dims
            case "distribution":
                columns = target.distribution
                if columns is None and target.weight is not None:
                    # no row of this batch has votes
                    columns = _absent(target.weight, targets)
            case "multilabel":
                columns = target.multilabel
        return Target(dims=columns, weight=target.weight)


def _absent(rows: Tensor, targets: SourceTargets) -> Tensor:
    return torch.full((*rows.shape, targets.width or 0), torch.nan, device=rows.device)
