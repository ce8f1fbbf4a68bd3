"""Small shards of conversations, written anew for each test that wants its own kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.labels import label_space

MakeDialogues = Callable[..., str]


def write(
    root: Path,
    *,
    space: str | None = "meld7.official",
    train: int = 13,
    val: int = 5,
    test: int = 4,
    shard_samples: int = 4,
) -> str:
    """Shards whose feature ``text`` is (number of the sample, place of the utterance, label)."""
    stored = None if space is None else label_space(space)
    template = Manifest(
        name="dialogues",
        kind="conversation",
        label_space=stored,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"audio": FeatureSpec(2, "float32", "none"), "text": FeatureSpec(3, "float32", "none")},
    )
    with DatasetWriter(root, template, shard_samples=shard_samples) as writer:
        for split, samples in {"train": train, "val": val, "test": test}.items():
            draw = random.Random(split)
            for i in range(samples):
                names = [draw.choice(label_space("meld7.official").labels) for _ in range(draw.randint(1, 6))]
                labels = [None if stored is None else stored.index(name) for name in names]
                record: ConversationRecord = {
                    "id": f"{split}{i:02}",
                    "speakers": ["a", "b"],
                    "utterances": [
                        {"id": str(j), "text": f"{name}!", "speaker": j % 2, "label": label}
                        for j, (name, label) in enumerate(zip(names, labels, strict=True))
                    ],
                }
                text = torch.tensor([[i, j, -1 if y is None else y] for j, y in enumerate(labels)])
                features = {"text": text.float(), "audio": torch.full((len(names), 2), float(i))}
                writer.add_conversation(split, f"{split}{i:02}", record, features=features)
    return str(root)


@pytest.fixture
def make_dialogues(tmp_path: Path) -> MakeDialogues:
    """Write shards of a given kind under a temporary folder and return it."""
    numbers = iter(range(1000))

    def make(**options: object) -> str:
        return write(tmp_path / f"set{next(numbers)}", **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The plain kind: 13 train, 5 val, 4 test in ``meld7.official``. Read only."""
    return write(tmp_path_factory.mktemp("dialogues") / "set")
