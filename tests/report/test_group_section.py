"""Groups come from the stored samples, and their scores from the file of the test."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from affectkit.data.store import open_store
from affectkit.report import (
    GroupError,
    PredictedLabels,
    read_predicted_labels,
    run_group_scores,
    stored_groups,
)
from affectkit.report.figures import group_scores_figure
from affectkit.report.group_section import group_section

LABELS = ("calm", "glad")


def write(path: Path, rows: list[tuple[str, int, str, str]]) -> PredictedLabels:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "utterance", "target", "prediction", *(f"p_{label}" for label in LABELS)])
        writer.writerows([*row, 0.5, 0.5] for row in rows)
    found = read_predicted_labels(path)
    assert found is not None
    return found


def utterances(features: Path) -> list[tuple[str, int, str]]:
    """Key, number and speaker of each utterance of the test split, as the records say."""
    store, found = open_store(features, "test"), []
    for position in range(len(store)):
        record = json.loads(bytes(store.get(position)["json"]))
        for number, turn in enumerate(record["utterances"]):
            found.append((store.key(position), number, record["speakers"][turn["speaker"]]))
    return found


def test_speakers_are_those_of_the_records(synthetic_features: Path, tmp_path: Path) -> None:
    truth = utterances(synthetic_features)
    chosen = truth[::-1][:9]
    rows = write(tmp_path / "a.csv", [(key, number, "calm", "glad") for key, number, _ in chosen])
    root = str(synthetic_features)
    assert stored_groups(rows, root=root, field="speaker") == [name for _, _, name in chosen]
    single = write(tmp_path / "b.csv", [(f"{key}#{number}", 0, "calm", "calm") for key, number, _ in chosen])
    assert stored_groups(single, root=root, field="speaker") == [name for _, _, name in chosen]
    with pytest.raises(GroupError, match=r"says 'age'.*choose among .*speaker"):
        stored_groups(rows, root=root, field="age")
    foreign = write(tmp_path / "c.csv", [("nobody", 0, "calm", "calm")])
    with pytest.raises(GroupError, match=r"'nobody' of predictions\.csv is not in the test split"):
        stored_groups(foreign, root=root, field="speaker")
    with pytest.raises(GroupError, match="cannot be read from the data"):
        stored_groups(rows, root=str(tmp_path), field="speaker")


def talks(tmp_path: Path) -> tuple[PredictedLabels, list[str]]:
    """Ada is always right, Ben in half of his rows, Eve has three, and one row has no name."""
    rows: list[tuple[str, int, str, str]] = []
    group: list[str] = []
    for number in range(40):
        rows += [(f"talk {number}", 0, "calm", "calm"), (f"talk {number}", 1, "glad", LABELS[number % 2])]
        group += ["ada", "ben"]
    rows += [("talk 0", place, "glad", "calm") for place in (2, 3, 4, 5)]
    return write(tmp_path / "predictions.csv", rows), [*group, "eve", "eve", "eve", ""]


def test_tables_say_what_the_rows_say(tmp_path: Path) -> None:
    section = group_section(*talks(tmp_path), "speaker")
    scores, gaps = section.tables
    cells = {row[0]: row[1:] for row in scores.rows}
    assert [row[0] for row in scores.rows] == ["all rows", "ada", "ben", "eve"]
    assert cells["all rows"][0] == "83" and cells["ben"][2].startswith("0.500 [")
    assert cells["ada"][:3] == ["40", "yes", "1.000 [1.000, 1.000]"]
    assert cells["eve"][:3] == ["3", "too few rows", "0.000 [0.000, 0.000]"]
    assert gaps.rows[0][:3] == [
        "accuracy",
        "ada",
        "ben",
    ] and gaps.rows[0][3].startswith("0.500 [")
    assert float(gaps.rows[0][4].split()[0]) < 1
    assert "1 rows belong to no known group" in section.text
    (picture,) = section.pictures
    assert picture.name == "groups_speaker"
    assert picture.numbers is not None and len(picture.numbers.rows) == 12
    assert len(picture.figure.axes) == 3


def test_a_conversation_is_drawn_as_one(tmp_path: Path) -> None:
    """Half of each conversation is right: no draw of conversations gives another accuracy."""
    for mark, width in (("#", 0.0), ("-", 0.3)):
        rows = [(f"talk {n}{mark}{turn}", 0, "calm", LABELS[turn]) for n in range(20) for turn in (0, 1)]
        found = run_group_scores(write(tmp_path / "a.csv", rows), ["all"] * 40, draws=300)
        one = found["accuracy"].everything
        assert one.value == 0.5 and one.high - one.low == pytest.approx(width, abs=0.06)


def test_many_groups_are_cut_in_picture_and_table(tmp_path: Path) -> None:
    rows, _ = talks(tmp_path)
    section = group_section(rows, [f"person {place // 2}" for place in range(84)], "name of person")
    assert len(section.tables[0].rows) == 26 and "25 of 42 groups" in section.tables[0].caption
    (picture,) = section.pictures
    assert picture.name == "groups_name_of_person"
    assert len(picture.figure.axes[0].get_yticks()) == 25
    assert picture.numbers is not None and len(picture.numbers.rows) == 3 * 43
    assert section.tables[1].rows[0][1:4] == ["none", "none", "fewer than two groups"]


def test_rows_without_groups_or_scores_are_refused(tmp_path: Path) -> None:
    rows, group = talks(tmp_path)
    with pytest.raises(GroupError, match="No labelled row"):
        run_group_scores(rows, [""] * len(group))
    with pytest.raises(ValueError, match="at least one"):
        group_scores_figure({})


def test_what_is_no_single_label_has_no_groups(tmp_path: Path) -> None:
    assert read_predicted_labels(tmp_path / "absent.csv") is None
    path = tmp_path / "several.csv"
    path.write_text("key,utterance,target,prediction,p_calm,p_glad\na,0,calm,calm; glad,0.9,0.8\n")
    assert read_predicted_labels(path) is None
    path.write_text("key,utterance,target,prediction,p_calm,p_glad\na,0,cross,calm,0.9,0.1\n")
    with pytest.raises(ValueError, match="cross"):
        read_predicted_labels(path)
