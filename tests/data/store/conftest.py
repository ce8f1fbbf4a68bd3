"""A small data set of single items in shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.labels import label_space

MakeItems = Callable[..., Path]

TEMPLATE = Manifest(
    name="items",
    kind="text",
    label_space=label_space("meld7.official"),
    licence=Licence("CC0", "open"),
    created_by="a test",
)


@pytest.fixture
def make_items(tmp_path: Path) -> MakeItems:
    """Write ``samples`` texts, every fourth into val and the others into train; also unlabelled ones."""

    def make(name: str = "items", samples: int = 9, *, overwrite: bool = False) -> Path:
        with DatasetWriter(tmp_path / name, TEMPLATE, shard_samples=3, overwrite=overwrite) as writer:
            for i in range(samples):
                label = None if i % 5 == 4 else i % 7
                members = {"txt": f"text {i} ".encode() * (i + 1)}
                if label is not None:
                    members["cls"] = str(label).encode()
                writer.add("val" if i % 4 == 3 else "train", f"k{i}", members, labels=[label])
        return tmp_path / name

    return make
