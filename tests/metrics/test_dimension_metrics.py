from __future__ import annotations

import json
import math
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit import distributed
from affectkit.functional import ccc, pearson
from affectkit.metrics import CCC, RMSE, SAGR, DimensionMetric, Pearson, dimension_metrics

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS: list[type[DimensionMetric]] = [CCC, Pearson, RMSE, SAGR]


def golden(suffix: str = "") -> tuple[Tensor, Tensor, Tensor]:
    with np.load(GOLDEN / "metrics_ccc.npz", allow_pickle=False) as arrays:
        prediction = torch.from_numpy(np.stack([arrays["pv"], arrays["pa"]], -1))
        target = torch.from_numpy(np.stack([arrays[f"v{suffix}"], arrays[f"a{suffix}"]], -1))
        return prediction, target, torch.from_numpy(arrays["video"])


def value_of(metric: DimensionMetric) -> float:
    value: Tensor = metric.compute()
    return value.item()


def naive(kind: type[DimensionMetric], x: Tensor, y: Tensor) -> Tensor:
    if kind is CCC:
        return ccc(x, y)
    if kind is Pearson:
        return pearson(x, y)
    columns = []
    for v in range(x.shape[-1]):
        real = ~y[:, v].isnan()
        a, b = x[real, v].numpy(), y[real, v].numpy()
        score = np.sqrt(np.mean((a - b) ** 2)) if kind is RMSE else np.mean(np.sign(a) == np.sign(b))
        columns.append(float(score))
    return torch.tensor(columns, dtype=torch.float64)


@pytest.mark.golden
def test_golden_ccc() -> None:
    facts = json.loads((GOLDEN / "metrics_ccc.json").read_text(encoding="utf-8"))
    prediction, target, video = golden()
    number = int(video.max()) + 1
    metrics = {
        "CCC_V": CCC(2, dim=0),
        "CCC_A": CCC(2, dim=1),
        "P_VA": CCC(2),
        "per_video_mean": CCC(2, num_clips=number + 3),
    }
    for metric in metrics.values():
        # Batches cut through clips: a clip's sums must meet again.
        for rows in torch.split(torch.arange(300), 41):
            metric.update(prediction[rows], target[rows], clip=video[rows])
    got = {name: value_of(metric) for name, metric in metrics.items()}
    assert got == pytest.approx({name: facts[name] for name in metrics}, abs=1e-12)


@pytest.mark.golden
def test_golden_ccc_without_the_invalid_frames() -> None:
    facts = json.loads((GOLDEN / "metrics_ccc.json").read_text(encoding="utf-8"))
    prediction, target, _ = golden("_with_invalid")
    by_nan, by_weight = CCC(2), CCC(2)
    invalid = target == -5
    by_nan.update(prediction, target.masked_fill(invalid, math.nan))
    by_weight.update(prediction.masked_fill(invalid, math.nan), target, (~invalid.any(-1)).float())
    assert value_of(by_nan) == pytest.approx(facts["P_VA_masked"], abs=1e-12)
    assert value_of(by_weight) == pytest.approx(facts["P_VA_masked"], abs=1e-12)


@pytest.mark.golden
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [None, 1])
def test_every_metric_matches_its_formula_in_any_shape(kind: type[DimensionMetric], dim: int | None) -> None:
    prediction, target, video = golden()
    target[7:30, 0] = math.nan
    expected = naive(kind, prediction, target)
    metric = kind(2, dim=dim)
    metric.update(prediction[:200].reshape(10, 20, 2), target[:200].reshape(10, 20, 2))
    metric.update(prediction[200:], target[200:])
    assert value_of(metric) == pytest.approx(
        float(expected.mean() if dim is None else expected[dim]), abs=1e-12
    )

    clipped = kind(2, dim=dim, num_clips=int(video.max()) + 1)
    clipped.update(prediction, target, clip=video)
    scores = []
    for number in sorted(set(video.tolist())):
        rows = video == number
        real = (~target[rows].isnan()).any(0)
        score = naive(kind, prediction[rows], target[rows])
        if dim is None:
            scores.append(float(score[real].mean()))
        elif real[dim]:
            scores.append(float(score[dim]))
    assert value_of(clipped) == pytest.approx(sum(scores) / len(scores), abs=1e-12)


@pytest.mark.parametrize("kind", [CCC, Pearson])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
def test_a_constant_side_gives_exactly_zero(kind: type[DimensionMetric], constant: float) -> None:
    same = torch.full((7, 1), constant)
    other = torch.arange(7.0).reshape(7, 1)
    for prediction, target in ((same, other), (other, same), (same, same)):
        metric = kind(1)
        metric.update(prediction[:3], target[:3])
        metric.update(prediction[3:], target[3:])
        assert value_of(metric) == 0.0


@pytest.mark.parametrize("kind", [CCC, Pearson, RMSE])
def test_a_diverged_prediction_does_not_pass_for_a_constant(kind: type[DimensionMetric]) -> None:
    metric = kind(1)
    metric.update(torch.full((3, 1), math.nan), torch.arange(3.0).reshape(3, 1))
    assert math.isnan(value_of(metric))


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_give_zero_and_a_dimension_without_targets_is_left_out(kind: type[DimensionMetric]) -> None:
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    empty, half, alone = kind(2), kind(2), kind(1)
    empty.update(x[:0], x[:0])
    half.update(x, torch.stack([x[:, 1], torch.full((6,), math.nan)], -1))
    alone.update(x[:, :1], x[:, 1:])
    assert value_of(empty) == 0.0
    assert value_of(half) == pytest.approx(value_of(alone), abs=1e-12)
    assert value_of(alone) != 0.0


def test_names_and_flags() -> None:
    metrics = [
        CCC(2),
        CCC(2, num_clips=4),
        CCC(2, dim=0),
        Pearson(2, dim=1, name="arousal"),
        RMSE(2),
        SAGR(2),
    ]
    assert [(metric.key, metric.protocol, metric.higher_is_better) for metric in metrics] == [
        ("ccc", "ccc[ddof=0,pooled]", True),
        ("ccc_clip", "ccc[ddof=0,per_clip]", True),
        ("ccc_0", "ccc[ddof=0,pooled,0]", True),
        ("pearson_arousal", "pearson[pooled,arousal]", True),
        ("rmse", "rmse[pooled]", False),
        ("sagr", "sagr[pooled]", True),
    ]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="num_dims=0"):
        CCC(0)
    with pytest.raises(ValueError, match="dim=2"):
        CCC(2, dim=2)
    x = torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"\(4, 1\)"):
        CCC(2).update(x[:, :1], x[:, :1])
    with pytest.raises(ValueError, match="no clip"):
        CCC(2, num_clips=3).update(x, x)
    with pytest.raises(ValueError, match="3 clip numbers for 4"):
        CCC(2, num_clips=3).update(x, x, clip=torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"0\.\.3"):
        CCC(2, num_clips=3).update(x, x, clip=torch.arange(4))


def test_sums_stay_in_double_precision_wherever_the_module_goes() -> None:
    prediction, target, _ = golden()
    holder = torch.nn.Module()
    metric = CCC(2)
    holder.metric = metric
    holder.to(torch.bfloat16).half().float()
    metric.update(prediction, target)
    holder.to(torch.bfloat16)
    assert (metric.sums.dtype, metric.lowest.dtype) == (torch.float64, torch.float64)
    again: CCC = pickle.loads(pickle.dumps(metric))
    assert value_of(again) == value_of(metric) == pytest.approx(0.662573296530728, abs=1e-12)
    metric.reset()
    assert metric.sums.dtype == torch.float64
    assert float(metric.sums.abs().sum()) == 0.0


def test_a_collection_sums_once_and_gives_what_single_metrics_give() -> None:
    prediction, target, _ = golden()
    collection = dimension_metrics(["valence", "arousal"])
    collection.update(prediction[:0], target[:0])
    collection.update(prediction[:150], target[:150], weight=torch.ones(150))
    collection.update(prediction[150:], target[150:], weight=torch.ones(150))
    assert len(collection.compute_groups) == 1
    got = {key: value.item() for key, value in collection.compute().items()}
    for metric in (CCC(2), Pearson(2), RMSE(2), SAGR(2), CCC(2, dim=1, name="arousal")):
        metric.update(prediction, target)
        assert got[metric.key] == pytest.approx(value_of(metric), abs=1e-12)


def rank_scores(split: tuple[int, ...]) -> list[float]:
    prediction, target, video = golden()
    target[100:120] = math.nan
    rank = distributed.rank()
    start = sum(split[:rank])
    mine = torch.arange(start, start + split[rank])
    pooled: list[DimensionMetric] = [kind(2) for kind in KINDS]
    clipped: list[DimensionMetric] = [kind(2, num_clips=int(video.max()) + 1) for kind in KINDS]
    for rows in torch.split(mine, 64) if len(mine) > 0 else ():
        for metric in (*pooled, *clipped):
            metric.update(prediction[rows], target[rows], clip=video[rows])
    return [value_of(metric) for metric in (*pooled, *clipped)]


@pytest.mark.distributed
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("split", [(150, 150), (215, 85), (300, 0)])
def test_ranks_give_what_one_process_gives(run_ranks: RunRanks, split: tuple[int, int]) -> None:
    expected = rank_scores((300,))
    for scores in run_ranks(rank_scores, split):
        assert scores == pytest.approx(expected, abs=1e-12)


def rank_constant() -> list[float]:
    # Each rank alone sees a constant; together they do not, and the other way round.
    step = torch.full((3, 1), float(distributed.rank()))
    ramp = torch.arange(3.0).reshape(3, 1) + 3 * distributed.rank()
    apart, never = CCC(1), CCC(1)
    apart.update(step, step)
    never.update(torch.full((3, 1), 0.1), ramp)
    return [value_of(apart), value_of(never)]


@pytest.mark.distributed
def test_constant_is_judged_over_all_ranks(run_ranks: RunRanks) -> None:
    assert run_ranks(rank_constant) == [[1.0, 0.0], [1.0, 0.0]]
