"""Difficulties written into a copy of a data set: what changes, what stays, and who may write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from affectkit.cli.main import main
from affectkit.curriculum import HclDifficulty, StoredDifficulty, VoteDisagreementDifficulty
from affectkit.data.schema import ConversationRecord, ItemRecord, ShardError, item_record
from affectkit.data.shards import (
    DatasetWriter,
    FeatureSpec,
    Licence,
    Manifest,
    SampleKind,
    open_shards,
    read_manifest,
)
from affectkit.data.store import add_difficulties, check_dataset, record_difficulties, shards_to_lmdb
from affectkit.labels import LabelSpace, label_space

SPACE = LabelSpace("three.test", ("calm", "glad", "sad"))


def template(kind: SampleKind, space: LabelSpace) -> Manifest:
    return Manifest(
        name="set",
        kind=kind,
        label_space=space,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        features={"text": FeatureSpec(2, "float32", "none")},
    )


def items(root: Path, *, silent: int | None = None) -> Path:
    with DatasetWriter(root, template("image", SPACE), shard_samples=3) as writer:
        for split, count in {"train": 8, "test": 2}.items():
            for i in range(count):
                record: ItemRecord = {"id": f"{i}", "label": i % 3}
                if split == "train" and i != silent:
                    record["votes"] = [3.0, float(i), 0.0]
                features = {"text": torch.full((2,), float(i))}
                writer.add_item(split, f"k{i}", record, features=features, members={"txt": bytes([i])})
    return root


def members(root: Path, split: str) -> dict[str, dict[str, bytes]]:
    store = open_shards(root, split, verify="sha256")
    return {
        store.key(place): {name: bytes(data) for name, data in store.get(place).items()}
        for place in range(len(store))
    }


def test_records_get_a_number_and_all_else_is_copied(tmp_path: Path) -> None:
    src, out = items(tmp_path / "src"), tmp_path / "out"
    shards: list[str] = []
    manifest = add_difficulties(
        src, out, VoteDisagreementDifficulty(), splits=["train"], on_shard=shards.append
    )
    assert check_dataset(out).problems == () and manifest == read_manifest(out)
    source = read_manifest(src)
    assert manifest.class_counts == source.class_counts and manifest.features == source.features
    assert [entry.name for entry in manifest.shards] == sorted(shards) == [e.name for e in source.shards]
    assert manifest.created_by == "difficulty by VoteDisagreementDifficulty of train, after: a test"
    assert members(out, "test") == members(src, "test")
    before, after = members(src, "train"), members(out, "train")
    assert list(before) == list(after)
    rule = VoteDisagreementDifficulty()
    for key, old in before.items():
        new = after[key]
        found = json.loads(new["json"])
        assert {**old, "json": b""} == {**new, "json": b""}
        assert found.pop("difficulty") == rule.of_record(found) and found == json.loads(old["json"])
    store = open_shards(out, "train")
    assert record_difficulties(
        store, StoredDifficulty(), kind="image", label_map=None
    ) == record_difficulties(open_shards(src, "train"), rule, kind="image", label_map=None)


def test_any_number_of_processes_writes_the_same_bytes_also_from_an_lmdb(tmp_path: Path) -> None:
    src = items(tmp_path / "src")
    shards_to_lmdb(src, tmp_path / "lmdb")
    places = {name: tmp_path / name for name in ("one", "two", "other")}
    table = {f"k{i}": i / 7 for i in range(8)}
    add_difficulties(src, places["one"], table)
    add_difficulties(src, places["two"], table, jobs=2)
    add_difficulties(tmp_path / "lmdb", places["other"], table)
    found = [{path.name: path.read_bytes() for path in sorted(place.iterdir())} for place in places.values()]
    assert found[0] == found[1] == found[2] and len(found[0]) == 2 * 4 + 1
    # A second rule replaces the first number.
    add_difficulties(places["one"], tmp_path / "again", dict.fromkeys(table, 2))
    again = json.loads(members(tmp_path / "again", "train")["k3"]["json"])
    assert again["difficulty"] == 2.0


def test_conversations_get_their_shifts(tmp_path: Path) -> None:
    space = label_space("meld7.official")
    with DatasetWriter(tmp_path / "src", template("conversation", space)) as writer:
        talks: list[list[int | None]] = [[0, 0, 0], [0, 3, 4], [0, 3, None]]
        for number, labels in enumerate(talks):
            record: ConversationRecord = {
                "id": f"{number}",
                "speakers": ["a"],
                "utterances": [
                    {"id": f"{turn}", "text": "x", "speaker": 0, "label": label}
                    for turn, label in enumerate(labels)
                ],
            }
            writer.add_conversation("train", f"d{number}", record, features={"text": torch.zeros(3, 2)})
    add_difficulties(tmp_path / "src", tmp_path / "out", HclDifficulty())
    store = open_shards(tmp_path / "out", "train")
    found = record_difficulties(store, StoredDifficulty(), kind="conversation", label_map=None)
    assert found == [1 / 4, 3 / 4, 2 / 4]
    assert check_dataset(tmp_path / "out").problems == ()


def test_nothing_lies_there_after_an_error(tmp_path: Path) -> None:
    src, out = items(tmp_path / "src", silent=5), tmp_path / "out"
    with pytest.raises(ShardError, match=r"train-00001\.tar, sample 'k5' has no votes to disagree"):
        add_difficulties(src, out, VoteDisagreementDifficulty(), splits=["train"])
    with pytest.raises(ShardError, match="sample 'k2' is not in the table of difficulties: add a row"):
        add_difficulties(src, out, {"k0": 1.0, "k1": 2.0})
    with pytest.raises(ShardError, match="is no conversation, and HclDifficulty measures no other"):
        add_difficulties(src, out, HclDifficulty())
    assert list(tmp_path.iterdir()) == [src]
    for given, message in (
        ({"jobs": 0}, "with 0 jobs"),
        ({"splits": ["dev"]}, "with the split 'dev'"),
    ):
        with pytest.raises(ShardError, match=message):
            add_difficulties(src, out, {}, **given)
    before = members(src, "train")
    (tmp_path / "link").symlink_to(src)
    table = {f"k{number}": 1.0 for number in range(8)}
    for same in (src, tmp_path / "link", src / ".." / "src"):
        with pytest.raises(ShardError, match="itself"):
            add_difficulties(src, same, table, overwrite=True)
    assert members(src, "train") == before


@pytest.mark.parametrize("value", ["null", '"0.5"', "true", "[1]"])
def test_a_difficulty_is_a_finite_number(value: str) -> None:
    record: Mapping[str, object] = {"id": "a", "label": None, "difficulty": json.loads(value)}
    with pytest.raises(ShardError, match="difficulty must be a finite number"):
        item_record(record)
    assert item_record({"id": "a", "label": None, "difficulty": -2})["difficulty"] == -2


# ----------------------------------------------------------------------------------- command line


def test_the_command_takes_a_rule_or_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    src = str(items(tmp_path / "src"))
    given = ["shards", "difficulty", src]
    assert main([*given, str(tmp_path / "new" / "votes"), "--rule", "votes", "--split", "train"]) == 0
    assert "train: 8 samples, difficulty 0.000 to 0.631, median 0.591" in capsys.readouterr().out
    (tmp_path / "losses.csv").write_text("key,difficulty\n" + "".join(f"k{i},{i}\n" for i in range(8)))
    table = ["--table", str(tmp_path / "losses.csv")]
    assert main([*given, str(tmp_path / "table"), *table, "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "train: 8 samples, difficulty 0.000 to 7.000" in out and "test: 2 samples" in out
    assert main([*given, str(tmp_path / "table"), *table]) == 2
    assert "already holds a data set" in capsys.readouterr().err
    (tmp_path / "losses.csv").write_text("key,difficulty\nk0,1\nk0,2\n")
    assert main([*given, str(tmp_path / "table"), *table, "--overwrite"]) == 2
    assert "row 3: the key 'k0' stands twice" in capsys.readouterr().err
    (tmp_path / "losses.csv").write_text("key,difficulty\nk0,hard\n")
    assert main([*given, str(tmp_path / "table"), *table, "--overwrite"]) == 2
    assert "the difficulty 'hard' is no finite number" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*given, str(tmp_path / "none")])
    assert "--rule --table is required" in capsys.readouterr().err


def test_rules_of_conversations_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = LabelSpace("mine.v1", label_space("meld7.official").labels)  # no registered name is needed
    with DatasetWriter(tmp_path / "src", template("conversation", space)) as writer:
        record: ConversationRecord = {
            "id": "d",
            "speakers": ["a", "b"],
            "utterances": [
                {"id": f"{turn}", "text": "x", "speaker": turn % 2, "label": label}
                for turn, label in enumerate([0, 3, 4, 3])
            ],
        }
        writer.add_conversation("train", "d", record, features={"text": torch.zeros(4, 2)})
    for rule, value in (("shifts", "0.500"), ("weighted-shifts", "0.648")):
        out = str(tmp_path / rule)
        assert main(["shards", "difficulty", str(tmp_path / "src"), out, "--rule", rule]) == 0
        assert f"difficulty {value} to {value}" in capsys.readouterr().out
