"""`affectkit completion`: bash itself completes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from affectkit.cli.completion import SHELLS, completion_script
from affectkit.cli.main import main

pytest.importorskip("shtab", reason="needs the extra 'completion'")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "affectkit.bash"
    path.write_text(completion_script("bash"), encoding="utf-8")
    return path


def completed(script: Path, *words: str) -> set[str]:
    """What bash offers for the last of ``words``."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("this system has no bash")
    asked = (
        'source "$1"; shift; COMP_WORDS=(affectkit "$@"); COMP_CWORD=$#; '
        "name=$(complete -p affectkit | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        '$name affectkit "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$((COMP_CWORD-1))]}"; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [bash, "--norc", "-c", asked, "bash", str(script), *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=script.parent,
        check=True,
    )
    return set(done.stdout.split())


def test_commands_are_completed(script: Path) -> None:
    assert completed(script, "ex") == {"export", "extract"}
    assert {"fit", "report", "card", "new"} <= completed(script, "")


def test_options_values_and_parts_are_completed(script: Path) -> None:
    assert completed(script, "export", "--o") == {"--out"}
    assert completed(script, "export", "--to", "") == {"torch-export", "onnx"}
    assert completed(script, "completion", "z") == {"zsh"}
    assert {"make", "info", "check"} <= completed(script, "shards", "")


def test_training_commands_have_their_common_options(script: Path) -> None:
    assert {"--ckpt_path", "--config"} == completed(script, "fit", "--c")


def test_a_place_is_completed(script: Path) -> None:
    (script.parent / "runs").mkdir(exist_ok=True)
    assert completed(script, "card", "ru") == {"runs"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_with_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert "affectkit" in said and "robustness" in said and "--ckpt_path" in said
