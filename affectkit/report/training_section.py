"""The parts of a report that say how a model was trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from affectkit.report.figures import Series, curriculum_figure, learning_curves_figure
from affectkit.report.page import Picture, Section, Table
from affectkit.report.run_record import RunRecord

_SCORES = {
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
    "accuracy": "accuracy",
    "uar_present": "UAR (present classes)",
}


def training_section(run: RunRecord) -> Section | None:
    """Losses and validation scores over the epochs; None where none was logged."""
    losses = {stage: run.series(f"{stage}/loss") for stage in ("train", "val")}
    scores = {text: run.series(f"val/{name}") for name, text in _SCORES.items()}
    if not any(losses.values()):
        return None
    return Section(
        "Training",
        pictures=[
            Picture(
                "learning_curves",
                learning_curves_figure(
                    {name: points for name, points in losses.items() if points},
                    {name: points for name, points in scores.items() if points},
                    best_epoch=_best_epoch(run),
                ),
                "Loss of training and validation (left) and validation scores (right) over the epochs; "
                "the dotted line is the epoch with the best weighted F1 on validation.",
                _points({**{f"{stage} loss": points for stage, points in losses.items()}, **scores}),
            )
        ],
    )


def curriculum_section(run: RunRecord) -> Section | None:
    """What a curriculum showed when; None without one."""
    if not run.shown:
        return None
    # Measured anew before each epoch: then a sample has no one place among the others.
    anew = run.graded if run.shown.keys() <= run.graded.keys() else {}
    keys = sorted({key for values in anew.values() for key in values} or run.difficulty)
    place = {key: position for position, key in enumerate(keys)}
    shown = {epoch: [place[key] for key in order] for epoch, order in run.shown.items()}
    hard = [value for values in anew.values() for value in values.values()] or run.difficulty.values()
    return Section(
        "Curriculum",
        text=(
            f"{len(keys)} training samples, from difficulty {min(hard):.2f} to {max(hard):.2f}"
            f"{', which the model measured before each epoch' if anew else ''}."
        ),
        pictures=[
            Picture(
                "curriculum",
                curriculum_figure(
                    {epoch: [values[key] for key in keys] for epoch, values in anew.items()}
                    or [run.difficulty[key] for key in keys],
                    shown,
                    run.series("val/weighted_f1"),
                    score_name="weighted F1 on validation",
                ),
                "How often each sample was shown in each epoch, easiest at the bottom (left), and how "
                "the validation score moved with the share of samples shown (right).",
                Table("Samples shown", ["epoch", "key", "times shown"], _times(run)),
            )
        ],
    )


def _times(run: RunRecord) -> list[list[str]]:
    return [
        [str(epoch), key, str(times)]
        for epoch, order in sorted(run.shown.items())
        for key, times in sorted(Counter(order).items())
    ]


def _points(series: Mapping[str, Series]) -> Table:
    rows = [
        [name, f"{epoch:g}", f"{value:.6f}"] for name, points in series.items() for epoch, value in points
    ]
    return Table("Curves", ["curve", "epoch", "value"], rows)


def _best_epoch(run: RunRecord) -> float | None:
    points = run.series("val/weighted_f1")
    return max(points, key=lambda point: point[1])[0] if points else None
