"""The surest pictures of a test, explained, in a section of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectkit.data.modules import ImageDataModule
from affectkit.data.synthetic import write_synthetic_pictures
from affectkit.report import build, overlay_section
from affectkit.report.figures import OverlayLine, overlay_figure
from affectkit.report.overlays import sure_rows
from affectkit.report.robustness import RobustnessError, TrainedRun
from affectkit.report.run_record import RunRecord
from affectkit.tasks import PromptTuningTask

PREDICTIONS = """key,utterance,target,prediction,p_joy,p_fear,p_anger
a,0,joy,joy,0.6,0.2,0.2
b,0,joy,fear,0.1,0.8,0.1
c,0,fear,fear,0.05,0.9,0.05
d,0,,fear,0.0,1.0,0.0
e,0,joy,joy,0.9,0.05,0.05
f,0,anger,joy,0.7,0.2,0.1
"""


def test_the_surest_rows_come_first_and_ties_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text(PREDICTIONS)
    assert [row.key for row in sure_rows(path, right=True, most=2)] == ["c", "e"]
    assert [(row.key, row.true, row.said) for row in sure_rows(path, right=False, most=9)] == [
        ("b", "joy", "fear"),
        ("f", "anger", "joy"),
    ]
    path.write_text("key,utterance,target,prediction,p_joy,p_fear\na,0,joy; fear,joy; fear,0.9,0.9\n")
    assert sure_rows(path, right=True, most=9) == sure_rows(path, right=False, most=9) == []
    assert sure_rows(tmp_path / "absent.csv", right=True, most=9) == []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    root = tmp_path_factory.mktemp("pictures")
    write_synthetic_pictures(root, train=7, val=7, test=7, overwrite=True)
    task = PromptTuningTask("meld7.official", adapter="zero_shot")
    data = ImageDataModule(str(root), label_space="meld7.official", size=32, normalize=False)
    return TrainedRun("mine", task, data, root)


def predictions(run: TrainedRun) -> str:
    labels = list(run.task.label_space.labels)  # type: ignore[union-attr]
    run.data.setup("test")
    assert isinstance(run.data, ImageDataModule)
    keys = [run.data.store("test").key(place) for place in range(4)]
    header = ",".join(["key,utterance,target,prediction", *(f"p_{label}" for label in labels)])
    said = [(labels[1], labels[1], 0.9), (labels[2], labels[3], 0.8), (labels[1], labels[1], 0.7)]
    rows = [
        ",".join([key, "0", true, guess, *(str(sure if one == guess else 0.01) for one in labels)])
        for key, (true, guess, sure) in zip([keys[3], keys[0], keys[1]], said)
    ]
    return "\n".join([header, *rows]) + "\n"


def test_right_and_wrong_are_shown_with_a_check(
    run: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "predictions.csv").write_text(predictions(run))
    monkeypatch.setattr(overlay_section, "open_run", lambda folder, root: run)
    section = overlay_section.overlay_section(tmp_path)
    assert section is not None and "token relevance" in section.text and "not why" in section.text
    right, wrong = section.pictures
    assert (right.name, wrong.name) == ("overlays_right", "overlays_wrong")
    # 2 pictures with one panel; 1 picture with one for what was said and one for what is true.
    assert len(right.figure.axes) == 4 and len(wrong.figure.axes) == 3
    assert right.numbers is not None and wrong.numbers is not None
    assert len(right.numbers.rows) == 2 * 16 and len(wrong.numbers.rows) == 2 * 16
    (check,) = section.tables
    assert len(check.rows) == 3 and all(0 <= float(cell) <= 1 for row in check.rows for cell in row[3:])


def test_a_run_without_pictures_has_no_section(
    run: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay_section, "open_run", lambda folder, root: run)
    assert overlay_section.overlay_section(tmp_path) is None  # nothing was tested
    (tmp_path / "predictions.csv").write_text(predictions(run))
    monkeypatch.setattr(overlay_section, "picture_networks", lambda task: [])
    assert overlay_section.overlay_section(tmp_path) is None


def test_a_run_that_lost_its_checkpoint_says_so(
    run: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(folder: Path, **options: object) -> None:
        raise RobustnessError("no checkpoint")

    monkeypatch.setattr(build, "overlay_section", lost)
    root = str(run.checkpoint)
    section = build._overlays(
        RunRecord(tmp_path, config={"data": {"init_args": {"root": root}}}), None, "cpu"
    )
    assert section is not None and section.text.endswith("no checkpoint") and not section.pictures
    assert build._overlays(RunRecord(tmp_path), None, "cpu") is None


def test_the_heat_of_a_panel_ends_at_its_greatest_place() -> None:
    picture = np.full((8, 12, 3), 0.5)
    heat, none = np.array([[0.0, 4.0], [1.0, 2.0]]), np.zeros((2, 2))
    figure = overlay_figure([OverlayLine("k", picture, [("joy", heat), ("fear", none)])], title="t")
    _, joy, fear = figure.axes
    np.testing.assert_allclose(np.asarray(joy.images[1].get_array()), heat / 4)
    for image in joy.images:
        assert tuple(image.get_extent()) == (-0.5, 11.5, 7.5, -0.5)
    assert len(fear.images) == 1 and fear.get_title(loc="left") == "fear: nothing"
    with pytest.raises(ValueError, match="give at least one"):
        overlay_figure([], title="t")
