"""Whether a conversation fits the manifest: label ranges, dimensions, features."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affectkit.data.schema import ConversationRecord, ShardError
from affectkit.data.shards.manifest import Manifest

_PRESENT = ".present"


def check_record(record: ConversationRecord, manifest: Manifest, *, where: str) -> None:
    """Compare labels, extra labels and dimensions with the manifest's spaces.

    Raises:
        ShardError: If one is out of range or of an unknown space.
    """
    for number, item in enumerate(record["utterances"]):
        place = f"{where}, utterance {number}"
        _check_label(item["label"], manifest.num_classes, place, "label")
        for name, label in item.get("extra", {}).items():
            if name not in manifest.extra_spaces:
                raise ShardError(f"{place}: the manifest has no extra label space {name!r}: add it there.")
            _check_label(label, len(manifest.extra_spaces[name]), place, f"extra label {name!r}")
        dims = item.get("dims")
        if dims is None:
            continue
        if manifest.dims is None:
            raise ShardError(
                f"{place} has dims, but the manifest has no affect scale for them: add it there."
            )
        try:
            manifest.dims.read(dims)
        except ValueError as error:
            raise ShardError(f"{place}: {error}") from error


def check_features(
    features: Mapping[str, Tensor], manifest: Manifest, *, utterances: int, where: str
) -> None:
    """Compare stored features with the manifest's specifications.

    Args:
        features: (U, D) tensor by modality, and ``NAME.present`` (U,) uint8 or bool.
        manifest: What the data set states.
        utterances: U.
        where: Names the sample in errors.

    Raises:
        ShardError: If a modality is unknown or missing, or a shape or type differs.
    """
    for name in sorted(set(manifest.features) - set(features)):
        raise ShardError(f"{where} lacks the features {name!r} of the manifest: extract them anew.")
    for name, tensor in features.items():
        if name.endswith(_PRESENT) and name.removesuffix(_PRESENT) in features:
            if tensor.shape != (utterances,) or tensor.dtype not in (torch.bool, torch.uint8):
                raise ShardError(f"{where}: {name!r} must be ({utterances},) bool or uint8: write it anew.")
            continue
        spec = manifest.features.get(name)
        if spec is None:
            raise ShardError(
                f"{where} has features {name!r}, which the manifest does not state: add them there."
            )
        dtype = str(tensor.dtype).removeprefix("torch.")
        if tuple(tensor.shape) != (utterances, spec.dim) or dtype != spec.dtype:
            raise ShardError(
                f"{where}: the features {name!r} are {tuple(tensor.shape)} {dtype}, but "
                f"({utterances}, {spec.dim}) {spec.dtype} is stated: extract them anew."
            )


def _check_label(label: int | None, classes: int, where: str, what: str) -> None:
    if label is not None and label >= classes:
        raise ShardError(
            f"{where}: the {what} is {label}, but its label space has {classes} labels: "
            "map labels to the space first, and use null for an absent one."
        )
