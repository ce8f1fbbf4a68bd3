"""Sentences that can be seen, with the drawn scene that they are about, and sentences that cannot."""

from __future__ import annotations

import os
from typing import Final

from affectkit.data.schema import ItemRecord
from affectkit.data.shards import DatasetWriter, Manifest
from affectkit.data.synthetic.licence import LICENCE
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.data.synthetic.scene import PROPS
from affectkit.data.synthetic.write_pictures import scenes
from affectkit.labels import label_space

_SEEN: Final = (
    "a person before a {wall} wall beside {prop}",
    "{prop} on the {side} and a {wall} wall",
    "a face in front of a {wall} wall with {prop}",
    "a {wall} room with a person and {prop}",
)
_TOPICS: Final = ("decision", "contract", "theory", "reason", "promise", "method", "budget", "question")
_UNSEEN: Final = (
    "the {topic} was postponed without a {other}",
    "nobody doubts the {topic} any more",
    "this {topic} depends on the {other}",
    "whether the {topic} holds remains open",
    "a better {other} would have changed the {topic}",
)


def write_synthetic_captions(
    out: str | os.PathLike[str],
    *,
    train: int = 160,
    val: int = 40,
    test: int = 40,
    seed: int = 0,
    height: int = 48,
    width: int = 72,
    overwrite: bool = False,
) -> Manifest:
    """Write sentences as shards, every other one with its picture; equal arguments give equal bytes.

    Args:
        out: Folder to make.
        train: Sentences to train on.
        val: Sentences to select by.
        test: Sentences to test on.
        seed: Seed of everything.
        height: Height of a picture in pixels.
        width: Its width.
        overwrite: Replace the data set that lies at ``out``.

    Returns:
        The manifest that was written, of kind ``text`` in ``visualness2.timed``.

    Raises:
        ShardError: If ``out`` exists and must not be replaced.
    """
    sizes = {"train": train, "val": val, "test": test}
    template = Manifest(
        name="synthetic-captions",
        kind="text",
        label_space=label_space("visualness2.timed"),
        licence=LICENCE,
        synthetic=True,
        created_by=f"write_synthetic_captions({train=}, {val=}, {test=}, {seed=})",
    )
    with DatasetWriter(out, template, overwrite=overwrite) as writer:
        for split, number, scene, rng in scenes(sizes, seed=seed, context=1.0):
            visual = number % 2 == 1
            members: dict[str, bytes] = {}
            if visual:
                text = _SEEN[int(rng.integers(len(_SEEN)))].format(
                    wall=scene.wall, prop=PROPS[scene.prop], side="left" if scene.on_left else "right"
                )
                members["png"] = png_bytes(scene.frame(height=height, width=width).pixels)
            else:
                topic, other = (_TOPICS[int(i)] for i in rng.permutation(len(_TOPICS))[:2])
                text = _UNSEEN[int(rng.integers(len(_UNSEEN)))].format(topic=topic, other=other)
            key = f"sentence-{number:06d}"
            record: ItemRecord = {"id": key, "label": int(visual), "text": text}
            writer.add_item(split, key, record, members=members)
    return writer.manifest
