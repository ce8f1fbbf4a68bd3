"""The conversion itself: options, jobs, and what an interruption leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from affectkit.data.schema import ShardError
from affectkit.data.shards import FeatureSpec, Licence, Manifest, open_shards
from affectkit.data.sources import (
    Source,
    SourceError,
    SourceSample,
    UnverifiedLayoutWarning,
    find_source,
    make_dataset,
)
from affectkit.data.store import check_dataset
from affectkit.labels import LabelSpace

TEMPLATE = Manifest(
    name="notes",
    kind="text",
    label_space=LabelSpace("notes2.v1", ("low", "high")),
    licence=Licence("none", "unknown"),
    created_by="affectkit shards make notes SRC OUT",
)


def read(folder: Path) -> Iterator[SourceSample]:
    for path in sorted(folder.glob("*.txt")):
        number = int(path.stem)
        split = "test" if number % 3 == 0 else "train"
        yield SourceSample(split, path.stem, {"id": path.stem, "label": number % 2}, {"txt": path})


NOTES = Source(template=TEMPLATE, description="numbered notes", read=read)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.txt").write_text(f"note {number}")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_members_given_as_paths_are_read_and_splits_may_alternate(notes: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    manifest = make_dataset(
        NOTES, notes, out=tmp_path / "out", shard_samples=4, on_sample=lambda *sample: seen.append(sample)
    )
    assert [(entry.name, entry.samples) for entry in manifest.shards] == [
        ("test-00000.tar", 4),
        ("train-00000.tar", 4),
        ("train-00001.tar", 2),
    ]
    assert sorted(seen) == sorted((s.split, s.key) for s in read(notes))
    assert bytes(open_shards(tmp_path / "out", "train").get(1)["txt"]) == b"note 2"
    assert check_dataset(tmp_path / "out").problems == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "out"]


def test_the_bytes_do_not_depend_on_the_jobs(notes: Path, tmp_path: Path) -> None:
    def with_features(folder: Path) -> Iterator[SourceSample]:
        for sample in read(folder):
            yield sample._replace(features={"text": torch.full((2,), float(sample.key))})

    template = replace(TEMPLATE, features={"text": FeatureSpec(2, "float32", "made up")})
    source = Source(template=template, description="", read=with_features)
    make_dataset(source, notes, out=tmp_path / "one", shard_samples=3)
    make_dataset(source, notes, out=tmp_path / "two", shard_samples=3, jobs=2)
    assert check_dataset(tmp_path / "two").problems == ()
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    with pytest.raises(ShardError, match="0 jobs"):
        make_dataset(NOTES, notes, out=tmp_path / "none", jobs=0)


def test_an_error_in_another_process_names_the_file(notes: Path, tmp_path: Path) -> None:
    def broken(folder: Path) -> Iterator[SourceSample]:
        for sample in read(folder):
            yield sample
            if sample.key == "6":
                (folder / "7.txt").unlink()

    bad = Source(template=TEMPLATE, description="notes that vanish", read=broken)
    with pytest.raises(SourceError, match=r"7\.txt: it cannot be read"):
        make_dataset(bad, notes, out=tmp_path / "out", shard_samples=2, jobs=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes"]


def interrupted(folder: Path) -> Iterator[SourceSample]:
    for number, sample in enumerate(read(folder)):
        if number == 8:
            raise KeyboardInterrupt
        yield sample


def test_an_interrupted_conversion_goes_on(notes: Path, tmp_path: Path) -> None:
    make_dataset(NOTES, notes, out=tmp_path / "whole", shard_samples=2)
    stopped = Source(template=TEMPLATE, description="", read=interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(stopped, notes, out=tmp_path / "out", shard_samples=2)
    left = tmp_path / ".out.making"
    kept, changed = left / "train-00000.tar", left / "test-00000.tar"
    inodes = kept.stat().st_ino, changed.stat().st_ino
    (left / ".train-00002.tar.0123").write_bytes(b"half a shard")
    (left / "val-00000.tar").write_bytes(b"of another run")
    os.utime(notes / "3.txt", ns=(1, 1))  # 3 is in the first shard of test
    make_dataset(NOTES, notes, out=tmp_path / "out", shard_samples=2)
    assert (tmp_path / "out" / kept.name).stat().st_ino == inodes[0]
    assert (tmp_path / "out" / changed.name).stat().st_ino != inodes[1]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not left.exists()


def test_a_damaged_left_over_is_written_anew(notes: Path, tmp_path: Path) -> None:
    stopped = Source(template=TEMPLATE, description="", read=interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_dataset(stopped, notes, out=tmp_path / "out", shard_samples=2)
    (tmp_path / ".out.making" / "train-00000.tar").write_bytes(b"")
    make_dataset(NOTES, notes, out=tmp_path / "out", shard_samples=2)
    assert check_dataset(tmp_path / "out").problems == ()


def test_two_cannot_make_the_same_folder(notes: Path, tmp_path: Path) -> None:
    def nested(folder: Path) -> Iterator[SourceSample]:
        make_dataset(NOTES, folder, out=tmp_path / "out")
        yield from read(folder)

    with pytest.raises(ShardError, match="Another process is making"):
        make_dataset(Source(template=TEMPLATE, description="", read=nested), notes, out=tmp_path / "out")


def test_options_reach_the_source_and_its_manifest(notes: Path, tmp_path: Path) -> None:
    def configure(folder: Path, options: Mapping[str, str]) -> Source:
        def only(where: Path) -> Iterator[SourceSample]:
            return (sample for sample in read(where) if sample.split == options["only"])

        return Source(template=TEMPLATE, description="", read=only)

    chooser = Source(
        template=TEMPLATE, description="", read=read, options={"only": "the split"}, configure=configure
    )
    manifest = make_dataset(chooser, notes, out=tmp_path / "out", options={"only": "test"})
    assert manifest.splits == ("test",)
    assert manifest.created_by == "affectkit shards make notes SRC OUT --option only=test"
    with pytest.raises(ShardError, match="no option 'maximum': it has only"):
        make_dataset(chooser, notes, out=tmp_path / "out2", options={"maximum": "3"})
    with pytest.raises(ShardError, match="'meld' has no option 'x': it has none"):
        find_source("meld").configured(notes, {"x": "1"})


def test_the_machine_is_not_in_the_command(notes: Path) -> None:
    source = Source(template=TEMPLATE, description="", read=read, options={"map": "a file"})
    stated = source.configured(notes, {"map": str(notes / "map.json")}).template.created_by
    assert stated.endswith("--option map=map.json")
    assert str(notes) not in stated


def test_an_unverified_source_says_so(notes: Path, tmp_path: Path) -> None:
    source = Source(template=TEMPLATE, description="", read=read, verified=False)
    with pytest.warns(UnverifiedLayoutWarning, match="'notes' is unverified"):
        make_dataset(source, notes, out=tmp_path / "out")
