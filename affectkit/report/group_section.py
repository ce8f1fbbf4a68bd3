"""The part of a report that says for whom a model works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from affectkit.functional import (
    TALLY_SCORES,
    GroupGap,
    GroupScore,
    GroupScores,
    TallyScoreName,
    class_tallies,
    group_scores,
)
from affectkit.report.figures import group_scores_figure
from affectkit.report.group_error import GroupError
from affectkit.report.page import Picture, Section, Table
from affectkit.report.predicted_labels import PredictedLabels, sample_key

_SCORES: Final[dict[TallyScoreName, str]] = {
    "accuracy": "accuracy",
    "uar_present": "UAR (present classes)",
    "weighted_f1": "weighted F1",
}
_LEAST: Final = 30
_MOST: Final = 25


def run_group_scores(
    rows: PredictedLabels, group: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> dict[str, GroupScores]:
    """Scores of each group of the rows of a test, by the name of the score.

    Rows without a group are left out, and intervals come from drawing samples, so that the utterances of a
    conversation stay together.

    Args:
        rows: Rows of a test; the same for any number of ranks, since their file is.
        group: Group of each row, "" where unknown.
        draws: Draws of the bootstrap.
        seed: Their seed.

    Raises:
        GroupError: If no row has a group.
    """
    known = [place for place, name in enumerate(group) if name]
    if not known:
        raise GroupError("No labelled row of the test has a group: choose another field.")
    tallies = class_tallies(rows.prediction[known], rows.target[known], num_classes=len(rows.labels))
    return {
        text: group_scores(
            tallies,
            [group[place] for place in known],
            TALLY_SCORES[name],
            cluster=[sample_key(rows.keys[place]) for place in known],
            draws=draws,
            seed=seed,
            least=_LEAST,
        )
        for name, text in _SCORES.items()
    }


def group_section(rows: PredictedLabels, group: Sequence[str], field: str) -> Section:
    """Table, gaps and picture of the groups of a test.

    Args:
        rows: Rows of the test.
        group: Group of each row, "" where unknown.
        field: What the groups are made by, e.g. ``speaker``.

    Raises:
        GroupError: If no row has a group.
    """
    scores = run_group_scores(rows, group)
    first = next(iter(scores.values()))
    unknown = sum(1 for name in group if not name)
    small = sum(1 for one in first.groups if not one.ranked)
    text = (
        f"{len(first.groups)} groups by {field}, with 95 % intervals from drawing whole samples. "
        f"Those of fewer than {_LEAST} rows ({small}) are shown and not compared. Groups differ in what "
        "they express too, so that a gap alone does not say that the model treats them differently."
    )
    if unknown:
        text += f" {unknown} rows belong to no known group and are left out."
    return Section(
        f"Groups by {field}",
        text=text,
        pictures=[
            Picture(
                f"groups_{_plain(field)}",
                group_scores_figure(scores, most=_MOST),
                f"Score of each group by {field} (points) with 95 % intervals, and of all rows (dotted "
                "line, grey band). Hollow points are groups too small to be compared.",
                _numbers(scores),
            )
        ],
        tables=[_table(scores, field), _gaps(scores)],
    )


def _plain(field: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in field)


def _numbers(scores: Mapping[str, GroupScores]) -> Table:
    """What the picture shows, a line for each score of each group."""
    header = ["score", "group", "rows", "compared", "value", "low", "high"]
    rows = []
    for name, found in scores.items():
        for one in (found.everything, *found.groups):
            numbers = [f"{number:.6f}" for number in (one.value, one.low, one.high)]
            rows.append([name, one.group, str(one.rows), "yes" if one.ranked else "no", *numbers])
    return Table("Scores of each group", header, rows)


def _table(scores: Mapping[str, GroupScores], field: str) -> Table:
    first = next(iter(scores.values()))
    by_name = {name: {one.group: one for one in found.groups} for name, found in scores.items()}
    rows = [
        ["all rows", str(first.everything.rows), "", *(_shown(one.everything) for one in scores.values())]
    ]
    for group in first.groups[:_MOST]:
        compared = "yes" if group.ranked else "too few rows"
        cells = [_shown(by_name[name][group.group]) for name in scores]
        rows.append([group.group, str(group.rows), compared, *cells])
    caption = f"Scores by {field}"
    if len(first.groups) > _MOST:
        caption += f" (the first {_MOST} of {len(first.groups)} groups; all are in the file of the picture)"
    return Table(caption, ["group", "rows", "compared", *scores], rows)


def _shown(one: GroupScore) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _gaps(scores: Mapping[str, GroupScores]) -> Table:
    header = ["score", "best", "worst", "gap", "by chance as large"]
    rows = [[name, *_gap(found.gap)] for name, found in scores.items()]
    return Table("Gap between the best and the worst group that are compared", header, rows)


def _gap(gap: GroupGap | None) -> list[str]:
    if gap is None:
        return ["none", "none", "fewer than two groups", ""]
    shown = f"{gap.value:.3f} [{gap.low:.3f}, {gap.high:.3f}]"
    return [gap.best, gap.worst, shown, f"{100 * gap.chance:.1f} %"]
