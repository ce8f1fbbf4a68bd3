from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from affectkit.cli.main import main
from affectkit.data.shards import read_manifest
from affectkit.data.sources import SOURCES


def test_every_source_is_listed_with_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(SOURCES)
    for line in lines:
        source = SOURCES[line.split()[0]]
        assert source.template.licence.klass in line
        assert ("[unverified]" in line) is not source.verified


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_one_source_is_shown_with_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", name]) == 0
    shown = capsys.readouterr().out
    source = SOURCES[name]
    assert source.description in shown
    for option, text in source.options.items():
        assert f"--option {option}=...  {text}" in shown
    assert ("unverified" in shown) is not source.verified


def test_an_unverified_source_says_so_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode\n"
    for name in ("train", "dev", "test"):
        (tmp_path / f"emorynlp_{name}_final.csv").write_text(f"{header}Hi,Ana,Mad,1,1,1,1\n")
    shown, told = warnings.showwarning, "affectkit: warning: The source 'emorynlp' is unverified"
    assert main(["shards", "make", "emorynlp", str(tmp_path), str(tmp_path / "out")]) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if told in line]
    assert warnings.showwarning is shown


def test_an_unknown_source_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "emobnak"]) == 2
    assert "There is no source 'emobnak'" in capsys.readouterr().err


def test_options_reach_make(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "wav"
    folder.mkdir()
    for name in ("03a01Fa", "08a01Wa"):
        (folder / f"{name}.wav").write_bytes(b"no real sound")
    command = ["shards", "make", "emodb", str(folder), str(tmp_path / "out")]
    assert main([*command, "--option", "test=08"]) == 0
    manifest = read_manifest(tmp_path / "out")
    assert manifest.splits == ("train", "test")
    assert manifest.created_by.endswith("--option test=08")
    for wrong in (["test"], ["test=08", "test=03"], ["speaker=08"]):
        arguments = [word for text in wrong for word in ("--option", text)]
        assert main([*command, "--overwrite", *arguments]) == 2
        assert wrong[0].split("=")[0] in capsys.readouterr().err
