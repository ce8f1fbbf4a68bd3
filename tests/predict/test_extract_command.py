from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from affectkit.cli import extract
from affectkit.data.shards import read_manifest
from affectkit.predict import ExtractError


def command(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    extract.add_parser(parser.add_subparsers())
    options = parser.parse_args(["extract", *arguments])
    code: int = options.run(options)
    return code


def test_without_names_the_tiny_encoders_of_all_inputs_run(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(str(corpus), str(tmp_path / "out"), "--jobs", "1") == 0
    assert set(read_manifest(tmp_path / "out").features) == {"text", "visual", "audio"}
    assert "3 units encoded, 0 kept" in capsys.readouterr().out


def test_named_encoders_run_alone(corpus: Path, tmp_path: Path) -> None:
    assert command(str(corpus), str(tmp_path / "out"), "--text", "tiny", "--jobs", "1") == 0
    assert set(read_manifest(tmp_path / "out").features) == {"text"}


def test_the_launcher_or_the_options_say_who_does_what(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared = [str(corpus), str(tmp_path / "out"), "--text", "tiny", "--jobs", "1"]
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert command(*shared) == 0
    assert "process 1 of 2" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert command(*shared, "--rank", "0", "--world-size", "2") == 0
    assert (tmp_path / "out").is_dir()


def test_an_unknown_encoder_is_an_error(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match="'resnet'"):
        command(str(corpus), str(tmp_path / "out"), "--visual", "resnet")
