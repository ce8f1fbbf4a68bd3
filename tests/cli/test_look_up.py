"""`affectkit list`, `info`, `recipes` and the errors of the top-level command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from affectkit import __version__
from affectkit.catalog import COMPONENTS
from affectkit.cli.main import main


def test_list_shows_every_component(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert [component.name for component in COMPONENTS if component.name not in shown] == []


def test_list_of_one_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--kind", "fusion"]) == 0
    shown = capsys.readouterr().out
    assert "GatedFusion" in shown and "DialogueRNN" not in shown


def test_info_prints_signature_and_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "dialoguernn"]) == 0
    shown = capsys.readouterr().out
    assert "affectkit.conversation.DialogueRNN(" in shown and "Majumder" in shown


def test_info_prints_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "recipe:erc_curriculum"]) == 0
    assert "BabyStepCurriculum" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["info", "dialogernn"], "did you mean DialogueRNN"),
        (["info", "clip_adaptr"], "did you mean clip_adapter"),
        (["info", "zzzz"], "'zzzz': see `affectkit list` and `affectkit recipes`."),
        (["info", "Context"], "'Context' is a kind of components: `affectkit list --kind context`"),
        (["list", "--kind", "fusions"], "the kinds are"),
        (["report", "nowhere"], "nowhere is not the folder of a run"),
        (["shards", "info", "nowhere"], "nowhere"),
        (["shards", "make", "imagefolder", "nowhere", "out"], "There is no file or folder nowhere: correct"),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AFFECTKIT_DEBUG", raising=False)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert hint in said and said.count("\n") == 1


def test_debugging_shows_where_an_error_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTKIT_DEBUG", "1")
    with pytest.raises(ValueError, match="is not the folder of a run"):
        main(["report", "nowhere"])


def test_the_module_is_the_same_program() -> None:
    said = subprocess.check_output([sys.executable, "-m", "affectkit", "--version"], text=True)
    assert said.strip() == f"affectkit {__version__}"
