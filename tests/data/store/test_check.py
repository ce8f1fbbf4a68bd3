from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from affectkit.data.schema import ConversationRecord, canonical_json
from affectkit.data.shards import (
    DatasetWriter,
    FeatureSpec,
    Licence,
    Manifest,
    ShardWriter,
    read_entry,
    shard_name,
    write_manifest,
)
from affectkit.data.store import check_dataset
from affectkit.labels import label_space

TEMPLATE = Manifest(
    name="talks",
    kind="conversation",
    label_space=label_space("meld7.official"),
    features={"text": FeatureSpec(2, "float32", "tiny")},
    licence=Licence("CC0", "open"),
    created_by="a test",
)


def record(label: int | None = 1, text: str = "hi") -> ConversationRecord:
    return {
        "id": "t",
        "speakers": ["A"],
        "utterances": [{"id": "0", "text": text, "speaker": 0, "label": label}],
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with DatasetWriter(tmp_path / "set", TEMPLATE, shard_samples=2) as writer:
        for number in range(5):
            writer.add_conversation(
                "train", f"k{number}", record(number), features={"text": torch.ones(1, 2)}
            )
    return tmp_path / "set"


def test_a_whole_set_has_no_problem(root: Path) -> None:
    seen: list[str] = []
    report = check_dataset(root, on_shard=seen.append)
    assert (report.ok, report.shards, report.samples, report.items) == (True, 3, 5, 5)
    assert seen == [shard_name("train", number) for number in range(3)]
    assert check_dataset(root, quick=True).ok


def test_all_problems_are_reported_and_not_only_the_first(root: Path) -> None:
    first, second, third = (root / shard_name("train", number) for number in range(3))
    first.write_bytes(first.read_bytes()[:-512])
    changed = bytearray(second.read_bytes())
    changed[520] ^= 1  # inside the first member
    second.write_bytes(changed)
    third.unlink()
    (root / "train-00009.tar").write_bytes(b"")
    problems = check_dataset(root).problems
    assert [text.split(" ")[0].rsplit("/", 1)[1] for text in problems] == [
        first.name,
        second.name,
        third.name,
        "train-00009.tar",
    ]
    assert "sha256" in problems[1]
    quick = check_dataset(root, quick=True).problems
    assert not any("sha256" in text for text in quick)
    assert len(quick) == 3


def test_without_a_manifest_there_is_one_problem(root: Path) -> None:
    (root / "manifest.json").write_bytes(b"{}")
    assert len(check_dataset(root).problems) == 1


NAN = json.dumps(record()).replace('"label": 1', '"label": NaN').encode()
GOOD = {"json": canonical_json(record()), "safetensors": save({"text": torch.ones(1, 2)})}


@pytest.mark.parametrize(
    ("members", "labels", "message"),
    [
        ({**GOOD, "json": NAN}, [1], "NaN is no JSON number"),
        ({**GOOD, "json": canonical_json(record(7))}, [1], "the label is 7"),
        ({**GOOD, "json": canonical_json({"id": "x"})}, [1], "missing speakers"),
        ({"safetensors": GOOD["safetensors"]}, [1], "a JSON object is wanted"),
        ({"json": GOOD["json"]}, [1], "lacks the features 'text'"),
        ({**GOOD, "safetensors": save({"text": torch.full((1, 2), torch.inf)})}, [1], "NaN or infinity"),
        ({**GOOD, "safetensors": save({"text": torch.ones(2, 2)})}, [1], "is stated"),
        ({**GOOD, "safetensors": b"\xff" * 30}, [1], "safetensors file is damaged"),
        ({**GOOD, "face-000.png": b"\x89PNG"}, [1], "no png picture"),
        (GOOD, [2], "other labels than the manifest counts"),
        (GOOD, [1, 1], "other labels than the manifest counts"),
    ],
)
def test_content_faults_are_found(
    tmp_path: Path, members: dict[str, bytes], labels: list[int], message: str
) -> None:
    with ShardWriter(tmp_path / shard_name("train", 0), "train", num_classes=7) as writer:
        writer.add("a", members, labels=labels)
    write_manifest(tmp_path, TEMPLATE)
    report = check_dataset(tmp_path)
    assert len(report.problems) == 1
    assert message in report.problems[0]
    assert check_dataset(tmp_path, quick=True).ok  # the structure is sound


@pytest.mark.parametrize(("stored", "problem"), [(b"1", False), (b"0", True), (b"5", True)])
def test_class_members_are_counted(tmp_path: Path, stored: bytes, problem: bool) -> None:
    template = replace(TEMPLATE, kind="image", features={}, label_space=label_space("meld3.sentiment"))
    with ShardWriter(tmp_path / shard_name("train", 0), "train", num_classes=3) as writer:
        writer.add("a", {"cls": stored}, labels=[1])
    write_manifest(tmp_path, template)
    assert check_dataset(tmp_path).ok is not problem


def test_a_key_in_two_shards_is_found(tmp_path: Path) -> None:
    # Each shard is sound and the manifest agrees with both: only the set as a whole is wrong.
    entries = []
    for number in range(2):
        with ShardWriter(tmp_path / shard_name("val", number), "val", num_classes=7) as writer:
            writer.add("same", GOOD, labels=[1])
        entries.append(read_entry(tmp_path / shard_name("val", number)))
    (tmp_path / "manifest.json").write_bytes(replace(TEMPLATE, shards=tuple(entries)).to_json())
    (problem,) = check_dataset(tmp_path).problems
    assert "'same' is also in val-00000.tar" in problem
