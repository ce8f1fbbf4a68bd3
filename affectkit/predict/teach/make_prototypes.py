"""Prototypes of valence and arousal from the answers of a teacher that are stored with pictures."""

from __future__ import annotations

import os
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from affectkit.data.schema import ItemRecord, item_record, parse_json
from affectkit.data.schema.stored_tensors import StoredTensors
from affectkit.data.shards import Manifest, read_manifest
from affectkit.data.store import open_store
from affectkit.distill import PrototypeSums, VAPrototypeGrid
from affectkit.labels import AffectScale, ValenceArousalWheel, affect_scale
from affectkit.predict.extract.error import ExtractError

#: The place of a sample's label, the mean place of its votes, its own annotation, or the teacher's values.
PlaceRule: TypeAlias = Literal["label", "votes", "dims", "teacher"]
_EMBEDDING = "teacher_embedding"
_BLOCK = 1024
#: Share of a scale by which a teacher's value may leave it: answers of half precision are rounded.
_ROUNDING = 5e-4


def make_prototypes(
    root: str | os.PathLike[str],
    *,
    split: str = "val",
    place: PlaceRule = "label",
    cells: int = 5,
    teacher_scale: str = "va.unit",
) -> VAPrototypeGrid:
    """Average a teacher's stored features in each cell of the plane.

    Args:
        root: Data set that :func:`store_teacher_answers` wrote.
        split: Which split; the published one is the teacher's validation split.
        place: Where a sample lies: at the place of its label on the wheel (``"label"``), at the mean of the
            places of its votes, so that ambiguous faces lie in between (``"votes"``), where it was
            annotated (``"dims"``), or where the teacher says (``"teacher"``).
        cells: Cells along each axis.
        teacher_scale: Name of the affect scale of the teacher's values, for ``place="teacher"``.

    Raises:
        ExtractError: If the data hold no features of a teacher, nothing that says where samples lie, or
            values of the teacher outside its scale.
        UnknownLabelError: If no affect scale is called ``teacher_scale``.
        PrototypeGridError: If no sample has a place.
    """
    if place not in get_args(PlaceRule):
        raise ExtractError(f"There is no place {place!r}: use {', '.join(get_args(PlaceRule))}.")
    manifest = read_manifest(root)
    if _EMBEDDING not in manifest.features:
        raise ExtractError(
            f"The data set {manifest.name!r} holds no features of a teacher: store them with "
            "`affectkit teach`."
        )
    lacking = {
        "label": manifest.label_space is None,
        "votes": manifest.label_space is None,
        "dims": manifest.dims is None,
        "teacher": "teacher_dims" not in manifest.features,
    }
    if lacking[place]:
        raise ExtractError(
            f"The data set {manifest.name!r} holds nothing that the place {place!r} could be read from: "
            f"choose {' or '.join(rule for rule, absent in lacking.items() if not absent) or 'other data'}."
        )
    taught = affect_scale(teacher_scale)
    scale = manifest.dims if place == "dims" else taught if place == "teacher" else affect_scale("va.unit")
    anchors = _anchors(manifest) if place in ("label", "votes") else torch.zeros(0, 2)
    sums = PrototypeSums(cells=cells, scale=scale)
    store = open_store(root, split)
    features: list[Tensor] = []
    places: list[Tensor] = []
    for position in range(len(store)):
        members, where = store.get(position), store.describe(position)
        record = item_record(parse_json(members["json"], where=where), where=where)
        stored = StoredTensors(members["safetensors"])
        features.append(stored[_EMBEDDING])
        if place == "teacher":
            places.append(_within(stored["teacher_dims"], taught, where=where))
        else:
            places.append(_place(record, anchors, width=2 if scale is None else len(scale), rule=place))
        if len(features) == _BLOCK or position == len(store) - 1:
            sums.update(torch.stack(features), torch.stack(places))
            features, places = [], []
    spec = manifest.features[_EMBEDDING]
    return VAPrototypeGrid.from_sums(
        sums, origin=f"{spec.encoder}, {manifest.name} {split}, places by {place}"
    )


def _anchors(manifest: Manifest) -> Tensor:
    points = ValenceArousalWheel().anchors(manifest.label_space or ())
    return torch.tensor(points, dtype=torch.float64).reshape(-1, 2)


def _within(values: Tensor, scale: AffectScale, *, where: str) -> Tensor:
    """The values, of which only rounding may leave the scale."""
    slack = _ROUNDING * (scale.high - scale.low)
    if bool(((values < scale.low - slack) | (values > scale.high + slack)).any()):
        raise ExtractError(
            f"The teacher's values {[round(value, 3) for value in values.tolist()]} of {where} lie "
            f"outside scale {scale.name!r}, {scale.low:g}..{scale.high:g}: name the teacher's scale in "
            "teacher_scale, or take a teacher that keeps to it."
        )
    return values.clamp(scale.low, scale.high)


def _place(record: ItemRecord, anchors: Tensor, *, width: int, rule: PlaceRule) -> Tensor:
    absent = torch.full((width,), torch.nan, dtype=torch.float64)
    if rule == "dims":
        values = record.get("dims")
        return (
            absent
            if values is None
            else torch.tensor([torch.nan if v is None else v for v in values], dtype=torch.float64)
        )
    if rule == "label":
        label = record["label"]
        return absent if label is None else anchors[label]
    votes = torch.tensor(record.get("votes", []), dtype=torch.float64)
    return absent if not bool(votes.sum() > 0) else votes @ anchors / votes.sum()
