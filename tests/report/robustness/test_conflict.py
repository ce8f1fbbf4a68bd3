from __future__ import annotations

import pytest
import torch

from affectkit.report.robustness import ConflictCounts


def test_counts_equal_a_loop_over_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    names = ["audio", "text", "visual"]

    def draw(high: int) -> torch.Tensor:
        return torch.randint(high, (4, 30), generator=generator)

    together, alone = draw(3), {name: draw(2) for name in names}
    present = {name: draw(4) > 0 for name in names}
    label, weight = draw(4) - 1, (draw(5) > 0).float()
    label = label.masked_fill(label < 0, -100)
    counts = ConflictCounts(names)
    for row in range(4):  # over batches
        one = slice(row, row + 1)
        counts.update(
            together[one],
            {name: said[one] for name, said in alone.items()},
            present={name: flag[one] for name, flag in present.items()},
            label=label[one],
            weight=weight[one],
        )
    report = counts.compute()
    agree, conflict = [], []
    followed: dict[str, list[bool]] = {name: [] for name in names}
    right: dict[str, list[bool]] = {name: [] for name in names}
    for place in range(120):
        at = divmod(place, 30)
        here = [name for name in names if present[name][at]]
        if label[at] < 0 or weight[at] == 0 or len(here) < 2:
            continue
        says = {name: int(alone[name][at]) for name in here}
        hit = bool(together[at] == label[at])
        if len(set(says.values())) == 1:
            agree.append(hit)
            continue
        conflict.append(hit)
        for name in here:
            followed[name].append(says[name] == int(together[at]))
            right[name].append(says[name] == int(label[at]))

    def mean(values: list[bool]) -> float:
        return sum(values) / len(values)

    assert (report.rows, report.conflicts) == (len(agree) + len(conflict), len(conflict))
    assert report.accuracy_agree == pytest.approx(mean(agree))
    assert report.accuracy_conflict == pytest.approx(mean(conflict))
    assert report.gap == pytest.approx(mean(agree) - mean(conflict))
    assert report.followed == pytest.approx({name: mean(values) for name, values in followed.items()})
    assert report.alone == pytest.approx({name: mean(values) for name, values in right.items()})


def test_shares_of_nothing_are_none() -> None:
    report = ConflictCounts(["audio", "text"]).compute()
    assert report.rows == 0 and report.accuracy_agree is None and report.gap is None
    assert report.followed == {"audio": None, "text": None}
