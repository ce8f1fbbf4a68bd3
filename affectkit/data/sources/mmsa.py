"""Feature files of MMSA and MMSA-FET: CMU-MOSI, CMU-MOSEI, CH-SIMS and one's own sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import FeatureSpec, Licence, Manifest
from affectkit.data.sources.row_values import safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.data.sources.unpickle import convert_pickle
from affectkit.labels import AffectScale, affect_scale, label_space

_SPLITS: Final = {"train": "train", "val": "valid", "test": "test"}
_MODALITIES: Final = {"text": "text", "audio": "audio", "visual": "vision"}
_SPACE: Final = label_space("sentiment3.mmsa")
_SCALES: Final = {"mosi": affect_scale("sentiment.mosi"), "sims": affect_scale("sentiment.sims")}
_UNIMODAL: Final = ("T", "A", "V")

_Part = Mapping[str, object]


def read_mmsa(path: Path, *, parts: Mapping[str, _Part], scale: AffectScale) -> Iterator[SourceSample]:
    """Yield the clips of a loaded feature file, each with its features over time.

    Steps beyond the lengths that the file states (``audio_lengths``, ``vision_lengths``, the mask in
    ``text_bert``) are padding and left out, as are rows of zeros at either end where it states none.
    Values that are not finite become 0, as in MMSA.

    Args:
        path: The file, for errors.
        parts: What it holds of each split.
        scale: The range of the sentiment.

    Raises:
        SourceError: If a field is missing or of another length, a clip occurs twice, or a sentiment
            or label does not fit.
    """
    seen: set[str] = set()
    for split, part in parts.items():
        names = _texts(path, split, part, "id")
        count = len(names)
        words = _texts(path, split, part, "raw_text", count=count)
        sentiments = _floats(path, split, part, "regression_labels", count)
        labels = _labels(path, split, part, count)
        single = {
            f"sentiment_{view.lower()}": _floats(path, split, part, f"regression_labels_{view}", count)
            for view in _UNIMODAL
            if _has(part, f"regression_labels_{view}")
        }
        arrays = {name: _features(path, split, part, field, count) for name, field in _MODALITIES.items()}
        lengths = {name: _lengths(path, split, part, name, count) for name in _MODALITIES}
        for i, name in enumerate(names):
            key = safe_key(name)
            if key in seen:
                raise SourceError(path, None, f"the clip {name!r} occurs twice; remove one of the two.")
            seen.add(key)
            try:
                dims = scale.read([sentiments[i]])
            except ValueError as error:
                raise SourceError(path, None, f"{split}, clip {name!r}: {error}") from error
            record: ItemRecord = {"id": name, "label": labels[i], "text": words[i], "dims": dims}
            if single:
                record["meta"] = {view: values[i] for view, values in single.items()}
            features = {m: _steps(arrays[m][i], lengths[m][i]) for m in _MODALITIES}
            yield SourceSample(split, key, record, features=features)


def _steps(array: npt.NDArray[np.float32], length: int | None) -> Tensor:
    found = np.nan_to_num(np.asarray(array, dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if length is not None:
        return torch.from_numpy(found[: max(length, 1)].copy())
    full = np.flatnonzero(found.any(axis=1))
    if len(full) == 0:
        return torch.from_numpy(found[:1].copy())
    return torch.from_numpy(found[full[0] : full[-1] + 1].copy())


def _has(part: _Part, field: str) -> bool:
    value = part.get(field)
    return isinstance(value, np.ndarray) or (isinstance(value, list) and len(value) > 0)


def _texts(path: Path, split: str, part: _Part, field: str, *, count: int | None = None) -> list[str]:
    value = part.get(field)
    # MMSA-FET wraps a text in a list of one.
    items = (
        [i[0] if isinstance(i, list) and len(i) == 1 else i for i in value] if isinstance(value, list) else []
    )
    texts = [item for item in items if isinstance(item, str)]
    if not texts or len(texts) != len(items) or count not in (None, len(texts)):
        raise SourceError(path, None, f"{split} has no {field} for every clip; use the file as published.")
    return texts


def _floats(path: Path, split: str, part: _Part, field: str, count: int) -> list[float]:
    try:
        values = np.asarray(part.get(field), dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        raise SourceError(path, None, f"{split} has no number in {field} for every clip; correct it.")
    return [float(value) for value in values]


def _labels(path: Path, split: str, part: _Part, count: int) -> list[int | None]:
    if not _has(part, "annotations"):
        return [None] * count
    labels = [_SPACE.find(text) for text in _texts(path, split, part, "annotations", count=count)]
    if None in labels:
        known = ", ".join(_SPACE.labels)
        raise SourceError(path, None, f"{split} has annotations other than {known}; correct them.")
    return labels


def _features(path: Path, split: str, part: _Part, field: str, count: int) -> npt.NDArray[np.float32]:
    value = part.get(field)
    if not isinstance(value, np.ndarray) or value.ndim != 3 or len(value) != count or 0 in value.shape[1:]:
        raise SourceError(
            path, None, f"{split} has no {field} of (clips, steps, width); use the published file."
        )
    return value


def _lengths(path: Path, split: str, part: _Part, name: str, count: int) -> Sequence[int | None]:
    bert = part.get("text_bert")
    if name == "text" and isinstance(bert, np.ndarray) and bert.ndim == 3 and len(bert) == count:
        return [int(mask.sum()) for mask in bert[:, 1]]
    field = f"{_MODALITIES[name]}_lengths"
    if name == "text" or not _has(part, field):
        return [None] * count
    return [int(value) for value in _floats(path, split, part, field, count)]


def _configure(folder: Path, options: Mapping[str, str]) -> Source:
    kind = options.get("scale", "mosi")
    if kind not in _SCALES:
        raise ShardError(f"The option scale={kind} of 'mmsa' is none of {', '.join(_SCALES)}: choose one.")
    path = _only_pickle(folder)
    with ExitStack() as guard:
        content = guard.enter_context(convert_pickle(path))
        parts: dict[str, _Part] = {}
        for split, name in _SPLITS.items():
            part = content.get(name) if isinstance(content, dict) else None
            if not isinstance(part, dict):
                raise SourceError(path, None, f"it has no part {name!r}; use a feature file of MMSA.")
            parts[split] = part
        count = len(_texts(path, "train", parts["train"], "id"))
        specs = {
            name: FeatureSpec(array.shape[2], "float32", f"MMSA {field}")
            for name, field in _MODALITIES.items()
            for array in (_features(path, "train", parts["train"], field, count),)
        }
        # The arrays stay where they are until the samples have been read.
        read = partial(_read, stack=guard.pop_all(), path=path, parts=parts, scale=_SCALES[kind])
    return replace(MMSA, template=replace(MMSA.template, dims=_SCALES[kind], features=specs), read=read)


def _read(
    folder: Path, *, stack: ExitStack, path: Path, parts: Mapping[str, _Part], scale: AffectScale
) -> Iterator[SourceSample]:
    with stack:
        yield from read_mmsa(path, parts=parts, scale=scale)


def _only_pickle(folder: Path) -> Path:
    if folder.is_file():
        return folder
    found = sorted(folder.glob("*.pkl"))
    if len(found) != 1:
        raise SourceError(folder, None, f"it holds {len(found)} files *.pkl; give the one file.")
    return found[0]


def _unconfigured(folder: Path) -> Iterator[SourceSample]:
    return _configure(folder, {}).read(folder)


MMSA: Final = Source(
    template=Manifest(
        name="mmsa",
        kind="features",
        label_space=_SPACE,
        dims=_SCALES["mosi"],
        licence=Licence("terms of the set", "academic", "Those of CMU-MOSI, CMU-MOSEI or CH-SIMS."),
        created_by="affectkit shards make mmsa SRC OUT",
    ),
    description="clips of an MMSA feature file, SRC being the pickle or the folder that holds it",
    read=_unconfigured,
    options={"scale": "range of the sentiment: mosi (-3..3) or sims (-1..1) (default: mosi)"},
    configure=_configure,
)
