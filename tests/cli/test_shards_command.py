from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from affectkit.cli import shards
from affectkit.data.schema import ShardError

HEADER = "Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    shards.add_parser(parser.add_subparsers())
    options = parser.parse_args(["shards", *arguments])
    return int(options.run(options))


@pytest.fixture
def meld(tmp_path: Path) -> Path:
    for name in ("train", "dev", "test"):
        row = f"Hi {name},Ana,joy,positive,0,0,1,1,0:00:01,000,0:00:02,000\n"
        quoted = row.replace("0:00:01,000,0:00:02,000", '"0:00:01,000","0:00:02,000"')
        (tmp_path / f"{name}_sent_emo.csv").write_text(HEADER + quoted, encoding="utf-8")
    return tmp_path


def test_make_info_check(meld: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(meld / "shards" / "meld")  # the folder above is made where it is missing
    assert call("make", "meld", str(meld), out) == 0
    made = capsys.readouterr().out
    assert call("info", out) == 0
    assert capsys.readouterr().out == made
    for word in (
        "dialogues",
        "utterances",
        "4 joy",
        "meld7.official",
        "meld3.sentiment",
        "GPL-3.0",
        "academic",
    ):
        assert word in made
    assert call("check", out) == 0
    assert "3 shards, 3 samples, 3 items" in capsys.readouterr().out
    with pytest.raises(ShardError, match="--overwrite"):
        call("make", "meld", str(meld), out)
    assert call("make", "meld", str(meld), out, "--overwrite") == 0


def test_check_prints_every_problem_and_fails(meld: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = meld / "out"
    call("make", "meld", str(meld), str(out))
    for split in ("train", "val"):
        path = out / f"{split}-00000.tar"
        path.write_bytes(path.read_bytes()[:-1])
    capsys.readouterr()
    for arguments in ((), ("--quick",)):
        assert call("check", str(out), *arguments) == 1
        printed = capsys.readouterr().out
        assert "train-00000.tar" in printed
        assert "val-00000.tar" in printed
        assert "2 problems" in printed


def test_index_foreign_tars_and_rebuild_our_own(meld: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = meld / "foreign"
    foreign.mkdir()
    (meld / "a.cls").write_text("1")
    (meld / "a.pth").write_text("no")
    with tarfile.open(foreign / "train-0.tar", "w") as archive:
        archive.add(meld / "a.cls", "a.cls")
        archive.add(meld / "a.pth", "a.pth")
    with pytest.raises(ShardError, match="--ignore"):
        call("index", str(foreign))
    assert call("index", str(foreign), "--ignore", "pth", "--label-space", "meld3.sentiment") == 0
    assert "1 positive │     1" in capsys.readouterr().out
    assert call("check", str(foreign)) == 0

    out = meld / "out"
    call("make", "meld", str(meld), str(out))
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "val-00000.tar.idx").unlink()
    assert call("index", str(out)) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_help_imports_neither_torch_nor_rich() -> None:
    code = (
        "import argparse, sys\n"
        "from affectkit.cli import shards\n"
        "parser = argparse.ArgumentParser()\n"
        "shards.add_parser(parser.add_subparsers())\n"
        "parser.format_help()\n"
        "assert not {'torch', 'rich', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
