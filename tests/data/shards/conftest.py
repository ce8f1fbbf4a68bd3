"""A small data set of conversations, and ways to damage it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.labels import label_space

MakeSet = Callable[..., Path]


def conversation(number: int) -> ConversationRecord:
    return {
        "id": f"talk{number}",
        "speakers": ["Ana", "Bo"],
        "utterances": [
            {
                "id": f"{turn}",
                "text": f"turn {turn} of {number}",
                "speaker": turn % 2,
                "label": (number + turn) % 7,
            }
            for turn in range(1 + number % 3)
        ],
    }


@pytest.fixture
def template() -> Manifest:
    return Manifest(
        name="talks",
        kind="conversation",
        label_space=label_space("meld7.official"),
        features={"text": FeatureSpec(3, "float32", "tiny")},
        licence=Licence("CC0", "open"),
        created_by="a test",
    )


@pytest.fixture
def make_set(tmp_path: Path, template: Manifest) -> MakeSet:
    def make(name: str = "talks", samples: int = 8, shard_samples: int = 3, overwrite: bool = False) -> Path:
        out = tmp_path / name
        with DatasetWriter(out, template, shard_samples=shard_samples, overwrite=overwrite) as writer:
            for number in range(samples):
                record = conversation(number)
                writer.add_conversation(
                    "val" if number % 4 == 3 else "train",
                    f"talk{number}",
                    record,
                    features={"text": torch.full((len(record["utterances"]), 3), float(number))},
                )
        return out

    return make
