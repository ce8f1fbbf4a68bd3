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
        check_label(item["label"], manifest.num_classes, place, "label")
        check_extra(item.get("extra", {}), manifest, place)
        check_dims(item.get("dims"), manifest, place)


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


def check_extra(extra: Mapping[str, int | list[int] | None], manifest: Manifest, where: str) -> None:
    """Refuse a label of an extra space that is unknown, too small for it, or of the other kind.

    Raises:
        ShardError: If there is one.
    """
    for name, label in extra.items():
        if name not in manifest.extra_spaces:
            raise ShardError(f"{where}: the manifest has no extra label space {name!r}: add it there.")
        space = manifest.extra_spaces[name]
        several = space.kind == "multilabel"
        if label is not None and isinstance(label, list) != several:
            raise ShardError(
                f"{where}: the extra label {name!r} is {label}, but its label space is "
                f"{'multi-label: list the labels that hold' if several else 'for one label: give a number'}."
            )
        for each in label if isinstance(label, list) else [label]:
            check_label(each, len(space), where, f"extra label {name!r}")


def check_dims(dims: list[float | None] | None, manifest: Manifest, where: str) -> None:
    """Refuse dimensions without a scale, or outside it.

    Raises:
        ShardError: If they are.
    """
    if dims is None:
        return
    if manifest.dims is None:
        raise ShardError(f"{where} has dims, but the manifest has no affect scale for them: add it there.")
    try:
        manifest.dims.read(dims)
    except ValueError as error:
        raise ShardError(f"{where}: {error}") from error


def check_label(label: int | None, classes: int, where: str, what: str) -> None:
    """Refuse a label that its space does not have.

    Raises:
        ShardError: If it does not.
    """
    if label is not None and label >= classes:
        raise ShardError(
            f"{where}: the {what} is {label}, but its label space has {classes} labels: "
            "map labels to the space first, and use null for an absent one."
        )
