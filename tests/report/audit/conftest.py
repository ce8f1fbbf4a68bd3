"""Small data sets with known faults."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from affectkit.data.schema import ConversationRecord, ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest


class Sample(NamedTuple):
    split: str
    key: str
    record: ItemRecord | ConversationRecord
    members: Mapping[str, bytes] = {}
    features: Mapping[str, Tensor] = {}


MakeSet = Callable[[str, Manifest, Sequence[Sample]], Path]


@pytest.fixture
def make_set(tmp_path: Path) -> Callable[[str, Manifest, Sequence[Sample]], Path]:
    def make(folder: str, template: Manifest, samples: Sequence[Sample]) -> Path:
        with DatasetWriter(tmp_path / folder, template) as writer:
            for split, key, record, members, features in samples:
                if "utterances" in record:
                    writer.add_conversation(
                        split, key, cast(ConversationRecord, record), members=members, features=features
                    )
                else:
                    writer.add_item(split, key, record, members=members, features=features)
        return tmp_path / folder

    return make


@pytest.fixture
def open_licence() -> Licence:
    return Licence("CC-BY-4.0", "open")


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """Makes a picture file: equal seeds show the same scene."""

    def make(seed: int, *, kind: str = "PNG", side: int = 64, quality: int = 90) -> bytes:
        rng = np.random.default_rng(seed)
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        file = io.BytesIO()
        small.resize((side, side), Image.Resampling.BICUBIC).save(file, format=kind, quality=quality)
        return file.getvalue()

    return make


@pytest.fixture
def plain() -> bytes:
    file = io.BytesIO()
    pixels: NDArray[np.uint8] = np.full((8, 8, 3), 90, dtype=np.uint8)
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()
