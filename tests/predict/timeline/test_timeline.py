"""A file with times gets its curves, as a picture and under the video."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from affectkit.cli.main import main
from affectkit.data.decode import DecodeError, VideoFrames
from affectkit.predict import Prediction, Timeline, write_film_with_curve, write_timeline
from affectkit.predict.timeline import draw_timeline
from affectkit.predict.timeline.draw_timeline import TimelineStrip
from affectkit.tasks import PromptTuningTask

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def row(path: str, start: float | None, chances: dict[str, float], **more: Any) -> Prediction:
    stop = None if start is None else start + 1.0
    error = None if chances or more.get("dims") else "bad"
    return Prediction(0, path, "", None, chances, (), more.get("dims", {}), error, "", start, stop)


def test_each_file_with_times_has_its_curves() -> None:
    rows = [
        row("a", 0.0, {"joy": 0.9, "fear": 0.1}),
        row("a", 1.0, {}),
        row("b", None, {"joy": 1.0}),
        row("a", 2.0, {"joy": 0.2, "fear": 0.8}),
        row("c", 0.0, {"joy": 1.0}),
        row("d", 0.0, {}),
        row("d", 1.0, {}),
        row("e", 0.0, {}, dims={"valence": -0.5}),
        row("e", 1.0, {}, dims={"valence": 0.5}),
    ]
    first, second = Timeline.of_rows(rows)
    assert (first.path, first.starts, first.stops) == ("a", (0.0, 1.0, 2.0), (1.0, 2.0, 3.0))
    assert first.curves["joy"][::2] == (0.9, 0.2) and math.isnan(first.curves["joy"][1])
    assert (second.path, second.curves, second.unit) == ("e", {"valence": (-0.5, 0.5)}, "value")


def test_the_largest_labels_are_drawn_in_their_order() -> None:
    chances = {
        f"label{place}": value for place, value in enumerate([0.1, 0.0, 0.3, 0.1, 0.2, 0.1, 0.1, 0.05, 0.05])
    }
    (found,) = Timeline.of_rows([row("a", 0.0, chances), row("a", 1.0, chances)])
    assert list(found.curves) == [f"label{place}" for place in (0, 2, 3, 4, 5, 6, 7)] and found.left_out == 2


def test_the_picture_and_the_strip_show_the_curve(tmp_path: Path) -> None:
    rows = [
        row("films/a.mp4", float(place), {"joy": place / 9, "fear": 1 - place / 9}) for place in range(10)
    ]
    (timeline,) = Timeline.of_rows(rows)
    write_timeline(timeline, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 900 and np.asarray(picture.convert("L")).std() > 10
    strip = TimelineStrip(timeline, width=200, height=100)
    begin, end = strip.at(0.0), strip.at(10.0)
    assert begin.shape == end.shape == (100, 200, 3)
    red = np.array([200, 0, 0])
    assert (begin[:, 0] == red).all() and (end[:, 198] == red).all() and not (end[:, 0] == red).all()
    # joy, blue, climbs from the bottom to the top
    blue = (np.abs(begin[:82].astype(int) - np.array([0, 114, 178])).sum(axis=2) < 60).nonzero()
    left, right = blue[0][blue[1] < 30], blue[0][(blue[1] > 60) & (blue[1] < 120)]
    assert left.mean() > right.mean()


@pytest.mark.parametrize(("width", "step"), [(320, 0.5), (320, 61.0), (200, 400.0), (641, 2.0)])
def test_no_time_of_a_narrow_strip_is_cut(width: int, step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []

    class Kept(FigureCanvasAgg):
        def draw(self) -> None:
            super().draw()  # type: ignore[no-untyped-call]
            drawn.append(self.figure)

    monkeypatch.setattr(draw_timeline, "FigureCanvasAgg", Kept)
    chances = {"joy": 0.25, "fear": 0.75}
    rows = [row("a.mp4", place * step, chances)._replace(stop=(place + 1) * step) for place in range(10)]
    (timeline,) = Timeline.of_rows(rows)
    TimelineStrip(timeline, width=width, height=140)
    (axes,) = drawn[-1].axes
    low, high = axes.get_xlim()
    shown = [
        label.get_window_extent()
        for time, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if low <= time <= high
    ]
    assert len(shown) >= 2 and shown[0].x0 >= 0 and shown[-1].x1 <= width + 0.01  # rounding
    assert all(left.x1 + 4 < right.x0 for left, right in pairwise(shown))


def test_the_command_draws_beside_the_table(
    tmp_path: Path, kept_run: Callable[..., Path], write_video: Callable[..., Path], capsys: Any
) -> None:
    torch.manual_seed(0)
    task = PromptTuningTask("meld7.official", frames=3)
    run = kept_run(tmp_path / "run", task, "ClipDataModule", segments=3, size=32, normalize=False)
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "film.mp4", frames=12, rate=10)
    given = [str(tmp_path / folder / "film.mp4") for folder in ("x", "y")]
    more = ["--model", str(run), "--every", "0.4", "--device", "cpu"]
    assert main(["predict", *given, *more, "--curve"]) == 2
    assert "name one with --out" in capsys.readouterr().err
    assert main(["predict", *given, *more, "--curve", "--out", str(tmp_path / "p.csv")]) == 0
    assert sorted(path.name for path in tmp_path.glob("p*")) == [
        "p.csv",
        "p.film.1.mp4",
        "p.film.1.png",
        "p.film.mp4",
        "p.film.png",
    ]
    copy = VideoFrames((tmp_path / "p.film.mp4").read_bytes())
    assert len(copy) == 12 and copy.size == (48 + 140, 320)
    first, last = copy.read([0, 11])
    original = next(VideoFrames((tmp_path / "x" / "film.mp4").read_bytes()).read([0]))
    assert np.abs(first[:48, 128:192].astype(int) - original).mean() < 12
    # the line of the present, red, at the left in the first frame alone
    assert first[48:, 0, 0].mean() - first[48:, 0, 1].mean() > 60
    assert last[48:, 0, 0].mean() - last[48:, 0, 1].mean() < 30


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"?")
    timeline = Timeline(str(tmp_path / "a.mp4"), (0.0, 1.0), (1.0, 2.0), {"joy": (0.0, 1.0)}, "probability")
    with pytest.raises(DecodeError, match="is damaged"):
        write_film_with_curve(timeline, tmp_path / "b.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
