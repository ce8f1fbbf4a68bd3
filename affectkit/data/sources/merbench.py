"""Sets prepared for MERBench: a label file, transcripts, and features of each modality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from affectkit.data.schema import ItemRecord, ShardError
from affectkit.data.shards import FeatureSpec, Licence, Manifest, SampleKind
from affectkit.data.sources.corpus_labels import CorpusLabel, read_corpus_labels
from affectkit.data.sources.csv_rows import csv_rows
from affectkit.data.sources.row_values import safe_key
from affectkit.data.sources.source import Source, SourceError, SourceSample
from affectkit.labels import AffectScale, LabelSpace, UnknownLabelError, affect_scale, label_space

_MODALITIES: Final = ("text", "audio", "visual")
_TRANSCRIPTS: Final = "transcription.csv"


@dataclass(frozen=True, slots=True)
class MerbenchReader:
    """Reads the clips of one set.

    Args:
        labels: File name of the label file.
        space: The order of ``emo``, or None where it is not used.
        scale: The range of ``val``, or None where it is not used.
        features: Folder of each modality that is wanted, relative to the set's.
    """

    labels: str
    space: LabelSpace | None
    scale: AffectScale | None
    features: Mapping[str, str]

    def __call__(self, folder: Path) -> Iterator[SourceSample]:
        """Yield the clips of the label file, with ``FEATURES/NAME.npy`` or the npy in ``FEATURES/NAME``.

        Raises:
            SourceError: If a file is missing, refused or of another form, or a clip lacks a feature.
        """
        clips = read_corpus_labels(folder / self.labels, space=self.space, scale=self.scale)
        said = _said(folder / _TRANSCRIPTS) if (folder / _TRANSCRIPTS).is_file() else {}
        for clip in clips.values():
            record: ItemRecord = {"id": clip.name, "label": clip.label}
            if clip.name in said:
                record["text"] = said[clip.name]
            if self.scale is not None:
                record["dims"] = [clip.value]
            found = {name: _feature(folder / place, clip) for name, place in self.features.items()}
            yield SourceSample(clip.split, safe_key(clip.name), record, features=found)

    def specs(self, folder: Path) -> dict[str, FeatureSpec]:
        """Width and encoder of each modality, from its first file.

        Raises:
            SourceError: If a folder has no features.
        """
        found: dict[str, FeatureSpec] = {}
        for name, place in self.features.items():
            paths = sorted((folder / place).glob("*.npy")) or sorted((folder / place).glob("*/*.npy"))
            if not paths:
                raise SourceError(folder / place, None, "there are no features NAME.npy; extract them to it.")
            found[name] = FeatureSpec(_array(paths[0]).shape[-1], "float32", Path(place).name)
        return found


def _said(path: Path) -> dict[str, str]:
    return {
        row["name"]: row.get("english") or row.get("chinese") or ""
        for _, row in csv_rows(path, columns=("name",))
    }


def _feature(folder: Path, clip: CorpusLabel) -> Tensor:
    path = folder / f"{clip.name}.npy"
    if path.is_file():
        return _array(path)
    parts = sorted((folder / clip.name).glob("*.npy"))
    if not parts:
        raise SourceError(path, None, "there is no such feature, and no folder of that name; extract it.")
    rows = [_array(part) for part in parts]
    if len({tuple(row.shape) for row in rows}) > 1 or rows[0].ndim != 1:
        raise SourceError(
            folder / clip.name, None, "its features are not one (D,) a frame; extract them anew."
        )
    return torch.stack(rows)


def _array(path: Path) -> Tensor:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(path, None, f"it is no plain array ({error}); extract it anew.") from error
    array = np.asarray(array)
    if array.ndim > 2:
        array = array.reshape([side for side in array.shape if side != 1])
    if array.ndim not in (1, 2) or array.size == 0 or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise SourceError(
            path, None, f"it is {array.shape} {array.dtype}, not finite (D,) or (T, D); extract it anew."
        )
    return torch.from_numpy(array.astype(np.float32))


def _configure(folder: Path, options: Mapping[str, str]) -> Source:
    space, scale = options.get("space", "mer6.official"), options.get("scale", "none")
    try:
        reader = MerbenchReader(
            labels=options.get("labels", "label.npz"),
            space=None if space == "none" else label_space(space),
            scale=None if scale == "none" else affect_scale(scale),
            features={name: options[name] for name in _MODALITIES if name in options},
        )
    except UnknownLabelError as error:
        raise ShardError(f"An option of 'merbench' is not known: {error}") from error
    kind: SampleKind = "features" if reader.features else "text"
    template = replace(
        MERBENCH.template,
        kind=kind,
        label_space=reader.space,
        dims=reader.scale,
        features=reader.specs(folder),
    )
    return replace(MERBENCH, template=template, read=reader)


MERBENCH: Final = Source(
    template=Manifest(
        name="merbench",
        kind="text",
        label_space=label_space("mer6.official"),
        licence=Licence("terms of the set", "unknown", "Those of the set that was prepared."),
        created_by="affectkit shards make merbench SRC OUT",
    ),
    description="clips prepared for MERBench, from label.npz, transcription.csv and folders of NAME.npy",
    read=MerbenchReader("label.npz", label_space("mer6.official"), None, {}),
    options={
        "labels": "file name of the label file (default: label.npz)",
        "space": "label order of emo, or none (default: mer6.official)",
        "scale": "affect scale of val, or none (default: none)",
        **{name: f"folder of the {name} features (default: left out)" for name in _MODALITIES},
    },
    configure=_configure,
)
