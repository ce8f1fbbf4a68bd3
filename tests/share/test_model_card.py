"""The model card says what the run folder says, and that the rest is missing."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from affectkit.labels import LabelSpace
from affectkit.share import ShareError, card_of_run, card_of_task, facts_of_run, render_card
from affectkit.tasks import AffectTask

Build: TypeAlias = Callable[[str], tuple[AffectTask, dict[str, Any], dict[str, Any]]]


def head_and_body(card: str) -> tuple[dict[str, Any], str]:
    _, head, body = card.split("---\n", 2)
    found = yaml.safe_load(head)
    assert isinstance(found, dict)
    return found, body


def test_a_card_holds_data_metrics_uses_and_the_way_to_the_ethics_page(run_folder: Path) -> None:
    head, body = head_and_body(card_of_run(run_folder))
    assert head["library_name"] == "affectkit" and head["license"] == "unknown"
    (entry,) = head["model-index"]
    assert entry["name"] == "talk"
    assert entry["results"][0]["metrics"] == [
        {"type": "f1[weighted]", "name": "test/weighted_f1", "value": 0.25}
    ]
    assert (
        "| talk | CC BY-NC 4.0 | non-commercial | Name the / authors. | train 1, val 1, test 1 | no |" in body
    )
    assert "| test/weighted_f1 | f1[weighted] | 0.2500 |" in body
    assert "| test/uar_present | not stated | no rows |" in body
    assert "The class of the data's terms is non-commercial: no commercial use" in body
    assert "(neutral, surprise, fear, sadness, joy, disgust, anger)" in body
    assert "at work or in education, except for medical or safety reasons" in body
    assert "page on ethics" in body and "no sex, age, ethnicity" in body
    for heading in ("Data", "Results", "Intended uses", "Forbidden uses", "Sensitive attributes", "Ethics"):
        assert body.count(f"\n## {heading}\n") == 1


def test_no_place_on_the_disk_is_told(run_folder: Path) -> None:
    card = card_of_run(run_folder)
    assert "affectkit fit --data.init_args.root .../talk" in card
    assert str(run_folder.parents[2]) not in card


def test_what_is_missing_is_said(build: Build, run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder, tmp_path / "name" / "time")
    folder = tmp_path / "name" / "time"
    for name in ("metrics.json", "commands.txt"):
        (folder / name).unlink()
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    config["data"]["init_args"]["root"] = "elsewhere/gone"
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    head, body = head_and_body(card_of_run(folder))
    assert "model-index" not in head
    assert "| gone | not stated | not stated | not stated | not stated | not stated |" in body
    assert "Not stated: the model has not been tested" in body
    task, _, _ = build("erc_curriculum_tiny")
    alone = card_of_task(task)
    assert "nothing names the data that this model was trained on" in alone
    assert "| checkpoint | not stated |" in alone
    assert "\nA `ConversationTask` of" in alone
    assert "\nAn `AudioTask` of" in render_card(dataclasses.replace(facts_of_run(folder), task="AudioTask"))


def test_a_sensitive_attribute_is_pointed_out(run_folder: Path) -> None:
    facts = facts_of_run(run_folder)
    assert "This model predicts" not in render_card(facts)
    changed = dataclasses.replace(facts, label_space=LabelSpace("mine", ("gender", "joy")))
    assert "**This model predicts gender.**" in render_card(changed)


def test_the_latest_run_of_a_name_is_found(run_folder: Path) -> None:
    assert facts_of_run(run_folder.parent) == facts_of_run(run_folder)


def test_a_folder_without_a_model_is_named(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match="is not the folder of a run"):
        card_of_run(tmp_path)
    shutil.copy(run_folder / "config.yaml", tmp_path)
    with pytest.raises(ShareError, match="holds no checkpoint of affectkit"):
        card_of_run(tmp_path)
