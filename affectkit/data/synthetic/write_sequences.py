"""Made-up recordings as features over time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Manifest
from affectkit.data.synthetic.licence import LICENCE
from affectkit.labels import label_space as named_label_space

#: Modalities with their widths.
SEQUENCE_WIDTHS: Final[Mapping[str, int]] = MappingProxyType({"audio": 16, "text": 12, "visual": 8})
#: Width of what all modalities of a recording are made from, and of what each has for itself.
_LATENT: Final = 4


def write_synthetic_sequences(
    out: str | os.PathLike[str],
    *,
    train: int = 160,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
    label_space: str = "ravdess8.official",
    steps: int = 24,
    noise: float = 0.5,
    private: float = 2.0,
    missing: float = 0.1,
    overwrite: bool = False,
) -> Manifest:
    """Write recordings whose modalities have one hidden vector in common; equal arguments give equal bytes.

    The hidden vector is that of an emotion and of the recording. Each modality sees it through a map of its
    own, beside a vector that it has for itself and that tells nothing, at every step with new noise. What
    modalities have in common thus tells the emotion, without a label that says so.

    Args:
        out: Folder to make.
        train: Recordings to train on.
        val: Recordings to select by.
        test: Recordings to test on.
        seed: Seed of everything.
        label_space: Name of the labels; with several labels a sample, a recording has one or two.
        steps: Steps of the longest recordings.
        noise: Deviation of the noise at each step.
        private: Size of what each modality has for itself; 1 as large as what they share.
        missing: Probability that a recording lacks a modality, which then has no step; it never lacks all.
        overwrite: Replace the data set that lies at ``out``.

    Returns:
        The manifest that was written, of kind ``clip``, with features of :data:`SEQUENCE_WIDTHS`.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.
        ValueError: If a number is not allowed.
    """
    if steps < 2 or min(noise, private) < 0 or not 0.0 <= missing < 1.0:
        raise ValueError(
            f"write_synthetic_sequences got steps={steps}, noise={noise}, private={private}, missing="
            f"{missing}: give at least 2 steps, sizes >= 0 and a probability in [0, 1)."
        )
    space = named_label_space(label_space)
    several = space.kind == "multilabel"
    random = np.random.default_rng(seed)
    emotions = random.normal(size=(len(space), _LATENT))
    maps = {name: random.normal(size=(2 * _LATENT, width)) for name, width in SEQUENCE_WIDTHS.items()}
    template = Manifest(
        name="synthetic-sequences",
        kind="clip",
        label_space=space,
        features={name: FeatureSpec(width, "float32", "none") for name, width in SEQUENCE_WIDTHS.items()},
        licence=LICENCE,
        synthetic=True,
        created_by=(
            f"write_synthetic_sequences({train=}, {val=}, {test=}, {seed=}, {label_space=}, {steps=}, "
            f"{noise=}, {private=}, {missing=})"
        ),
    )
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for split, size in {"train": train, "val": val, "test": test}.items():
            for number in range(size):
                count = 1 + int(random.integers(2)) if several else 1
                chosen = sorted(int(label) for label in random.choice(len(space), count, replace=False))
                hidden = emotions[chosen].mean(axis=0) + 0.5 * random.normal(size=_LATENT)
                length = int(random.integers(steps // 2, steps + 1))
                lost = random.random(len(maps)) < missing
                kept = int(random.integers(len(maps)))
                lost[kept] &= not lost.all()
                features = {}
                for (name, mapping), gone in zip(maps.items(), lost, strict=True):
                    own = private * random.normal(size=_LATENT)
                    image = np.concatenate([hidden, own]) @ mapping
                    features[name] = torch.from_numpy(_seen(image, 0 if gone else length, noise, random))
                key = f"{split}-{number:06d}"
                record: ItemRecord = {"id": key, "label": None if several else chosen[0]}
                if several:
                    record["multilabel"] = chosen
                writer.add_item(split, key, record, features=features)
    return writer.manifest


def _seen(
    image: NDArray[np.float64], length: int, noise: float, random: np.random.Generator
) -> NDArray[np.float32]:
    return (image + noise * random.normal(size=(length, len(image)))).astype(np.float32)
