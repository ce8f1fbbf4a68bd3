"""Features with one label each, collected from whatever hands out batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor

from affectkit.distributed import all_gather_rows, world_size
from affectkit.types import IGNORE_LABEL, Encoding, Target


class LabelledBatch(Protocol):
    """What is read of an ``AffectBatch``."""

    @property
    def inputs(self) -> Mapping[str, Tensor]:
        """Pictures or features by modality."""
        ...

    @property
    def valid(self) -> Tensor:
        """(B,) bool, False on a row that only fills up."""
        ...

    @property
    def keys(self) -> list[str]:
        """Key of each row."""
        ...

    @property
    def target(self) -> Target:
        """Labels."""
        ...


#: Batches of a loader, or pairs of pictures or features (B, ...) and labels (B,).
LabelledRows = Iterable[LabelledBatch] | Iterable[tuple[Tensor, Tensor]]


class LabelledFeatures(NamedTuple):
    """Rows that have a label.

    Shape:
        - features: (N, E).
        - labels: (N,) int64.
        - ids: (N,) int64, the same for the same sample, from its key or from its place.
    """

    features: Tensor
    labels: Tensor
    ids: Tensor


def collect_labelled(
    batches: LabelledRows,
    encode: Callable[[Tensor], Encoding],
    *,
    device: torch.device,
    modality: str = "visual",
) -> LabelledFeatures:
    """Go once over ``batches``, encode pictures where they are not features already, drop unlabelled rows.

    Rows with keys are gathered over ranks, so that every rank gets all of them. Pairs without keys are
    taken as they are: each rank has to hand in all rows.

    Args:
        batches: ``AffectBatch`` with a modality and labels, or pairs (pictures or features, labels).
        encode: Pictures (B, 3, H, W) to an encoding.
        device: Where the features are wanted.
        modality: Name of the input of an ``AffectBatch``.

    Raises:
        ValueError: If a batch lacks the modality or labels, holds undecoded pixels, or nothing is left.
    """
    parts: list[LabelledFeatures] = []
    named, start = False, 0
    for inputs, labels, keys in _rows(batches, modality):
        features = _encode(inputs, encode, device)
        labels = labels.to(device)
        named = named or bool(keys)
        places = [_key_id(key) for key in keys] if keys else range(start, start + len(labels))
        ids = torch.tensor(places, dtype=torch.int64, device=device)
        start += len(labels)
        kept = labels != IGNORE_LABEL
        parts.append(LabelledFeatures(features[kept], labels[kept], ids[kept]))
    if not parts:
        raise ValueError("the loader gave no batch at all: give one that can be gone over from the start.")
    rows = LabelledFeatures(*(torch.cat(column) for column in zip(*parts)))
    if named and world_size() > 1:
        rows = LabelledFeatures(*(all_gather_rows(column) for column in rows))
    if not len(rows.labels):
        raise ValueError("no row of the loader has a label: give a split that is annotated.")
    return rows


def _rows(batches: LabelledRows, modality: str) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
    """Inputs, labels and keys (none for pairs), filling rows marked as unlabelled."""
    for batch in batches:
        if isinstance(batch, tuple):
            inputs, labels = batch
            yield inputs, labels, []
            continue
        if modality not in batch.inputs:
            raise ValueError(
                f"a batch has no input '{modality}', only {sorted(batch.inputs)}: give modality= one of them."
            )
        if batch.target.label is None:
            raise ValueError("a batch has no labels: give a split that is annotated.")
        yield batch.inputs[modality], batch.target.label.masked_fill(~batch.valid, IGNORE_LABEL), batch.keys


@torch.no_grad()
def _encode(inputs: Tensor, encode: Callable[[Tensor], Encoding], device: torch.device) -> Tensor:
    if not inputs.is_floating_point():
        raise ValueError(
            f"a batch holds {inputs.dtype} pixels: normalise them first, as the data module's "
            "`normalize` does."
        )
    inputs = inputs.to(device)
    return inputs if inputs.ndim == 2 else encode(inputs).pooled


def _key_id(key: str) -> int:
    """A number that stands for a key on every rank and in every process."""
    digest = hashlib.sha256(key.encode()).digest()[:8]
    return int.from_bytes(digest, "big", signed=True)


def mean_over_passes(passes: Iterable[LabelledFeatures]) -> LabelledFeatures:
    """Average the features of each sample over several passes, in the order of the ids.

    Raises:
        ValueError: If a sample changes its label, as it seems to when rows without keys are shuffled.
    """
    columns = zip(*passes)
    features, labels, ids = (torch.cat(cast(tuple[Tensor, ...], column)) for column in columns)
    known, slot = torch.unique(ids, return_inverse=True)
    count = torch.zeros(len(known), device=ids.device).index_add_(
        0, slot, torch.ones(len(ids), device=ids.device)
    )
    total = features.new_zeros(len(known), features.shape[1]).index_add_(0, slot, features)
    label = labels.new_zeros(len(known)).scatter_(0, slot, labels)
    if not torch.equal(label[slot], labels):
        raise ValueError(
            "a row of the loader has different labels in different passes: give a loader that does not "
            "shuffle, or batches with keys."
        )
    return LabelledFeatures(total / count.to(total.dtype).unsqueeze(1), label, known)
