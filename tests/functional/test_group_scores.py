"""Groups: values, intervals against a bootstrap by hand, gaps against deals by hand."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from affectkit.functional import GroupScores, accuracy_of_tallies, class_tallies, group_scores

ROWS = 240


def data() -> tuple[Tensor, list[str], list[str]]:
    """Right or wrong, in groups of unlike size and skill, four rows a conversation."""
    generator = torch.Generator().manual_seed(0)
    group = [["ada", "ben", "eve"][index % 7 % 3] if index < 230 else "zoe" for index in range(ROWS)]
    skill = torch.tensor([{"ada": 0.9, "ben": 0.6, "eve": 0.6, "zoe": 0.2}[name] for name in group])
    talk = [f"talk {index // 4}" for index in range(ROWS)]
    # The rows of a conversation are alike: it is easy or hard.
    ease = torch.rand(ROWS // 4, generator=generator).repeat_interleave(4)
    right = (ease * 0.5 + torch.rand(ROWS, generator=generator) * 0.5 < skill).long()
    return class_tallies(right, torch.ones(ROWS, dtype=torch.long), num_classes=2), group, talk


def naive(group: list[str], cluster: list[str], right: list[float], name: str) -> tuple[float, float]:
    """Percentiles of the accuracy of a group when whole clusters are drawn."""
    members: dict[str, list[int]] = {}
    for row, one in enumerate(cluster):
        members.setdefault(one, []).append(row)
    chooser = random.Random(1)
    values = []
    for _ in range(3000):
        rows = [row for one in chooser.choices(sorted(members), k=len(members)) for row in members[one]]
        mine = [right[row] for row in rows if group[row] == name]
        if mine:
            values.append(sum(mine) / len(mine))
    values.sort()
    return values[int(0.025 * len(values))], values[int(0.975 * len(values))]


def scores(*, clustered: bool = True, order: list[int] | None = None, **options: int) -> GroupScores:
    tallies, group, talk = data()
    places = order or list(range(ROWS))
    return group_scores(
        tallies[places],
        [group[row] for row in places],
        accuracy_of_tallies,
        cluster=[talk[row] for row in places] if clustered else None,
        **options,
    )


def test_values_and_order() -> None:
    tallies, group, _ = data()
    found = scores()
    right = tallies[:, 1].tolist()
    for one in found.groups:
        mine = [value for value, name in zip(right, group, strict=True) if name == one.group]
        assert one.rows == len(mine) and one.value == pytest.approx(sum(mine) / len(mine))
    assert found.everything.value == pytest.approx(sum(right) / ROWS)
    assert found.groups[0].group == "ada"
    # Ten rows are shown and take no part in the gap, though their score is the lowest.
    assert found.groups[-1].group == "zoe" and not found.groups[-1].ranked
    assert found.gap is not None and found.gap.worst in ("ben", "eve")
    assert found.groups[-1].value < found.groups[-2].value
    assert scores(least=5).groups[-1].ranked


@pytest.mark.parametrize("clustered", [True, False])
def test_intervals_are_those_of_drawing_clusters_by_hand(clustered: bool) -> None:
    tallies, group, talk = data()
    clusters = talk if clustered else [str(row) for row in range(ROWS)]
    found = scores(clustered=clustered, draws=3000)
    for one in found.groups:
        expected = naive(group, clusters, tallies[:, 1].tolist(), one.group)
        assert (one.low, one.high) == pytest.approx(expected, abs=0.02 if one.ranked else 0.06)


def test_rows_of_a_conversation_are_not_independent() -> None:
    together, apart = scores().everything, scores(clustered=False).everything
    assert together.high - together.low > 1.15 * (apart.high - apart.low)


def test_the_order_of_rows_and_the_seed() -> None:
    order = list(range(ROWS))
    random.Random(0).shuffle(order)
    assert scores(order=order) == scores()
    assert scores(seed=1).groups != scores().groups


def test_the_chance_of_a_gap_is_that_of_dealing_rows_by_hand() -> None:
    tallies, group, _ = data()
    rows = [row for row in range(ROWS) if group[row] in ("ada", "ben")][:36]
    right, names = [tallies[row, 1].item() for row in rows], [group[row] for row in rows]
    found = group_scores(tallies[rows], names, accuracy_of_tallies, draws=2000, least=5)
    assert found.gap is not None

    def gap(dealt: list[str]) -> float:
        means = []
        for name in ("ada", "ben"):
            mine = [value for value, one in zip(right, dealt, strict=True) if one == name]
            means.append(sum(mine) / len(mine))
        return abs(means[0] - means[1])

    chooser, dealt, larger = random.Random(0), list(names), 0
    for _ in range(2000):
        chooser.shuffle(dealt)
        larger += gap(dealt) >= gap(names) - 1e-12
    assert found.gap.value == pytest.approx(gap(names))
    assert found.gap.chance == pytest.approx(larger / 2000, abs=0.04)
    assert 0.002 < larger / 2000 < 0.9
    # Ada is much better than these.
    strong = scores().gap
    assert strong is not None and strong.chance < 0.005 and 0 < strong.low < strong.value < strong.high


def test_what_does_not_fit_is_refused() -> None:
    tallies, group, _ = data()
    for arguments in ((tallies[1:], group), (tallies[:0], [])):
        with pytest.raises(ValueError, match="give one of each a row"):
            group_scores(*arguments, accuracy_of_tallies)
    with pytest.raises(ValueError, match="draws=0"):
        scores(draws=0)
    assert group_scores(tallies, ["one"] * ROWS, accuracy_of_tallies, draws=5).gap is None
