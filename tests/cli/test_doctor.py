"""`affectkit doctor` names what is missing and the line that installs it."""

from __future__ import annotations

import importlib.metadata

import pytest

from affectkit.cli import doctor
from affectkit.cli.installed import CORE, PackageState, needed, package_states
from affectkit.cli.main import main

LINES = [
    "torch>=2.0",
    "a-package-that-nobody-has>=1",
    "winreg-only>=1; sys_platform == 'beos'",
    'pytest>=8.0; extra == "test"',
    'pytest>=9999; extra == "later"',
    'affectkit[test]; extra == "all"',
]


def test_packages_are_sorted_by_the_part_that_needs_them() -> None:
    states = needed(LINES, ["test", "later", "all"])
    assert [(state.part, state.name, state.fits) for state in states] == [
        (CORE, "torch", True),
        (CORE, "a-package-that-nobody-has", False),
        ("test", "pytest", True),
        ("later", "pytest", False),
    ]
    assert states[2].found == importlib.metadata.version("pytest")
    assert states[1].found is None


def test_our_own_metadata_are_read() -> None:
    states = package_states()
    core = {state.name: state for state in states if state.part == CORE}
    assert core["torch"].fits and core["lightning"].fits
    assert {"text", "audio", "video"} <= {state.part for state in states}
    assert "affectkit" not in {state.name for state in states}


def test_the_command_prints_every_extra_and_succeeds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "lightning" in shown and "GPU: " in shown and "torchvision: " in shown
    assert all(state.part in shown.lower() for state in package_states())


def test_a_package_that_an_extra_asks_for_twice_is_named_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = [PackageState("test", "tool", ">=1", "1"), PackageState("test", "tool", "", "1")]
    monkeypatch.setattr(doctor, "package_states", lambda: twice)
    monkeypatch.setattr(doctor, "machine", dict)
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out.count("tool 1") == 1


@pytest.mark.parametrize(
    ("states", "line"),
    [
        ([PackageState(CORE, "torch", ">=2.6", "2.1")], 'pip install "torch>=2.6"'),
        (
            [PackageState(CORE, "torch", "", "2.6"), PackageState("audio", "x", "", None)],
            '"affectkit[audio]"',
        ),
        (
            [
                PackageState("audio", "x", "", None),
                PackageState("text", "z", "", "1"),
                PackageState("video", "y", ">=2", "1"),
                PackageState("test", "x", "", None),
                PackageState("all", "x", "", None),
            ],
            '`pip install "affectkit[audio,video]"`',
        ),
        ([PackageState(CORE, "torch", "", "2.6"), PackageState("bench", "x", "", None)], "Everything"),
    ],
)
def test_the_advice_installs_what_is_wrong(states: list[PackageState], line: str) -> None:
    assert line in doctor.advice(states)


def test_a_core_that_is_not_whole_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "package_states", lambda: [PackageState(CORE, "torch", ">=99", "2.6")])
    monkeypatch.setattr(doctor, "machine", dict)
    assert main(["doctor"]) == 1
    assert "2.6, needs >=99" in capsys.readouterr().out
