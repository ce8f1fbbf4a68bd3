"""The top-level help: every command once, in a group, on one screen."""

from __future__ import annotations

import argparse
import re

import pytest

from affectkit.cli.grouped_help import GROUPS, GroupedHelp
from affectkit.cli.main import build_parser, main
from affectkit.cli.recipe_help import recipe_help
from affectkit.recipes import recipes


def test_every_command_stands_in_one_line_of_one_group_on_one_screen() -> None:
    parser = build_parser()
    (commands,) = (part for part in parser._actions if isinstance(part, argparse._SubParsersAction))
    said = parser.format_help()
    assert len(said.splitlines()) <= 45
    assert re.findall(r"^    (\w+) +\S", said, re.MULTILINE) == [
        name for names in GROUPS.values() for name in names
    ]
    assert sorted(commands.choices) == sorted(name for names in GROUPS.values() for name in names)
    for choice in commands._choices_actions:
        assert f"{choice.dest:<12}{choice.help}" in said


def test_a_command_of_no_group_is_not_lost() -> None:
    parser = argparse.ArgumentParser(prog="x", formatter_class=GroupedHelp)
    commands = parser.add_subparsers(title="commands")
    commands.add_parser("fit", help="train")
    commands.add_parser("brew", help="make tea")
    said = parser.format_help()
    assert "  train:\n    fit         train\n  more:\n    brew        make tea\n" in said
    assert "look up" not in said


def test_the_help_of_a_training_begins_with_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--help"])
    said = capsys.readouterr().out
    assert not stopped.value.code and said.startswith(recipe_help("fit"))
    assert "--trainer" in said.removeprefix(recipe_help("fit"))


def test_every_recipe_is_named_or_is_the_tiny_variant_of_one() -> None:
    lines = recipe_help("fit").splitlines()
    for recipe in recipes():
        named = [line for line in lines if line.split()[:1] == [recipe.name]]
        if recipe.name.endswith("_tiny"):
            assert not named and recipe.name.removesuffix("_tiny") in {known.name for known in recipes()}
        else:
            assert [line.removeprefix(f"  {recipe.name}").strip() for line in named] == [recipe.summary]
