"""The pages about sharing, one's own project and ethics: commands and Python run as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Trainer

from affectkit.cli.main import main
from affectkit.cli.new import TEMPLATES
from affectkit.recipes import recipe_path
from affectkit.share import UNEXPORTABLE, card_of_task
from affectkit.tasks import ConversationTask

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[tuple[str, str]]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```(bash|python)\n(.*?)```", text, re.DOTALL)


def write_run(folder: Path) -> ConversationTask:
    """A run as `affectkit fit` leaves it, of a task that learnt nothing."""
    recipe = yaml.safe_load(recipe_path("erc_curriculum_tiny").read_text(encoding="utf-8"))
    values = {**recipe["model"]["init_args"], "label_space": "meld7.official", "seed": 0}
    torch.manual_seed(0)
    task = ConversationTask(**values)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.strategy.connect(task)
    trainer.save_checkpoint(folder / "checkpoints" / "best.ckpt")
    data = {"class_path": recipe["data"]["class_path"], "init_args": {"root": "shards/talk"}}
    model = {"class_path": recipe["model"]["class_path"], "init_args": values}
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": model, "data": data}), encoding="utf-8")
    return task


def test_sharing_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    monkeypatch.chdir(tmp_path)
    task = write_run(tmp_path / "runs" / "talk" / "latest")
    names: dict[str, object] = {}
    for kind, block in blocks("share.md"):
        if kind == "python":
            exec(compile(block, "share.md", "exec"), names)
            continue
        for line in block.splitlines():
            command, *arguments = shlex.split(line)
            assert command == "affectkit" and main(arguments) == 0, line
    logits, loaded = names["logits"], names["task"]
    assert isinstance(logits, torch.Tensor) and logits.shape == (2, 32, 7)
    assert isinstance(loaded, ConversationTask)
    mine, theirs = task.state_dict(), loaded.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert (tmp_path / "copy" / "model.safetensors").is_file()
    assert (tmp_path / "runs" / "talk" / "latest" / "model_card.md").is_file()


def test_all_that_cannot_be_exported_is_listed() -> None:
    table = (DOCS / "share.md").read_text(encoding="utf-8").split("These cannot be exported")[1]
    found = [line for line in table.split("All other recipes")[0].splitlines() if line.startswith("| `")]
    assert found == [
        f"| `{row.part}` | {', '.join(f'`{recipe}`' for recipe in row.recipes)} | {row.reason} |"
        for row in UNEXPORTABLE
    ]


def test_the_project_page_has_the_commands_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new, install, steps, _, completion = (block for _, block in blocks("own_project.md"))
    assert main(shlex.split(new)[1:]) == 0
    page = (DOCS / "own_project.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./]+\.(?:py|yaml|csv|toml|md))`", page.split("In the folder:")[0]):
        assert (tmp_path / "my-emotions" / name).is_file(), name
    assert "class MyEmotionsTask(" in (tmp_path / "my-emotions" / "my_emotions" / "task.py").read_text()
    readme = (TEMPLATES / "README.md.jinja").read_text(encoding="utf-8")
    assert install in readme and steps in readme
    pytest.importorskip("shtab", reason="needs the extra 'completion'")
    assert main(shlex.split(re.findall(r"\$\(affectkit (.*?)\)", completion)[0])) == 0


def test_the_ethics_page_says_what_the_card_says() -> None:
    page = " ".join((DOCS.parent / "affectkit" / "share" / "ethics.md").read_text(encoding="utf-8").split())
    for article in ("5(1)(f)", "Annex III, point 1(c)", "50(3)", "medical or safety reasons"):
        assert article in page
    task = ConversationTask("meld7.official", {"text": 4}, hidden_dim=4)
    card = " ".join(card_of_task(task).split())
    forbidden = card.split("## Forbidden uses")[1].split("## Sensitive")[0]
    for word in ("hiring, credit, insurance, police, borders, courts, asylum, care", "lies, guilt, intent"):
        assert word in page and word in forbidden
