"""Targets of one data set, where several are trained together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affectkit.types import IGNORE_LABEL, Target


def per_dataset_target(target: Target, source: str, widths: Mapping[str, int | None]) -> Target:
    """Put labels or values where :class:`PerDatasetHeads` has its results, absent for the other data sets.

    Args:
        target: What a batch of one data set is compared with.
        source: Its name, e.g. ``batch.meta["source"]`` of a mixture.
        widths: Every data set by name: None where its head predicts classes, else the number of
            values.

    Raises:
        ValueError: If the source is unknown, or its target is not there.

    Examples:
        >>> batch = Target(dims=torch.tensor([[0.5]]), weight=torch.ones(1))
        >>> moved = per_dataset_target(batch, "koniq", {"emoset": None, "koniq": 1})
        >>> moved.extra["emoset"].tolist(), moved.extra["koniq"].tolist()
        ([-100], [[0.5]])
    """
    if source not in widths:
        raise ValueError(
            f"per_dataset_target got source={source!r}: name it in widths, beside {sorted(widths)}."
        )
    width = widths[source]
    own = target.label if width is None else target.dims
    if own is None or (width is not None and own.shape[-1] != width):
        what = "label" if width is None else f"dims of width {width}"
        raise ValueError(
            f"per_dataset_target found no {what} in a batch of {source!r}: correct widths or the data."
        )
    rows = own.shape if width is None else own.shape[:-1]
    extra: dict[str, Tensor] = {}
    for name, other in widths.items():
        if name == source:
            extra[name] = own
        elif other is None:
            extra[name] = torch.full(rows, IGNORE_LABEL, device=own.device)
        else:
            extra[name] = torch.full((*rows, other), torch.nan, device=own.device)
    return Target(extra=extra, weight=target.weight)
