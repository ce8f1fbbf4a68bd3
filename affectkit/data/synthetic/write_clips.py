"""Drawn scenes as a data set of clips."""

from __future__ import annotations

import math
import os

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Manifest
from affectkit.data.synthetic.licence import LICENCE
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.data.synthetic.write_pictures import scenes
from affectkit.labels import label_space


def write_synthetic_clips(
    out: str | os.PathLike[str],
    *,
    train: int = 84,
    val: int = 21,
    test: int = 21,
    seed: int = 0,
    context: float = 0.9,
    frames: int = 8,
    height: int = 48,
    width: int = 72,
    lost: float = 0.05,
    overwrite: bool = False,
) -> Manifest:
    """Write drawn people in rooms as shards of clips; equal arguments give equal bytes.

    The expression comes and goes while the head drifts. ``boxes["face"]`` has the face of each frame,
    null where a detector would have lost it, and ``boxes["context"]`` one box, the whole frame.

    Args:
        out: Folder to make.
        train: Clips to train on.
        val: Clips to select by.
        test: Clips to test on.
        seed: Seed of everything.
        context: Probability that the prop belongs to the label.
        frames: Frames of a clip.
        height: Height of a frame in pixels.
        width: Its width.
        lost: Probability that a frame has no box of the face.
        overwrite: Replace the data set that lies at ``out``.

    Returns:
        The manifest that was written, of kind ``clip`` in ``meld7.official``.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.
        ValueError: If a number is not allowed.
    """
    if frames < 1:
        raise ValueError(f"write_synthetic_clips got frames={frames}: give at least 1.")
    space = label_space("meld7.official")
    sizes = {"train": train, "val": val, "test": test}
    template = Manifest(
        name="synthetic-clips",
        kind="clip",
        label_space=space,
        licence=LICENCE,
        synthetic=True,
        created_by=f"write_synthetic_clips({train=}, {val=}, {test=}, {seed=}, {context=}, {frames=})",
    )
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for split, number, scene, rng in scenes(sizes, seed=seed, context=context):
            drift = rng.uniform(-0.15, 0.15, 2)
            gone = rng.random(frames) < lost
            members: dict[str, bytes] = {}
            boxes: list[list[float] | None] = []
            for step in range(frames):
                time = (step + 0.5) / frames
                frame = scene.frame(
                    height=height,
                    width=width,
                    strength=0.25 + 0.75 * math.sin(math.pi * time),
                    shift=(float(drift[0]) * time, float(drift[1]) * time),
                )
                members[f"frame-{step:03d}.png"] = png_bytes(frame.pixels)
                boxes.append(None if gone[step] else frame.box)
            key = f"clip-{number:06d}"
            record: ItemRecord = {
                "id": key,
                "label": space.index(scene.emotion),
                "boxes": {"face": boxes, "context": [[0.0, 0.0, float(width), float(height)]]},
            }
            writer.add_item(split, key, record, members=members)
    return writer.manifest
