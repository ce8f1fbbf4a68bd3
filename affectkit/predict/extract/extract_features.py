"""Running frozen encoders over a data set of shards, into a new one that holds their features."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from affectkit.data.schema import canonical_json
from affectkit.data.shards import FeatureSpec, Manifest, ShardStore, open_shards, read_manifest
from affectkit.encoders.feature_extractor import FeatureExtractor
from affectkit.predict.extract.encode_unit import encode_unit
from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.merge_parts import merge_parts
from affectkit.predict.extract.share_work import ExtractReport, Sharing, share_work
from affectkit.predict.extract.utterance_items import MODALITY_MEMBERS, has_modality
from affectkit.predict.extract.work_unit import WorkUnit


def extract_features(
    src: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    encoders: Mapping[str, FeatureExtractor],
    jobs: int = 1,
    rank: int = 0,
    world_size: int = 1,
    unit_samples: int = 32,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ExtractReport:
    """Encode every utterance or item of every split of ``src`` and write a data set of features to ``out``.

    The new samples hold ``KEY.json`` unchanged and ``KEY.safetensors`` with the features of
    ``src`` and the new ones. The work is cut into units of ``unit_samples`` samples that do
    not depend on ``jobs`` or ``world_size``, and every process computes with one thread: the
    bytes of the result are the same however many processes made it. Finished units lie in
    ``.OUT.extract`` beside ``out``; after a kill the same call does only what is missing. Several
    processes, on several machines with one file system, may share the work by ``rank`` and
    ``world_size``: the one that finishes last puts the result in its place, and none waits.

    Args:
        src: Data set of conversations, whose features are (U, D), or of texts, recordings or pictures, whose
            features are (D,).
        out: Folder to make.
        encoders: Encoder by the name that its features get; it reads its ``modality``.
        jobs: Processes of this call. With more than one they are spawned, so a script that calls
            this needs the usual ``if __name__ == "__main__":``.
        rank: Number of this process among those that share the work.
        world_size: How many share the work.
        unit_samples: Samples that are encoded, stored and, after a kill, lost together.
        overwrite: Replace the data set that lies at ``out``.
        progress: Called with (units done, units of this process) after each unit.

    Raises:
        ExtractError: If an argument does not fit the data, or a worker process dies.
        ShardError: If ``src`` is damaged.
    """
    target = Path(out).absolute()
    sharing = Sharing(jobs, rank, world_size, unit_samples, overwrite, progress)
    sharing.check(Path(src).absolute(), target, call="extract_features")
    source = read_manifest(src)
    stores = {split: open_shards(src, split) for split in source.splits}
    _check_encoders(source, stores, encoders)
    digest = _digest(stores, encoders, unit_samples)
    return share_work(
        target,
        _template(source, encoders, digest),
        stores,
        digest=digest,
        encode=_EncodeAll(encoders),
        merge=merge_parts,
        sharing=sharing,
    )


class _EncodeAll(NamedTuple):
    """Every encoder over a unit; pickles."""

    encoders: Mapping[str, FeatureExtractor]

    def __call__(self, store: ShardStore, unit: WorkUnit) -> dict[str, Tensor]:
        return encode_unit(store, unit, self.encoders)


def stored_modalities(src: str | os.PathLike[str]) -> tuple[str, ...]:
    """Modalities of which ``src`` holds raw inputs, in the order text, visual, audio.

    Raises:
        ShardError: If ``src`` is damaged.
    """
    source = read_manifest(src)
    stores = {split: open_shards(src, split) for split in source.splits}
    return tuple(name for name in ("text", *MODALITY_MEMBERS) if _holds(stores, name))


def _holds(stores: Mapping[str, ShardStore], modality: str) -> bool:
    return any(
        has_modality(store.get(position), modality, kind=store.manifest.kind)
        for store in stores.values()
        for position in range(len(store))
    )


def _check_encoders(
    source: Manifest, stores: Mapping[str, ShardStore], encoders: Mapping[str, FeatureExtractor]
) -> None:
    if source.kind not in ("audio", "conversation", "image", "text"):
        raise ExtractError(
            f"The data set {source.name!r} holds samples of the kind {source.kind!r}: features are extracted "
            "from conversations, texts, recordings and pictures, so make one with `affectkit shards make`."
        )
    if not encoders:
        raise ExtractError("No encoder was named: give at least one, for example text=TinyTextEncoder().")
    for name, encoder in encoders.items():
        if name in source.features:
            raise ExtractError(
                f"The data set {source.name!r} already has features {name!r} by "
                f"{source.features[name].encoder}: extract from a set without them, or choose another name."
            )
        if not _holds(stores, encoder.modality):
            raise ExtractError(
                f"The data set {source.name!r} holds no {encoder.modality} inputs: "
                f"leave out the encoder {name!r}."
            )


def _digest(
    stores: Mapping[str, ShardStore], encoders: Mapping[str, FeatureExtractor], unit_samples: int
) -> str:
    depends_on = {
        "source": {split: store.fingerprint for split, store in stores.items()},
        "encoders": {name: [e.modality, e.identity, e.out_dim] for name, e in encoders.items()},
        "unit_samples": unit_samples,
    }
    return hashlib.sha256(canonical_json(depends_on)).hexdigest()


def _template(source: Manifest, encoders: Mapping[str, FeatureExtractor], digest: str) -> Manifest:
    new = {
        name: FeatureSpec(dim=encoder.out_dim, dtype="float32", encoder=encoder.identity)
        for name, encoder in sorted(encoders.items())
    }
    command = " ".join(f"--{name} '{spec.encoder}'" for name, spec in new.items())
    return replace(
        source,
        features={**source.features, **new},
        shards=(),
        created_by=f"affectkit extract {command} # inputs {digest[:16]}, after: {source.created_by}",
    )
