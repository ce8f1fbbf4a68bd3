"""What becomes of samples that cannot be read: an error, or rows that count for nothing and are counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.data.schema import ShardError
from affectkit.types import IGNORE_LABEL

DamagePolicy: TypeAlias = Literal["error", "mask"]


class DamageError(ShardError):
    """More samples are damaged than the run allows; the message names some of them."""


class DamagedSampleWarning(UserWarning):
    """A sample could not be read, and its row is masked."""


class DamagedRows(NamedTuple):
    """What was masked in a batch; under ``"damaged"`` in its ``meta``, so that it leaves a worker process.

    Attributes:
        rows: Rows that were to count and do not; a row that only fills the batch is not one of them.
        limit: How many such rows an epoch may have over all ranks.
        reasons: What is wrong, by the key of the sample.
    """

    rows: int
    limit: int
    reasons: dict[str, str]


def damage_limit(allowed: int | float, rows: int) -> int:
    """Rows of an epoch of ``rows`` rows that may be masked.

    Args:
        allowed: A number of rows as an int, or a share of the epoch as a float from 0 to 1.
        rows: Rows of the epoch over all ranks.

    Raises:
        DamageError: If ``allowed`` is negative, or a share above 1.

    Examples:
        >>> damage_limit(0.01, 250), damage_limit(5, 250)
        (2, 5)
    """
    if isinstance(allowed, int) and allowed >= 0:
        return allowed
    if not 0 <= allowed <= 1:
        raise DamageError(
            f"max_damaged is {allowed}: give a number of rows from 0, or a share of an epoch from 0.0 to 1.0."
        )
    return int(allowed * rows)


def over_limit(found: DamagedRows, *, rows: int) -> DamageError:
    """The error for an epoch of which ``rows`` rows were masked, with the samples of ``found``."""
    named = "; ".join(list(found.reasons.values())[:3]) or "other ranks name them"
    return DamageError(
        f"{rows} rows of an epoch hold damaged samples and max_damaged allows {found.limit} ({named}): "
        f"restore the data, list all damage with `affectkit shards check`, or raise max_damaged."
    )


def mask_rows(batch: AffectBatch, rows: Sequence[int]) -> None:
    """Make rows of a batch count for nothing: inputs zero, nothing present, no targets, weight 0.

    ``valid`` and ``masks`` stay: the row keeps its place in the plan, and a model may divide by the
    length of a mask.
    """
    if not rows:
        return
    place = torch.tensor(rows)
    for tensor in (*batch.inputs.values(), *batch.present.values()):
        tensor[place] = 0
    target = batch.target
    for targets in (target.label, target.dims, target.distribution, target.multilabel):
        _clear(targets, place)
    for extra in (target.extra or {}).values():
        _clear(extra, place)
    weight = batch.valid.to(torch.float32) if target.weight is None else target.weight
    weight[place] = 0
    batch.target = target._replace(weight=weight)


def _clear(targets: Tensor | None, place: Tensor) -> None:
    if targets is not None:
        targets[place] = torch.nan if targets.is_floating_point() else IGNORE_LABEL
