"""Vectors with labels that a metric loss compares: of this rank, and of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from affectkit.distributed import all_gather_rows, gather_row_counts, rank
from affectkit.losses.rows import real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, Target


class LabelledRows(NamedTuple):
    """This rank's labelled rows as anchors, those of all ranks as candidates.

    Shape:
        - anchors: (n, D)
        - label, weight, own: (n,); ``own`` is the column of each anchor among the candidates
        - candidates: (N, D)
        - candidate_label: (N,)
    """

    anchors: Tensor
    label: Tensor
    weight: Tensor | None
    own: Tensor
    candidates: Tensor
    candidate_label: Tensor

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Pairs of one label that are not one row, and pairs of different labels, both (n, N) bool."""
        same = self.label.unsqueeze(1) == self.candidate_label
        return same.scatter(1, self.own.unsqueeze(1), False), ~same

    def weighted(self, rows: Tensor) -> Tensor:
        """Numbers of the anchors (n,) times the weights of their rows."""
        return rows if self.weight is None else rows * self.weight

    @property
    def nothing(self) -> Tensor:
        """A 0 that depends on anchors and candidates: without a gradient on one rank the others wait."""
        return self.anchors.flatten()[:0].sum() + self.candidates.flatten()[:0].sum()


def labelled_rows(
    output: AffectOutput,
    target: Target,
    loss: str,
    *,
    views: Sequence[str] = (),
    normalized: bool,
    gather: bool,
) -> LabelledRows:
    """Take the rows that have a label and are not padding; the others reach nothing.

    Args:
        output: Needs ``embedding``, or the ``views`` named.
        target: Needs ``label``.
        loss: Name of the loss, for the error.
        views: Names of several views of each row, which all become rows; none takes the embedding.
        normalized: Whether vectors are brought to length 1.
        gather: Whether candidates come from all ranks.

    Raises:
        ValueError: If a part is missing or has another number of rows.
    """
    label = target.label
    tensors = [named_rows(output, loss, name) for name in views or (None,)]
    if label is None or any(tensor.shape[:-1] != label.shape for tensor in tensors):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise ValueError(
            f"{loss} got vectors of shape {shapes} for labels of shape "
            f"{None if label is None else tuple(label.shape)}: give a label for each vector."
        )
    counted = real_rows(target, label) & (label != IGNORE_LABEL)
    places = counted.reshape(-1).nonzero().squeeze(1)

    def chosen(values: Tensor) -> Tensor:
        return values if len(places) == len(values) else values.index_select(0, places)

    kept = torch.cat([chosen(tensor.flatten(0, -2)) for tensor in tensors])
    kept = kept.to(torch.promote_types(kept.dtype, torch.float32))
    anchors = F.normalize(kept, dim=-1) if normalized else kept
    labels = chosen(label.flatten()).repeat(len(tensors))
    weight: Tensor | None = None
    if target.weight is not None:
        weight = chosen(target.weight.flatten()).to(anchors.dtype).repeat(len(tensors))
    own = torch.arange(len(anchors), device=anchors.device)
    if not gather:
        return LabelledRows(anchors, labels, weight, own, anchors, labels)
    own = own + sum(gather_row_counts(anchors)[: rank()])
    return LabelledRows(anchors, labels, weight, own, all_gather_rows(anchors), all_gather_rows(labels))


def named_rows(output: AffectOutput, loss: str, view: str | None) -> Tensor:
    """The embedding, or a view by its name.

    Raises:
        ValueError: If the output has none of that name.
    """
    found = output.embedding if view is None else (output.views or {}).get(view)
    if found is None:
        place = "embedding" if view is None else f"views[{view!r}]"
        names = ", ".join(sorted(output.views or {})) or "none"
        raise ValueError(
            f"{loss} got an output without {place} (its views: {names}): use a head that gives it, or put it "
            "into AffectOutput."
        )
    return found
