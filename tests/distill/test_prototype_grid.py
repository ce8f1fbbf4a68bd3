from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from affectkit import distributed
from affectkit.distill import PrototypeGridError, PrototypeSums, VAPrototypeGrid
from affectkit.distill.va_cells import cell_centres, cell_index, unit_va
from affectkit.labels import AffectScale, affect_scale

if TYPE_CHECKING:
    from tests.conftest import RunRanks

GOLDEN = Path(__file__).parents[1] / "golden" / "neurogaze_prototypes_unofficial.npz"
GENERATOR = torch.Generator().manual_seed(3)
FEATURES = torch.randn(60, 4, generator=GENERATOR)
VA = torch.rand(60, 2, generator=GENERATOR) * 2 - 1
# A corner without samples, so that there is something to fill.
VA[(VA > 0.2).all(1)] *= -1


def naive(features: Tensor, va: Tensor, cells: int) -> tuple[Tensor, list[int]]:
    """Cell by cell and row by row, with the distances of real numbers."""
    centres = [-1 + (2 * place + 1) / cells for place in range(cells)]
    points = [(valence, arousal) for valence in centres for arousal in centres]
    groups: list[list[Tensor]] = [[] for _ in points]
    for feature, (valence, arousal) in zip(features.double(), va.tolist()):
        nearest = min(points, key=lambda point: math.hypot(point[0] - valence, point[1] - arousal))
        groups[points.index(nearest)].append(feature / feature.norm())
    rows = []
    for point in points:
        full = [place for place, group in enumerate(groups) if group]
        source = min(full, key=lambda place: (round(math.dist(points[place], point), 9), place))
        mean = torch.stack(groups[source]).mean(0)
        rows.append(mean / mean.norm())
    return torch.stack(rows), [len(group) for group in groups]


@pytest.mark.golden
def test_the_golden_grid() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    grid = VAPrototypeGrid.from_features(arrays["features"], arrays["va"])
    torch.testing.assert_close(grid.prototypes, arrays["prototypes"], rtol=0, atol=1e-6)
    assert torch.equal(grid.counts, arrays["count"].long())
    assert torch.equal(cell_index(arrays["va"], 5), arrays["cell_index"])
    torch.testing.assert_close(grid.centres.float(), arrays["centres"], rtol=0, atol=1e-7)


@pytest.mark.parametrize("cells", [1, 3, 5, 7])
def test_it_equals_a_loop_over_rows(cells: int) -> None:
    grid = VAPrototypeGrid.from_features(FEATURES, VA, cells=cells)
    rows, counts = naive(FEATURES, VA, cells)
    torch.testing.assert_close(grid.prototypes, rows.float(), rtol=0, atol=1e-6)
    assert grid.counts.tolist() == counts and grid.cells == cells and grid.feature_dim == 4
    assert grid.filled == tuple(place for place, count in enumerate(counts) if not count)
    assert cells < 5 or grid.filled


def test_the_order_of_rows_and_parts_leaves_no_trace() -> None:
    whole = VAPrototypeGrid.from_features(FEATURES, VA)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    sums = PrototypeSums()
    for part in torch.split(order, 7):
        sums.update(FEATURES[part] * 4, VA[part])
    again = VAPrototypeGrid.from_sums(sums)
    assert torch.equal(again.prototypes, whole.prototypes) and again.version == whole.version
    other = VAPrototypeGrid.from_features(FEATURES.roll(1, 1), VA)
    assert other.version != whole.version


def test_a_value_on_a_border_goes_to_the_lower_cell_in_any_precision() -> None:
    borders = torch.tensor([-1.0, -0.6, -0.2, 0.2, 0.6, 1.0], dtype=torch.float64)
    for values in (borders, borders.float()):
        assert cell_index(torch.stack([values, torch.zeros_like(values)], 1), 5).tolist() == [
            2,
            2,
            7,
            12,
            17,
            22,
        ]
    assert torch.equal(cell_index(cell_centres(6), 6), torch.arange(36))


def test_scales_marks_and_absent_rows() -> None:
    nine = affect_scale("vad.one_to_nine")
    raw = torch.cat([VA.double() * 4 + 5, torch.full((60, 1), 1.0)], 1)
    features = torch.cat([FEATURES, torch.full((1, 4), math.nan)])
    raw = torch.cat([raw, torch.tensor([[math.nan, 3.0, 3.0]])])
    grid = VAPrototypeGrid.from_features(features, raw, scale=nine)
    assert grid.version == VAPrototypeGrid.from_features(FEATURES, VA.double()).version
    swapped = AffectScale("swapped.v1", ("arousal", "valence"), 0, 1, absent=(-9,))
    unit = unit_va(torch.tensor([[1.0, 0.0], [-9.0, 0.5]]), swapped)
    assert unit[0].tolist() == [-1.0, 1.0] and bool(unit[1].isnan().all())


def test_a_cell_whose_features_cancel_is_filled() -> None:
    features = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    va = torch.tensor([[-0.5, -0.5], [-0.5, -0.5], [0.5, 0.5]])
    grid = VAPrototypeGrid.from_features(features, va, cells=2)
    assert grid.filled == (0, 1, 2) and grid.prototypes.tolist() == [[0.0, 1.0]] * 4


def test_a_file_gives_the_same_grid_and_says_when_it_does_not(tmp_path: Path) -> None:
    grid = VAPrototypeGrid.from_features(FEATURES, VA, origin="made-up features")
    path = tmp_path / "grid.safetensors"
    grid.save(path)
    first = path.read_bytes()
    read = VAPrototypeGrid.load(path)
    assert torch.equal(read.prototypes, grid.prototypes) and torch.equal(read.counts, grid.counts)
    assert (read.version, read.origin) == (grid.version, "made-up features")
    read.save(path)
    assert path.read_bytes() == first and [entry.name for entry in tmp_path.iterdir()] == [path.name]
    path.write_bytes(first[:-3] + b"\x00\x10\x40")
    with pytest.raises(PrototypeGridError, match="changed or damaged"):
        VAPrototypeGrid.load(path)
    save_file({"prototypes": load_file(path)["prototypes"]}, path)
    with pytest.raises(PrototypeGridError, match="holds no prototype grid"):
        VAPrototypeGrid.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(PrototypeGridError, match="cannot be read as a prototype grid"):
        VAPrototypeGrid.load(path)


def test_random_directions_are_a_control_of_the_same_shape() -> None:
    grid = VAPrototypeGrid.random(8, cells=7, seed=1)
    assert grid.prototypes.shape == (49, 8) and grid.filled == ()
    torch.testing.assert_close(grid.prototypes.norm(dim=1), torch.ones(49))
    assert grid.version == VAPrototypeGrid.random(8, cells=7, seed=1).version
    # Vectors of unit length are kept to the last digit, or a file would hold another version when read.
    touchy = torch.tensor([[-0.6106686592102051, 0.7918862700462341]])
    assert torch.equal(VAPrototypeGrid(touchy, torch.ones(1)).prototypes, touchy)
    assert grid.version != VAPrototypeGrid.random(8, cells=7, seed=2).version


def test_refusals() -> None:
    make = VAPrototypeGrid.from_features
    with pytest.raises(PrototypeGridError, match=r"1\.5 lies outside scale 'va\.unit', -1\.\.1"):
        make(FEATURES[:1], torch.tensor([[1.5, 0.0]]))
    with pytest.raises(PrototypeGridError, match="one column an axis"):
        make(FEATURES, VA, scale=affect_scale("vad.unit"))
    with pytest.raises(PrototypeGridError, match="with the axes sentiment"):
        make(FEATURES, VA[:, :1], scale=affect_scale("sentiment.mosi"))
    with pytest.raises(PrototypeGridError, match="give rows"):
        make(FEATURES, VA[:3])
    with pytest.raises(PrototypeGridError, match="0 or not finite"):
        make(torch.zeros(60, 4), VA)
    with pytest.raises(PrototypeGridError, match="has valence and arousal"):
        make(FEATURES, torch.full((60, 2), math.nan))
    with pytest.raises(PrototypeGridError, match="cells=0"):
        PrototypeSums(cells=0)
    with pytest.raises(PrototypeGridError, match="was given no feature"):
        VAPrototypeGrid.from_sums(PrototypeSums())
    sums = PrototypeSums()
    sums.update(FEATURES, VA)
    with pytest.raises(PrototypeGridError, match="width 3 after features of width 4"):
        sums.update(FEATURES[:, :3], VA)
    with pytest.raises(PrototypeGridError, match="one row a cell"):
        VAPrototypeGrid(torch.ones(5, 2), torch.ones(5))
    with pytest.raises(PrototypeGridError, match="for each cell"):
        VAPrototypeGrid(torch.ones(4, 2), torch.ones(3))
    with pytest.raises(PrototypeGridError, match="cell 2 is 0"):
        VAPrototypeGrid(torch.tensor([[1.0], [1.0], [0.0], [1.0]]), torch.ones(4))


def version_of_ranks(split: tuple[int, ...]) -> tuple[str, list[int]]:
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    sums = PrototypeSums()
    if split[rank]:
        sums.update(FEATURES[rows], VA[rows])
    grid = VAPrototypeGrid.from_sums(sums)
    return grid.version, grid.counts.tolist()


def refusal_of_ranks() -> str:
    sums = PrototypeSums()
    width = 4 - distributed.rank()
    sums.update(FEATURES[:, :width], VA)
    try:
        sums.compute()
    except PrototypeGridError as error:
        return str(error)
    return "none"


@pytest.mark.distributed
def test_any_number_of_ranks_makes_the_same_grid(run_ranks: RunRanks) -> None:
    expected = version_of_ranks((60,))
    for split in ((20, 40), (59, 1), (60, 0)):
        assert run_ranks(version_of_ranks, split) == [expected, expected]
    for text in run_ranks(refusal_of_ranks):
        assert "several widths" in text
