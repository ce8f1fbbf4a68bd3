"""What was predicted for a batch, without the rows that only fill it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.types import IGNORE_LABEL, AffectOutput


def batch_prediction(
    batch: AffectBatch, output: AffectOutput, *, shares: Mapping[str, Tensor] | None = None
) -> AffectPrediction:
    """Take the real rows of a batch and what was predicted for them, on the host.

    Args:
        batch: The batch.
        output: What the model made of it.
        shares: Share of each modality in each row, where the fusion has any.
    """
    rows = batch.valid.cpu()
    mask = batch.masks.get("utterance")
    valid = rows if mask is None else mask.cpu()
    positions = torch.as_tensor(cast(Sequence[int], batch.meta.get("positions", [-1] * len(batch))))
    logits = None if output.logits is None else output.logits.detach().float().cpu()
    label = None if logits is None else logits.argmax(dim=-1).masked_fill(~valid, -1)
    dims = None if output.dims is None else output.dims.detach().float().cpu()
    target = batch.target.label
    if target is not None and batch.target.weight is not None:
        target = target.masked_fill(batch.target.weight == 0, IGNORE_LABEL)
    return AffectPrediction(
        keys=[key for key, real in zip(batch.keys, rows.tolist()) if real],
        positions=positions.cpu().long()[rows],
        valid=valid[rows],
        logits=None if logits is None else logits[rows],
        label=None if label is None else label[rows],
        dims=None if dims is None else dims[rows],
        target=None if target is None else target.cpu()[rows],
        speaker=None if batch.speaker is None else batch.speaker.cpu()[rows],
        shares=None
        if shares is None
        else {name: share.float().cpu()[rows] for name, share in shares.items()},
    )
