from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.cli.main import main
from affectkit.data.shards import DatasetWriter, Licence, Manifest

WORDS = "Nobody had told them that the concert was cancelled."


def make(folder: Path, *, leak: bool) -> str:
    template = Manifest(
        name="notes", kind="text", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
    )
    with DatasetWriter(folder, template) as writer:
        writer.add_item("train", "a", {"id": "1", "label": None, "text": WORDS})
        writer.add_item("test", "b", {"id": "2", "label": None, "text": WORDS if leak else "[bold]Well![/]"})
    return str(folder)


def test_exit_status_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "audit.json"
    leaking = make(tmp_path / "leaking", leak=True)
    assert main(["audit", leaking, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "duplicate_text" in printed
    assert "notes/train/a" not in printed
    assert "1 errors, 0 warnings, 0 notes" in printed
    assert json.loads(out.read_bytes())["counts"]["error"] == 1
    assert main(["audit", leaking, "--strict", "--examples"]) == 1
    assert "notes/train/a = notes/test/b" in capsys.readouterr().out
    assert main(["audit", leaking, "--strict", "--short-words", "20"]) == 0


def test_a_clean_set_shows_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", make(tmp_path / "clean", leak=False), "--strict"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("1 data sets, ")
    assert "0 errors, 0 warnings, 0 notes" in printed


@pytest.mark.parametrize(
    "wrong", [["nowhere"], ["SET", "--picture-distance", "30"], ["SET", "--out", "no/such/folder/a.json"]]
)
def test_what_cannot_be_done_is_said(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "set", leak=False)
    assert main(["audit", *(folder if word == "SET" else word for word in wrong)]) == 2
    assert "affectkit: error: " in capsys.readouterr().err


def test_help_imports_neither_torch_nor_rich() -> None:
    code = (
        "import sys\nfrom affectkit.cli.main import build_parser\nbuild_parser().format_help()\n"
        "assert not {'torch', 'rich', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
