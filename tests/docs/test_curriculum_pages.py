"""Curricula over pictures as the pages print them: the commands, the YAML file and the picture."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from affectkit.cli.main import main
from affectkit.curriculum import StoredDifficulty
from affectkit.data.schema import ConversationRecord, ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest, open_shards
from affectkit.data.store import record_difficulties
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.labels import label_space

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, heading: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    section = re.split(r"^##+ ", text, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)


def run(block: str) -> None:
    for line in block.splitlines():
        arguments = shlex.split(line, comments=True)
        assert arguments[0] == "affectkit" and main(arguments[1:]) == 0, line


def losses(root: Path) -> dict[str, float]:
    store = open_shards(root, "train")
    return {store.key(place): (5 * place % 7) / 7 for place in range(len(store))}


def write_losses(root: Path) -> None:
    rows = [f"{key},{value!r}\n" for key, value in losses(root).items()]
    Path("losses.csv").write_text("".join(["key,difficulty\n", *rows]))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Found .* module.* in eval mode:UserWarning")
def test_prompts_are_tuned_on_easy_pictures_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shards").mkdir()
    write_synthetic_pictures("shards/faces", train=24, val=7, test=7, height=32, width=48)
    write_losses(Path("shards/faces"))
    (settings,) = blocks("prompt_tuning.md", "## Easy pictures first", "yaml")
    Path("easy_first.yaml").write_text(settings)
    (commands,) = blocks("prompt_tuning.md", "## Easy pictures first", "bash")
    run(commands)
    hard = losses(Path("shards/faces"))
    folder = Path("runs/coop_tiny/latest")
    lines = [json.loads(text) for text in (folder / "curriculum.jsonl").read_text().split("\n") if text]
    sizes = [len(line["open"]) for line in lines]
    assert len(sizes) == 5 and sizes == sorted(sizes) and sizes[0] == 8 and sizes[-1] == 24
    for line in lines:
        assert dict(line["open"]) == {key: hard[key] for key, _ in line["open"]}
        assert set(line["shown"]) <= dict(line["open"]).keys() and len(line["shown"]) == 24
    assert max(hard[key] for key, _ in lines[0]["open"]) <= sorted(hard.values())[8]
    assert (folder / "figures" / "curriculum.png").stat().st_size > 5_000
    assert "24 training samples, from difficulty 0.00 to 0.86" in (folder / "report.html").read_text()
    # The last epochs open everything, and what the YAML names is what the run keeps.
    stored = yaml.safe_load((folder / "config.yaml").read_text())
    assert stored["data"]["init_args"]["curriculum"]["class_path"].endswith("PacedCurriculum")
    # A loss for rare emotions from the command line, and without the curriculum.
    given = ["fit", "--config", "recipe:coop_tiny", "--config", "easy_first.yaml"]
    given += ["--data.init_args.root", "shards/faces", "--data.init_args.curriculum", "null"]
    given += ["--model.init_args.loss", "affectkit.losses.LogitVariationLoss"]
    given += ["--model.init_args.loss.init_args.class_counts", "[9, 5, 5, 3, 2, 1, 1]"]
    assert main([*given, "--trainer.max_epochs", "1", "--run_folder", "runs/rare"]) == 0
    assert not Path("runs/rare/curriculum.jsonl").exists()


def test_difficulties_are_written_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = label_space("meld7.official")

    def template(kind: str) -> Manifest:
        return Manifest(
            name=kind,
            kind="image" if kind == "image" else "conversation",
            label_space=space,
            licence=Licence("none", "synthetic"),
            created_by="tests",
        )

    Path("shards").mkdir()
    with DatasetWriter("shards/faces", template("image")) as writer:
        for split in ("train", "test"):
            face: ItemRecord = {"id": "a", "label": 0}
            if split == "train":
                face["votes"] = [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
            writer.add_item(split, f"{split}-a", face, members={"txt": b"a"})
    with DatasetWriter("shards/talk", template("conversation")) as writer:
        talk: ConversationRecord = {
            "id": "d",
            "speakers": ["a"],
            "utterances": [
                {"id": "0", "text": "x", "speaker": 0, "label": 0},
                {"id": "1", "text": "x", "speaker": 0, "label": 4},
            ],
        }
        writer.add_conversation("train", "d", talk)
    write_losses(Path("shards/faces"))
    (commands,) = blocks("curriculum.md", "### Written into the shards", "bash")
    run(commands)
    for folder, kind, expected in (("faces-graded", "image", 0.0), ("talk-graded", "conversation", 2 / 3)):
        store = open_shards(f"shards/{folder}", "train")
        found = record_difficulties(store, StoredDifficulty(), kind=kind, label_map=None)
        assert found == [pytest.approx(expected)]
