from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit import distributed
from affectkit.metrics import DoublyRight, doubly_right_metrics

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden"
GENERATOR = torch.Generator().manual_seed(0)
PREDICTED = torch.rand(40, generator=GENERATOR) < 0.6
REASONED = torch.rand(40, generator=GENERATOR) < 0.3
ANSWERED = torch.rand(40, generator=GENERATOR) < 0.8
WEIGHT = (torch.arange(40) % 7 != 0).float()


def shares_of(metrics: MetricCollection) -> list[float]:
    found: dict[str, Tensor] = metrics.compute()
    return [found[f"doubly_right_{share}"].item() for share in ("rr", "rw", "wr", "ww")]


@pytest.mark.golden
def test_golden_shares() -> None:
    facts = json.loads((GOLDEN / "metrics_stimuvar_eval.json").read_text(encoding="utf-8"))
    with np.load(GOLDEN / "metrics_stimuvar_eval.npz", allow_pickle=False) as arrays:
        prediction, reason = (
            torch.from_numpy(arrays[name]).bool() for name in ("pred_correct", "reason_correct")
        )
    metrics = doubly_right_metrics()
    metrics.update(prediction[:2], reason[:2])
    metrics.update(prediction[2:], reason[2:])
    assert shares_of(metrics) == pytest.approx([facts[name] for name in ("RR", "RW", "WR", "WW")], abs=1e-12)


def test_matches_a_loop_and_sums_to_one_without_what_was_skipped() -> None:
    metrics, official = doubly_right_metrics(), doubly_right_metrics(count_skipped=True)
    counts, skipped = [0, 0, 0, 0], 0
    for row in range(40):
        if not WEIGHT[row]:
            continue
        if ANSWERED[row]:
            right = bool(PREDICTED[row]), bool(REASONED[row])
            counts[[(True, True), (True, False), (False, True), (False, False)].index(right)] += 1
        else:
            skipped += 1
    for each in (metrics, official):
        for rows in (slice(0, 13), slice(13, 40)):
            each.update(PREDICTED[rows], REASONED[rows], weight=WEIGHT[rows], answered=ANSWERED[rows])
    total = sum(counts)
    assert skipped > 0 and min(counts) > 0 and len(set(counts)) > 2
    assert shares_of(metrics) == pytest.approx([count / total for count in counts], abs=1e-12)
    assert sum(shares_of(metrics)) == pytest.approx(1.0, abs=1e-12)
    assert shares_of(official) == pytest.approx([count / (total + skipped) for count in counts], abs=1e-12)
    assert sum(shares_of(official)) < 0.95


def test_the_four_share_one_state_and_any_shape_will_do() -> None:
    metrics, wide = doubly_right_metrics(prefix="test/"), DoublyRight(share="RW")
    metrics.update(PREDICTED, REASONED)
    wide.update(PREDICTED.view(4, 10), REASONED.view(4, 10), WEIGHT.view(4, 10), ANSWERED.view(4, 10))
    assert len(metrics.compute_groups) == 1
    assert set(metrics.compute()) == {f"test/doubly_right_{share}" for share in ("rr", "rw", "wr", "ww")}
    kept = (WEIGHT > 0) & ANSWERED
    expected = (PREDICTED & ~REASONED)[kept].float().mean().item()
    assert wide.compute().item() == pytest.approx(expected, abs=1e-7)


def test_names_nothing_and_refusals() -> None:
    metric = DoublyRight(share="WR", count_skipped=True)
    assert (metric.key, metric.protocol) == ("doubly_right_wr", "doubly_right[WR,of all responses]")
    assert DoublyRight().protocol == "doubly_right[RR]"
    metric.update(PREDICTED[:0], REASONED[:0])
    assert metric.compute().item() == 0.0
    with pytest.raises(ValueError, match="'XX': use RR, RW, WR, WW"):
        DoublyRight(share="XX")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"give booleans of one shape, e\.g\. prediction == target"):
        metric.update(PREDICTED, REASONED.long())
    with pytest.raises(ValueError, match=r"\(40,\) torch.bool and reasons \(39,\)"):
        metric.update(PREDICTED, REASONED[1:])


def rank_shares(split: tuple[int, ...]) -> list[float]:
    start = sum(split[: distributed.rank()])
    metrics = doubly_right_metrics()
    for row in range(start, start + split[distributed.rank()]):
        at = slice(row, row + 1)
        metrics.update(PREDICTED[at], REASONED[at], weight=WEIGHT[at], answered=ANSWERED[at])
    return shares_of(metrics)


@pytest.mark.distributed
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("split", [(20, 20), (31, 9), (40, 0)])
def test_ranks_give_what_one_process_gives(run_ranks: RunRanks, split: tuple[int, int]) -> None:
    expected = rank_shares((40,))
    assert run_ranks(rank_shares, split) == [expected, expected]
