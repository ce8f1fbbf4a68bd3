"""What a training command says of a wrong configuration: one sentence with the place and the remedy."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from affectkit.cli.configuration_error import (
    ConfigurationError,
    explained_building,
    explained_parsing,
    told_parsing,
)
from affectkit.cli.main import main

TINY = ("fit", "--config", "recipe:coop_tiny")
ROOT = ("--data.init_args.root", "nowhere")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("fit",), "No model and no data are named: add --config recipe:NAME, see `affectkit recipes`."),
        (TINY, "data: ImageDataModule is not told its root: add --data.init_args.root VALUE."),
        (
            (*TINY, *ROOT, "--model.init_args.nope", "3"),
            "model: PromptTuningTask: Option 'nope' is not accepted; "
            "`affectkit fit --model.help affectkit.tasks.PromptTuningTask` lists the options.",
        ),
        (
            (*TINY, *ROOT, "--model.init_args.lr", "abc"),
            "model: PromptTuningTask: lr: Expected a float. Got value: abc; "
            "`affectkit fit --model.help affectkit.tasks.PromptTuningTask` lists the options.",
        ),
        (
            (*TINY, *ROOT, "--trainer.max_epochs", "x"),
            "trainer.max_epochs: Expected a int; `affectkit fit --help` lists the options.",
        ),
        (
            (*TINY, *ROOT, "--model.init_args.adapter", "nope"),
            "The configuration cannot be built: there is no adapter 'nope': give one of ",
        ),
        ((*TINY, *ROOT, "--trainer.accelerator", "cpu", "--trainer.devices", "0"), "`Trainer(devices='0')`"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(
    given: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(given) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"affectkit: error: {said}")
    # Nothing is left of a command that could not begin.
    assert not list(tmp_path.glob("runs/*/2*"))


def test_every_level_of_a_nested_value_is_named() -> None:
    message = """\
Parser key "data":
  Does not validate against any of the Union subtypes
  Errors:
    - Problem with given class_path 'a.b.Data':
        Parser key "curriculum":
          Errors:
            - Expected a dot import path string: Foo
            - Expected a <class 'NoneType'>
          Given value: Foo
    - Expected a <class 'NoneType'>"""
    said = told_parsing(message, command="test")
    assert said.startswith("data: Data: curriculum: Expected a dot import path string: Foo; ")
    assert said.endswith("`affectkit test --data.help a.b.Data` lists the options.")


def test_several_missing_values_are_all_named() -> None:
    message = "Parser key \"model\":\n  - Problem with given class_path 'a.B':\n      " + (
        "the following arguments are required: one, two"
    )
    assert told_parsing(message, command="fit") == (
        "model: B is not told its one and two: add --model.init_args.one VALUE --model.init_args.two VALUE."
    )


def test_errors_of_the_parser_are_ours_and_keep_their_cause() -> None:
    wrong = argparse.ArgumentError(None, "unrecognized arguments: --nope 3")
    with pytest.raises(ConfigurationError, match="--nope 3; `affectkit") as raised, explained_parsing("fit"):
        raise wrong
    assert raised.value.__cause__ is wrong


def test_what_may_be_a_bug_keeps_its_traceback() -> None:
    bare = ValueError("nobody wrapped it")
    with pytest.raises(ValueError, match="nobody wrapped it") as raised, explained_building():
        raise bare
    assert raised.value is bare
    wrapped = ValueError("tried several types")
    wrapped.__cause__ = KeyError("a bug in a component")
    with pytest.raises(ValueError, match="tried several types") as raised, explained_building():
        raise wrapped
    assert raised.value is wrapped
