from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from affectkit.cli import extract
from affectkit.data.shards import read_manifest
from affectkit.encoders import tiny
from affectkit.predict import ExtractError
from affectkit.predict import extract as predict


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


@pytest.mark.parametrize(("given", "layers"), [("all", "all"), ("-1", [-1]), ("0,3,6", [0, 3, 6])])
def test_layers_and_pooling_reach_the_encoder(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, layers: list[int] | str
) -> None:
    asked: dict[str, object] = {}

    def named(modality: str, name: str, **options: object) -> tiny.TinyTextEncoder:
        asked.update({"name": name, **options})
        return tiny.TinyTextEncoder()

    monkeypatch.setattr(predict, "named_extractor", named)
    options = ["--text", "some/model", f"--text-layers={given}", "--text-pooling", "cls"]
    assert command(str(corpus), str(tmp_path / "out"), *options, "--jobs", "1") == 0
    assert asked == {"name": "some/model", "layers": layers, "pooling": "cls"}


def test_layers_are_refused_where_no_text_encoder_is_named(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ExtractError, match="name that encoder too"):
        command(str(corpus), str(tmp_path / "out"), "--visual", "tiny", "--text-layers", "all")
    with pytest.raises(SystemExit):
        command(str(corpus), str(tmp_path / "out"), "--text", "m", "--text-layers", "some")
    assert "'some' is neither 'all' nor numbers" in capsys.readouterr().err
