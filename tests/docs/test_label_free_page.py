"""The page on encoders without labels runs as printed: its Python, its commands, its configuration."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from affectkit.cli.training import train
from affectkit.data.synthetic import write_synthetic_sequences
from affectkit.tasks import ContrastiveStage

PAGE = (Path(__file__).parents[2] / "docs" / "label_free.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
SHORT = ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS[number], "docs/label_free.md", "exec"), {})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning")
def test_the_commands_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_synthetic_sequences("sequences", train=32, val=16, test=16)
    (configuration,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    Path("label_free.yaml").write_text(configuration)
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        assert train([*command, *(SHORT if command[0] == "fit" else [])]) == 0
    assert Path("runs/encoders/checkpoints/best.ckpt").is_file()


def test_the_table_names_every_stage() -> None:
    found = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert found == ["stage", *get_args(ContrastiveStage)]
