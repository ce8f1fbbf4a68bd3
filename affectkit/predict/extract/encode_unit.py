"""From the samples of a unit to its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TypeAlias, cast

import torch
from torch import Tensor

from affectkit.data.store import SampleStore
from affectkit.encoders.feature_extractor import FeatureExtractor
from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.utterance_items import item_media, item_texts, utterance_items
from affectkit.predict.extract.work_unit import WorkUnit
from affectkit.temporal import FaceAreaPooling
from affectkit.types import Encoding

#: Pictures (H, W, 3), each with its features.
_Faces: TypeAlias = "Sequence[tuple[Tensor, Tensor]]"


def encode_unit(
    store: SampleStore, unit: WorkUnit, encoders: Mapping[str, FeatureExtractor]
) -> dict[str, Tensor]:
    """Encode every utterance of a unit, all of one modality in one call.

    Several faces of an utterance become one row, each weighted by its area; see
    :class:`~affectkit.temporal.FaceAreaPooling`.

    Args:
        store: The split of the unit.
        unit: Which samples.
        encoders: Encoder by the name that the features get.

    Shape:
        - returns: ``"POSITION/NAME"`` (U, D) float32 for each sample and encoder, and
          ``"POSITION/NAME.present"`` (U,) bool where an utterance lacks the modality; its row is 0.

    Raises:
        ExtractError: If an encoder returns another number of rows or another width than it states.
    """
    features: dict[str, Tensor] = {}
    readers = {"conversation": utterance_items, "text": item_texts}
    read = readers.get(store.manifest.kind, item_media)
    for name, encoder in sorted(encoders.items()):
        samples = [
            read(store.get(position), encoder.modality, where=store.describe(position))
            for position in range(unit.start, unit.stop)
        ]
        items = [item for sample in samples for found in sample for item in found]
        rows = torch.zeros(0, encoder.out_dim)
        if items:
            with torch.inference_mode():
                rows = encoder(items).detach().to(device="cpu", dtype=torch.float32)
        if rows.shape != (len(items), encoder.out_dim):
            raise ExtractError(
                f"The encoder {encoder.identity} gave features of shape {tuple(rows.shape)} for {len(items)} "
                f"items, not ({len(items)}, {encoder.out_dim}): correct its out_dim or its output."
            )
        left = iter(zip(items, rows, strict=True))
        for position, sample in zip(range(unit.start, unit.stop), samples, strict=True):
            present = torch.tensor([bool(found) for found in sample])
            table = torch.zeros(len(sample), encoder.out_dim)
            for row, found in enumerate(sample):
                if found:
                    table[row] = _one_row(list(islice(left, len(found))))
            features[f"{position}/{name}"] = table
            if not bool(present.all()):
                features[f"{position}/{name}.present"] = present
    return features


def _one_row(found: Sequence[tuple[object, Tensor]]) -> Tensor:
    """The row of an utterance; several faces count by the pixels they were stored with, as in training."""
    if len(found) == 1:
        return found[0][1]
    areas = torch.tensor([float(face.shape[0] * face.shape[1]) for face, _ in cast(_Faces, found)])
    faces = torch.stack([row for _, row in found])
    pooled: Encoding = FaceAreaPooling(faces.shape[1])(faces[None, None], areas[None, None])
    return pooled.pooled[0]
