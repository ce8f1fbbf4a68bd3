"""The part of a report that says how often a model was right."""

from __future__ import annotations

import math

from affectkit.report.figures import ClassScore, class_scores, confusion_figure, per_class_figure
from affectkit.report.page import Picture, Section, Table
from affectkit.report.run_record import RunRecord


def results_section(run: RunRecord) -> Section | None:
    """Confusions and scores of the test; None before one."""
    if run.confusion is None:
        return None
    scores = class_scores(run.confusion, run.labels)
    header = ["class", "precision", "recall", "F1", "rows"]
    rows = [[s.label, *_said(s, digits=3), str(s.support)] for s in scores]
    return Section(
        "Test results",
        text=f"{int(run.confusion.sum())} labelled rows of the test split.",
        pictures=[
            Picture(
                "confusion",
                confusion_figure(run.confusion, run.labels, title="Confusion on the test split"),
                "Confusion matrix: rows are true labels, columns predictions, colour the share of the row.",
                _confusions(run),
            ),
            Picture(
                "per_class",
                per_class_figure(scores),
                "F1, precision and recall of each class, most frequent class first.",
                Table(
                    "Scores of each class",
                    header,
                    [[s.label, *_said(s, digits=6), str(s.support)] for s in scores],
                ),
            ),
        ],
        tables=[
            Table("Scores of each class", header, rows),
            Table("All metrics of the test", ["metric", "protocol", "value"], _tested(run)),
        ],
    )


def _confusions(run: RunRecord) -> Table:
    assert run.confusion is not None, "results_section() has returned"
    rows = [
        [true, said, str(count)]
        for true, counts in zip(run.labels, run.confusion.tolist(), strict=True)
        for said, count in zip(run.labels, counts, strict=True)
    ]
    return Table("Confusions", ["true", "predicted", "rows"], rows)


def _said(score: ClassScore, *, digits: int) -> list[str]:
    values = (score.precision, score.recall, score.f1)
    return ["none" if math.isnan(value) else f"{value:.{digits}f}" for value in values]


def _tested(run: RunRecord) -> list[list[str]]:
    return [
        [
            key.removeprefix("test/"),
            run.protocols.get(key, ""),
            "none" if value is None else f"{value:.4f}",
        ]
        for key, value in sorted(run.metrics.items())
        if key.startswith("test/")
    ]
