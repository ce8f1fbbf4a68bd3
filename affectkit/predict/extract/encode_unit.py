"""From the samples of a unit to its features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affectkit.data.store import SampleStore
from affectkit.encoders.feature_extractor import FeatureExtractor
from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.utterance_items import item_media, item_texts, utterance_items
from affectkit.predict.extract.work_unit import WorkUnit


def encode_unit(
    store: SampleStore, unit: WorkUnit, encoders: Mapping[str, FeatureExtractor]
) -> dict[str, Tensor]:
    """Encode every utterance of a unit, all of one modality in one call.

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
        items = [item for sample in samples for item in sample if item is not None]
        rows = torch.zeros(0, encoder.out_dim)
        if items:
            with torch.inference_mode():
                rows = encoder(items).detach().to(device="cpu", dtype=torch.float32)
        if rows.shape != (len(items), encoder.out_dim):
            raise ExtractError(
                f"The encoder {encoder.identity} gave features of shape {tuple(rows.shape)} for {len(items)} "
                f"items, not ({len(items)}, {encoder.out_dim}): correct its out_dim or its output."
            )
        taken = 0
        for position, sample in zip(range(unit.start, unit.stop), samples, strict=True):
            present = torch.tensor([item is not None for item in sample])
            table = torch.zeros(len(sample), encoder.out_dim)
            count = int(present.sum())
            table[present] = rows[taken : taken + count]
            taken += count
            features[f"{position}/{name}"] = table
            if count < len(sample):
                features[f"{position}/{name}.present"] = present
    return features
