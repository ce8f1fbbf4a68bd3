from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import torch

from affectkit.data.schema import ConversationRecord, UtteranceRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest
from affectkit.labels import LabelSpace, label_space

SIZES = {"train": 13, "val": 5, "test": 5}


def write_conversations(folder: Path) -> None:
    """Ragged dialogues with two modalities, missing labels and missing modalities."""
    space = label_space("meld7.official")
    manifest = Manifest(
        name="tiny",
        kind="conversation",
        label_space=space,
        licence=Licence("none", "synthetic"),
        created_by="tests",
        extra_spaces={"sentiment": LabelSpace("sentiment3.test", ("neutral", "positive", "negative"))},
        features={"text": FeatureSpec(6, "float32", "none"), "audio": FeatureSpec(3, "float32", "none")},
        synthetic=True,
    )
    generator = torch.Generator().manual_seed(7)
    with DatasetWriter(folder, manifest) as writer:
        for split, size in SIZES.items():
            for number in range(size):
                length = 1 + (number * 5) % 7
                labels = torch.randint(len(space), (length,), generator=generator).tolist()
                text = torch.randn(length, 6, generator=generator)
                text[:, 0] += torch.tensor(labels, dtype=torch.float32)
                utterances: list[UtteranceRecord] = [
                    {
                        "id": f"u{place}",
                        "text": f"line {place}",
                        "speaker": place % 2,
                        "label": None if place == 3 else label,
                        "extra": {"sentiment": label % 3},
                    }
                    for place, label in enumerate(labels)
                ]
                record: ConversationRecord = {
                    "id": f"{split}{number}",
                    "speakers": ["A", "B"],
                    "utterances": utterances,
                }
                present = torch.arange(length) % 3 != 1
                audio = torch.randn(length, 3, generator=generator) * present.unsqueeze(1)
                writer.add_conversation(
                    split,
                    f"{split}-{number:02d}",
                    record,
                    features={"text": text, "audio": audio, "audio.present": present.to(torch.uint8)},
                )


@pytest.fixture(scope="session")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of small shards of conversations."""
    folder = tmp_path_factory.mktemp("shards") / "tiny"
    write_conversations(folder)
    return str(folder)


class Forked(Protocol):
    """Run a function in ranks that are real processes, and return their exit codes.

    They are forked, because starting fresh ones costs seconds for the imports; the environment is
    that of torchrun, so Lightning makes a process group of its own.
    """

    def __call__(
        self, function: Callable[..., None], *arguments: object, ranks: int = 1
    ) -> list[int | None]: ...


def _child(
    rank: int, ranks: int, port: int, function: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    torch.set_num_threads(1)
    if ranks > 1:
        os.environ.update(
            {
                "TORCHELASTIC_RUN_ID": "test",
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "GROUP_RANK": "0",
                "WORLD_SIZE": str(ranks),
                "LOCAL_WORLD_SIZE": str(ranks),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            }
        )
    function(*arguments)


@pytest.fixture(scope="session")
def forked() -> Forked:
    """A :class:`Forked`."""
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    context = multiprocessing.get_context("fork")

    def run(function: Callable[..., None], *arguments: object, ranks: int = 1) -> list[int | None]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        children = [
            context.Process(target=_child, args=(rank, ranks, port, function, arguments))
            for rank in range(ranks)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join(timeout=90)
        for child in children:
            if child.is_alive():
                child.kill()
                child.join()
        return [child.exitcode for child in children]

    return run
