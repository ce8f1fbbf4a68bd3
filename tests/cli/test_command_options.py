"""What the commands share: their help, and the option for a device."""

from __future__ import annotations

import argparse

import pytest

from affectkit.cli.command_help import CommandHelp
from affectkit.cli.device_option import add_device_option
from affectkit.cli.main import build_parser


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (part for part in build_parser()._actions if isinstance(part, argparse._SubParsersAction))
    return dict(found.choices)


def test_prose_is_filled_and_examples_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    example = "examples:\n  affectkit brew --a-long-option with-a-long-value --another one"
    said = argparse.ArgumentParser(
        prog="x", description="word " * 30, epilog=example, formatter_class=CommandHelp
    ).format_help()
    assert example in said
    assert max(map(len, said.split("examples:")[0].splitlines())) <= 40


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_help_of_a_command_fits_the_screen_and_begins_with_its_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    parser = commands()[name]
    said = parser.format_help()
    assert said.startswith(f"usage: affectkit {name}")
    told = parser.description or ""
    assert len(told) <= 80 or told not in said


def test_a_device_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser(prog="x")
    add_device_option(parser)
    assert parser.parse_args(["--device", "cpu"]).device == "cpu"
    assert parser.parse_args([]).device is None
    for absent in ("cuda:99", "nosuch"):
        with pytest.raises(SystemExit):
            parser.parse_args(["--device", absent])
        said = capsys.readouterr().err.splitlines()[-1]
        assert f"'{absent}' cannot be used on this machine (" in said
        assert said.endswith("give cpu, or leave the option out")
