"""The part of a report that says whether the probabilities can be believed."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torchmetrics import Metric

from affectkit.functional import RiskCoverage, reliability_sums, risk_coverage, selective_accuracy
from affectkit.metrics import calibration_metrics
from affectkit.report.figures import reliability_figure, risk_coverage_figure
from affectkit.report.page import Picture, Section, Table
from affectkit.report.predicted_chances import PredictedChances

_BINS: Final = 15
_COVERAGES: Final = (1.0, 0.9, 0.8, 0.7, 0.5, 0.3)


def trust_section(found: PredictedChances | None) -> Section | None:
    """Reliability, risk over coverage, and the scores of both; None where no probability was predicted."""
    if found is None:
        return None
    scores, label = found.log_probabilities, found.target
    confidence, correct = scores.amax(-1).exp(), scores.argmax(-1) == label
    sums = reliability_sums(confidence.clamp(max=1), correct, num_bins=_BINS)
    curve = risk_coverage(confidence, correct)
    reliability, kept = _bins(sums), _kept(curve)
    return Section(
        "Can the probabilities be believed?",
        text=(
            f"{len(label)} labelled rows of the test split. The confidence of an answer is its probability; "
            "where bars stay below the dotted line the model is surer than it is right."
        ),
        pictures=[
            Picture(
                "reliability",
                reliability_figure(sums.numpy()),
                "How often answers are right (bars) against how sure they were (diamonds), in bins of "
                "confidence; below, how many rows each bin holds. The numbers are in the table of bins.",
                reliability,
            ),
            Picture(
                "risk_coverage",
                risk_coverage_figure(curve.coverage.numpy(), curve.risk.numpy()),
                "Share of wrong answers if only the most confident rows are answered, from a few (left) "
                "to all (right). A useful confidence makes the line fall to the left.",
                _points(curve),
            ),
        ],
        tables=[_scores(scores, label, len(found.labels)), kept, reliability],
    )


def _scores(scores: Tensor, label: Tensor, classes: int) -> Table:
    metrics = calibration_metrics(classes, num_bins=_BINS)
    # Softmax of log-probabilities that sum to one is these probabilities.
    metrics.update(scores, label)
    rows = [
        [name, str(getattr(metric, "protocol", "")), f"{_value(metric):.4f}"]
        for name, metric in sorted(metrics.items())
    ]
    return Table("Scores of the probabilities", ["metric", "protocol", "value"], rows)


def _value(metric: Metric) -> float:
    value: Tensor = metric.compute()
    return value.item()


def _bins(sums: Tensor) -> Table:
    rows = []
    for index, (number, confidence, right) in enumerate(sums.tolist()):
        if number:
            low, high = index / len(sums), (index + 1) / len(sums)
            means = [f"{confidence / number:.3f}", f"{right / number:.3f}"]
            rows.append([f"{low:.3f} to {high:.3f}", str(int(number)), *means])
    return Table("Bins of confidence", ["confidence", "rows", "mean confidence", "share right"], rows)


def _kept(curve: RiskCoverage) -> Table:
    rows = []
    for coverage in _COVERAGES:
        reached = curve.coverage >= coverage - 1e-12
        threshold = curve.threshold[reached][0].item()
        accuracy = selective_accuracy(curve, coverage).item()
        rows.append([f"{100 * coverage:.0f} %", f"{threshold:.3f}", f"{accuracy:.3f}"])
    return Table("Answering only what is sure", ["rows answered", "lowest confidence", "accuracy"], rows)


def _points(curve: RiskCoverage) -> Table:
    numbers = torch.stack([curve.threshold, curve.coverage, curve.risk], -1).tolist()
    header = ["lowest confidence", "share answered", "share wrong"]
    return Table("Risk and coverage", header, [[f"{value:.6f}" for value in row] for row in numbers])
