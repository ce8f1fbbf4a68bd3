"""The circumplex holds every prediction, half of each class and its numbers; a report shows it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from affectkit.labels import AffectScale, ValenceArousalWheel, affect_scale
from affectkit.report import build_report
from affectkit.report.circumplex_section import circumplex_section
from affectkit.report.figures import circumplex_classes, circumplex_figure
from affectkit.report.figures.style import PALETTE
from affectkit.report.predicted_values import PredictedValues, read_predicted_values

RNG = np.random.default_rng(0)
#: Much wider than high, turned by 30 degrees.
TURN = np.array([[np.cos(np.pi / 6), -np.sin(np.pi / 6)], [np.sin(np.pi / 6), np.cos(np.pi / 6)]])
WIDE = RNG.normal(size=(4000, 2)) * [0.2, 0.04] @ TURN.T + [0.3, 0.1]
FEW = np.array([[-0.5, -0.5], [-0.6, -0.4]])
POINTS = np.concatenate([WIDE, FEW])
INDEX = np.array([0] * len(WIDE) + [2] * len(FEW))
LABELS = ("joy", "fear", "sadness")


def ellipses(figure: Figure) -> list[Ellipse]:
    return [patch for patch in figure.axes[0].patches if isinstance(patch, Ellipse)]


def test_an_ellipse_holds_half_of_its_class() -> None:
    figure = circumplex_figure(POINTS, INDEX, LABELS, limits=(-1, 1))
    (found,) = ellipses(figure)  # two rows have no ellipse, no row has nothing
    assert found.angle % 180 == pytest.approx(30, abs=1)
    centre = np.asarray(found.get_center())
    np.testing.assert_allclose(centre, WIDE.mean(axis=0))
    along = (WIDE - centre) @ TURN / (np.array([found.width, found.height]) / 2)
    assert (np.square(along).sum(axis=1) <= 1).mean() == pytest.approx(0.5, abs=0.03)


def test_classes_are_told_apart_by_mark_and_colour_and_no_point_is_cut_off() -> None:
    anchors = {"joy": (0.9, 0.5), "sadness": (-0.2, -1.2), "fear": (-1.0, 0.2)}
    figure = circumplex_figure(POINTS, INDEX, LABELS, anchors, limits=(-1, 1))
    (axes,) = figure.axes
    clouds = [part for part in axes.collections if isinstance(part, PathCollection)]
    sizes = [len(np.asarray(cloud.get_offsets())) for cloud in clouds]
    assert sizes == [600, 2]  # of many rows, evenly spaced ones
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["joy (4000)", "sadness (2)"]
    hollow = [line for line in axes.lines if to_hex(line.get_markerfacecolor()) == "#ffffff"]
    drawn = [
        tuple(np.asarray(line.get_xydata())[0].tolist()) for line in hollow if line.get_marker() != "None"
    ]
    assert drawn == [anchors["joy"], anchors["sadness"]]
    assert [to_hex(line.get_markeredgecolor()) for line in hollow if line.get_marker() != "None"] == [
        PALETTE[0].lower(),
        PALETTE[2].lower(),
    ]
    low, high = axes.get_ylim()
    assert low < -1.2 and high > 1 and axes.get_xlim() == axes.get_ylim()


def test_ellipses_are_whole() -> None:
    corner = np.clip(RNG.normal(size=(50, 2)) * 0.3 + 1, None, 1)
    figure = circumplex_figure(corner, np.zeros(50, dtype=np.int64), ["joy"], limits=(-1, 1))
    (found,) = ellipses(figure)
    reach = np.asarray(found.get_path().transformed(found.get_patch_transform()).vertices)
    low, high = figure.axes[0].get_xlim()
    assert low < reach.min() and 1 < reach.max() < high


def test_lines_differ_where_colours_come_again() -> None:
    labels = [f"class {number}" for number in range(9)]
    points = RNG.normal(size=(90, 2))
    found = ellipses(circumplex_figure(points, np.arange(90) % 9, labels))
    looks = {(to_hex(patch.get_edgecolor()), patch.get_linestyle()) for patch in found}
    assert len(found) == 9 and len(looks) == 9


def test_numbers_are_those_of_numpy() -> None:
    joy, fear, sadness = circumplex_classes(POINTS, INDEX, LABELS, {"joy": (1.0, 0.0)})
    np.testing.assert_allclose(joy.covariance, np.cov(WIDE.T, bias=True))
    assert joy.correlation == pytest.approx(np.corrcoef(WIDE.T)[0, 1])
    assert (joy.rows, joy.anchor, sadness.anchor) == (4000, (1.0, 0.0), None)
    assert sadness.mean == pytest.approx((-0.55, -0.45)) and sadness.correlation == pytest.approx(-1)
    assert fear.rows == 0 and np.isnan(fear.mean).all()
    with pytest.raises(ValueError, match="give \\(N, 2\\), and a class with a name"):
        circumplex_classes(POINTS, INDEX, ("joy",))


def test_anchors_stand_on_the_scale_of_the_predictions() -> None:
    found = PredictedValues(
        {
            "dominance": np.zeros(3),
            "arousal": np.array([2.0, 3.0, 4.0]),
            "valence": np.array([4.0, 4.5, 1.0]),
        },
        target=["joy", "joy", "weariness"],
        prediction=["fear", "fear", "fear"],
    )
    section = circumplex_section(found, affect_scale("vad.emobank"))
    assert section is not None
    (table,) = section.tables
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows) == ["joy", "weariness"]
    valence, arousal = ValenceArousalWheel().point("joy")
    assert rows["joy"] == [
        "2",
        "4.250",
        "2.500",
        "0.250",
        "0.500",
        "1.000",
        f"{3 + 2 * valence:.3f}",
        f"{3 + 2 * arousal:.3f}",
    ]
    assert rows["weariness"][-2:] == ["", ""]  # not on the wheel
    assert "true label" in section.text and section.pictures[0].numbers is table
    assert "hollow" in section.pictures[0].description


def test_without_labels_or_scale_it_says_what_it_can() -> None:
    values = {"valence": np.array([0.1, 0.2, np.nan]), "arousal": np.array([0.0, 0.4, 0.1])}
    by_guess = circumplex_section(PredictedValues(values, ["", "", ""], ["joy", "fear", "joy"]), None)
    assert by_guess is not None and "2 rows" in by_guess.text and "predicted label" in by_guess.text
    assert by_guess.tables[0].header[-1] == "correlation"
    bare = circumplex_section(PredictedValues(values, ["", "", ""], ["", "", ""]), None)
    assert bare is not None and [row[0] for row in bare.tables[0].rows] == ["all rows"]
    assert circumplex_section(PredictedValues({"valence": np.zeros(1)}, [""], [""]), None) is None
    assert circumplex_section(None, AffectScale("va", ("valence", "arousal"), -1, 1)) is None


def test_a_report_shows_it_and_keeps_its_numbers_beside_it(tmp_path: Path) -> None:
    settings = {"model": {"init_args": {"scale": "va.unit"}}, "data": {"init_args": {"root": None}}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    with (tmp_path / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "utterance", "target", "prediction", "p_joy", "dim_valence", "dim_arousal"])
        writer.writerows([f"k{i}", 0, "joy", "joy", 1.0, 0.1 * i, 0.05 * i * i] for i in range(5))
    page = build_report(tmp_path).read_text(encoding="utf-8")
    assert "Valence and arousal" in page and "Predicted valence (across)" in page
    rows = list(csv.DictReader((tmp_path / "figures" / "circumplex.csv").open()))
    assert [(row["class"], row["rows"], row["valence"]) for row in rows] == [("joy", "5", "0.200")]
    assert (tmp_path / "figures" / "circumplex.png").stat().st_size > 5000


def test_files_without_values_have_none(tmp_path: Path) -> None:
    assert read_predicted_values(tmp_path / "absent.csv") is None
    (tmp_path / "p.csv").write_text("key,utterance,target,prediction,p_a\nk,0,a,a,1.0\n")
    assert read_predicted_values(tmp_path / "p.csv") is None
