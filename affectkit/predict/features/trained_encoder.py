"""The encoder whose features a task was trained on, found again for raw files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from affectkit.data.schema import ShardError
from affectkit.data.shards import MANIFEST_NAME, Manifest, read_manifest
from affectkit.encoders import FeatureExtractor
from affectkit.predict.error import PredictError
from affectkit.predict.extract.named_extractor import TINY, named_extractor
from affectkit.predict.run_data import RunData

#: Kind of samples -> the features that a raw file of it gives.
_MEDIA: Final = {"audio": "audio", "image": "visual"}


def trained_encoder(
    data: RunData, encoder: str | FeatureExtractor | None, *, modality: str
) -> FeatureExtractor:
    """Take the encoder whose features a run was trained on; another one is refused.

    Args:
        data: How the run read its data.
        encoder: What ``affectkit extract`` was given, or the encoder; None tries ``"tiny"``.
        modality: Of which features.

    Raises:
        PredictError: If the task was trained on other features, or these were made by another encoder;
            of an older checkpoint also if the data set that names it is not there.
    """
    stored = _stored_encoder(data, modality)
    made = named_extractor(modality, encoder or TINY) if isinstance(encoder, str | None) else encoder
    if made.identity != stored:
        given = "no encoder was named" if encoder is None else f"the one that was named is {made.identity!r}"
        raise PredictError(
            f"The model was trained on features of the encoder {stored!r}, and {given}: name the same "
            f"one, `--encoder NAME` as in `affectkit extract --{modality} NAME`, or give it in Python."
        )
    return made


def reads_media(data: RunData) -> bool:
    """Whether a run on features of single items read those of recordings or pictures."""
    kind = data.options.get("kind")
    if kind is None:  # an older checkpoint
        manifest = _manifest(data)
        return manifest is not None and _MEDIA.get(manifest.kind) in manifest.features
    kept = data.options.get("encoders")
    return isinstance(kept, Mapping) and _MEDIA.get(str(kind)) in kept


def _stored_encoder(data: RunData, modality: str) -> str:
    kept = data.options.get("encoders")
    if isinstance(kept, Mapping) and not data.options.get("views") and isinstance(kept.get(modality), str):
        return str(kept[modality])
    root = _root(data)
    if not isinstance(root, str) or data.options.get("views"):
        raise PredictError(
            f"The model was trained with {data.module} on what the {data.place} does not let files be turned "
            "into: make shards of them and use `affectkit predict --config` instead."
        )
    manifest = _manifest(data)
    if manifest is None:
        raise PredictError(
            f"The model was trained on stored features, and the data set {root} that names their encoder is "
            "not there: run the command where it lies."
        )
    if modality not in manifest.features:
        raise PredictError(
            f"The data set {root} of the training has features of {', '.join(sorted(manifest.features))} and "
            f"none of {modality}: make shards of the files and use `affectkit predict --config` instead."
        )
    return manifest.features[modality].encoder


def _manifest(data: RunData) -> Manifest | None:
    root = _root(data)
    if not isinstance(root, str) or not (Path(root) / MANIFEST_NAME).is_file():
        return None
    try:
        return read_manifest(root)
    except ShardError as error:
        raise PredictError(f"The data set {root} of the training cannot be read: {error}") from error


def _root(data: RunData) -> object:
    """The data set of a run, of a mixture the first one."""
    sources = data.options.get("sources")
    if not isinstance(sources, Mapping):
        return data.options.get("root")
    first = next(iter(sources.values()), None)
    options = first.get("init_args") if isinstance(first, Mapping) else None
    kind = first.get("class_path") if isinstance(first, Mapping) else None
    named = isinstance(kind, str) and kind.endswith(".FeatureDataModule")
    return options.get("root") if named and isinstance(options, Mapping) else None
