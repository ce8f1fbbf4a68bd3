"""Drawn scenes as a data set of pictures, or as folders of pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Manifest
from affectkit.data.shards.build_folder import build_folder
from affectkit.data.synthetic.corpus import AFFECT
from affectkit.data.synthetic.licence import LICENCE
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.data.synthetic.scene import EMOTIONS, Scene
from affectkit.labels import affect_scale, label_space


def scenes(
    sizes: dict[str, int], *, seed: int, context: float
) -> Iterator[tuple[str, int, Scene, np.random.Generator]]:
    """Split, number, scene and its source of further chance; emotions take turns.

    Scene ``i`` depends on ``seed`` and ``i`` alone.
    """
    number = 0
    for split, size in sizes.items():
        for _ in range(size):
            rng = np.random.default_rng([seed, number])
            emotion = EMOTIONS[number % len(EMOTIONS)]
            yield split, number, Scene.draw(rng, emotion, context=context), rng
            number += 1


def write_synthetic_pictures(
    out: str | os.PathLike[str],
    *,
    train: int = 140,
    val: int = 35,
    test: int = 35,
    seed: int = 0,
    context: float = 0.9,
    targets: Literal["label", "dims", "both"] = "label",
    height: int = 64,
    width: int = 96,
    overwrite: bool = False,
) -> Manifest:
    """Write drawn people in rooms as shards of pictures; equal arguments give equal bytes.

    The label is in the face and, mostly, in what stands beside it; ``boxes`` say where the face is.

    Args:
        out: Folder to make.
        train: Pictures to train on.
        val: Pictures to select by.
        test: Pictures to test on.
        seed: Seed of everything.
        context: Probability that the prop belongs to the label.
        targets: What is annotated: the emotion (``"label"``), its valence and arousal at the intensity
            of the picture (``"dims"``), or ``"both"``.
        height: Height of a picture in pixels.
        width: Its width.
        overwrite: Replace the data set that lies at ``out``.

    Returns:
        The manifest that was written, of kind ``image``, with labels in ``meld7.official`` and
        dimensions in ``va.unit``.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.
        ValueError: If a number is not allowed.
    """
    space = label_space("meld7.official")
    sizes = {"train": train, "val": val, "test": test}
    if targets not in ("label", "dims", "both"):
        raise ValueError(f"write_synthetic_pictures got targets={targets!r}: give 'label', 'dims' or 'both'.")
    template = Manifest(
        name="synthetic-pictures",
        kind="image",
        label_space=None if targets == "dims" else space,
        dims=None if targets == "label" else affect_scale("va.unit"),
        licence=LICENCE,
        synthetic=True,
        created_by=f"write_synthetic_pictures({train=}, {val=}, {test=}, {seed=}, {context=}"
        f"{'' if targets == 'label' else f', {targets=}'})",
    )
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for split, number, scene, _ in scenes(sizes, seed=seed, context=context):
            frame = scene.frame(height=height, width=width)
            key = f"picture-{number:06d}"
            record: ItemRecord = {
                "id": key,
                "label": None if targets == "dims" else space.index(scene.emotion),
                "boxes": {"face": [frame.box]},
            }
            if targets != "label":
                record["dims"] = [round(scene.intensity * value, 4) for value in AFFECT[scene.emotion]]
            writer.add_item(split, key, record, members={"png": png_bytes(frame.pixels)})
    return writer.manifest


def write_face_folder(
    out: str | os.PathLike[str],
    *,
    per_class: int = 12,
    seed: int = 0,
    size: int = 64,
) -> Path:
    """Write drawn faces as ``SPLIT/EMOTION/NUMBER.png``, as ``affectkit shards make imagefolder`` reads them.

    Of each emotion two thirds of the pictures are ``train``, and a sixth, one at least, each are
    ``val`` and ``test``. Equal arguments give equal bytes.

    Args:
        out: Folder to make; it must not exist.
        per_class: Pictures of each of the seven emotions, over all splits.
        seed: Seed of everything.
        size: Height and width in pixels.

    Raises:
        ShardError: If ``out`` exists.
        ValueError: If there are less than three pictures of an emotion.
    """
    if per_class < 3:
        raise ValueError(f"write_face_folder got per_class={per_class}: give at least 3, one for each split.")
    held = max(1, per_class // 6)
    sizes = {"train": per_class - 2 * held, "val": held, "test": held}
    with build_folder(out) as folder:
        counts = {split: count * len(EMOTIONS) for split, count in sizes.items()}
        for split, number, scene, _ in scenes(counts, seed=seed, context=1.0):
            place = folder / split / scene.emotion
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number:06d}.png").write_bytes(png_bytes(scene.portrait(size=size)))
    return Path(out)
