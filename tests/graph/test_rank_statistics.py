from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from affectkit import distributed
from affectkit.functional import rank_correlation
from affectkit.graph import LabelGraphError, LabelStatistics, RankStatistics
from affectkit.labels import LabelSpace, affect_scale

if TYPE_CHECKING:
    from tests.conftest import RunRanks

SPACE = LabelSpace("four.v1", ("calm", "happy", "sad", "angry"))
SCALE = affect_scale("va.unit")
LABEL = torch.randint(0, 4, (60,), generator=torch.Generator().manual_seed(0))
DIMS = (
    torch.rand(60, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 20 - 10
).round() / 10
LABEL[:5], DIMS[8:12], DIMS[20, 1] = -100, torch.nan, torch.nan


def counted(*parts: slice, cells: int | None = None) -> LabelStatistics:
    statistics = RankStatistics(SPACE, SCALE, cells=cells)
    for part in parts:
        statistics.update(LABEL[part], DIMS[part])
    return statistics.compute()


def as_columns(label: Tensor, dims: Tensor) -> Tensor:
    shares = torch.nn.functional.one_hot(label.clamp(min=0), 4).double()
    return torch.cat([shares.masked_fill((label < 0).unsqueeze(1), torch.nan), dims], 1)


def test_one_pass_equals_all_at_once_to_the_bit() -> None:
    whole = counted(slice(0, 60))
    torch.testing.assert_close(
        whole.correlation, rank_correlation(as_columns(LABEL, DIMS)), rtol=0, atol=1e-12
    )
    parts = counted(slice(40, 60), slice(0, 0), slice(0, 7), slice(7, 40))
    assert torch.equal(whole.correlation, parts.correlation) and torch.equal(whole.support, parts.support)
    expected = [float(LABEL.eq(label).sum()) for label in range(4)] + [56.0, 55.0]
    assert whole.support.tolist() == expected


def test_rows_are_joined_before_they_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affectkit.graph.rank_statistics._PENDING", 10)
    statistics = RankStatistics(SPACE, SCALE)
    for number in range(50):
        zero = 0.0 if number % 2 else -0.0
        statistics.update(torch.tensor([0, 1, 2]), torch.tensor([[0.1, zero], [0.2, 0.0], [0.3, 0.0]]))
    assert len(statistics._rows) == 3 and len(statistics._parts) <= 4
    assert statistics.compute().support.tolist() == [50, 50, 50, 0, 150, 150]


def rank_part(split: int) -> tuple[list[list[float]], list[float]]:
    statistics = RankStatistics(SPACE, SCALE)
    part = slice(0, split) if distributed.rank() == 0 else slice(split, 60)
    if part.start != part.stop:  # a rank may have no shard at all
        statistics.update(LABEL[part], DIMS[part])
    result = statistics.compute()
    return result.correlation.tolist(), result.support.tolist()


@pytest.mark.distributed
@pytest.mark.parametrize("split", [23, 60])
def test_ranks_leave_no_trace(run_ranks: RunRanks, split: int) -> None:
    whole = counted(slice(0, 60))
    expected = (whole.correlation.tolist(), whole.support.tolist())
    assert run_ranks(rank_part, split) == [expected, expected]


def test_soft_and_several_labels_and_sources_of_one_kind() -> None:
    shares = torch.rand(30, 4, generator=torch.Generator().manual_seed(2))
    shares[3], shares[7, 1] = torch.nan, torch.nan
    dims = DIMS[:30]
    statistics = RankStatistics(SPACE, SCALE)
    statistics.update(shares, None)  # categories only
    statistics.update(None, dims)  # dimensions only
    statistics.update(shares.flip(1), dims)  # both
    nothing = torch.full((30, 4), torch.nan)
    columns = torch.cat(
        [
            torch.cat([shares.double(), nothing[:, :2].double()], 1),
            torch.cat([nothing.double(), dims], 1),
            torch.cat([shares.flip(1).double(), dims], 1),
        ]
    )
    result = statistics.compute()
    torch.testing.assert_close(result.correlation, rank_correlation(columns), rtol=0, atol=1e-12)
    assert result.support[0].item() == pytest.approx(
        (shares[:, 0].nansum() + shares[:, 3].nansum()).item(), rel=1e-6
    )


def test_cells_bound_the_memory_and_the_error() -> None:
    exact, coarse = counted(slice(0, 60)), counted(slice(0, 60), cells=1000)
    torch.testing.assert_close(exact.correlation, coarse.correlation, rtol=0, atol=1e-9)
    statistics = RankStatistics(SPACE, SCALE, cells=2)
    values = torch.rand(5000, 2, generator=torch.Generator().manual_seed(3)) * 2 - 1
    values[0] = 1.0  # the upper end belongs to the last cell
    statistics.update(torch.zeros(5000, dtype=torch.int64), values)
    statistics.compute()
    assert len(statistics._rows) == 4


def test_marks_of_absence_are_absent() -> None:
    statistics = RankStatistics(SPACE, affect_scale("va.affectnet"))
    statistics.update(torch.tensor([0, 1]), torch.tensor([[-2.0, -2.0], [0.5, 0.1]]))
    assert statistics.compute().support.tolist() == [1, 1, 0, 0, 1, 1]


def test_bad_annotations_get_one_clear_sentence() -> None:
    statistics = RankStatistics(SPACE, SCALE)
    with pytest.raises(LabelGraphError, match=r"label 4, but 'four.v1' has 0..3 \(0 calm"):
        statistics.update(torch.tensor([1, 4]))
    with pytest.raises(LabelGraphError, match=r"arousal 1.5 lies outside scale 'va.unit', -1..1"):
        statistics.update(None, torch.tensor([[0.5, 1.5]]))
    with pytest.raises(LabelGraphError, match="lies outside"):
        statistics.update(None, torch.tensor([[torch.inf, 0.0]]))
    with pytest.raises(LabelGraphError, match="axes valence, arousal"):
        statistics.update(torch.tensor([0]), torch.zeros(1, 3))
    with pytest.raises(LabelGraphError, match="shares \\(n, 4\\)"):
        statistics.update(torch.zeros(2, 3))
    for share in (-1.0, 2.0, torch.inf):
        with pytest.raises(LabelGraphError, match=r"in 0\.\.1, NaN where absent"):
            statistics.update(torch.tensor([[0.5, share, 0.0, 0.0]]))
    with pytest.raises(LabelGraphError, match="dtype torch"):
        statistics.update(torch.zeros(2, dtype=torch.bool))
    with pytest.raises(LabelGraphError, match="neither labels nor dims"):
        statistics.update(None)
    with pytest.raises(LabelGraphError, match="no scale"):
        RankStatistics(SPACE).update(None, torch.zeros(1, 2))
    with pytest.raises(LabelGraphError, match="No annotation was counted"):
        RankStatistics(SPACE).compute()
    with pytest.raises(LabelGraphError, match="cells=0"):
        RankStatistics(SPACE, cells=0)
