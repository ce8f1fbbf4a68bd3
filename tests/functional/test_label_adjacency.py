from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.functional import label_links, normalized_propagation, reweighted_adjacency

GOLDEN = Path(__file__).parents[1] / "golden"


def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN / "emotiongcn_adjacency.npz", allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.mark.golden
def test_the_published_statistics_give_the_published_adjacency() -> None:
    arrays = golden()
    links = label_links(arrays["spearman"], num_classes=7, threshold=0.1)
    adjacency = reweighted_adjacency(links, self_weight=0.5)
    torch.testing.assert_close(adjacency, arrays["A"], rtol=0, atol=1e-12)
    propagation = normalized_propagation(adjacency)
    torch.testing.assert_close(propagation.float(), arrays["adj"], rtol=0, atol=1e-6)


@pytest.mark.golden
def test_rows_that_do_not_sum_to_one_show_transpose_and_scale() -> None:
    arrays = golden()
    result = normalized_propagation(arrays["A_asym"])
    torch.testing.assert_close(result, arrays["adj_asym"], rtol=0, atol=1e-6)
    assert not torch.allclose(result, result.T)


def test_links_are_by_strength_of_either_sign() -> None:
    strength = torch.tensor(
        [[1.0, 0.9, -0.3, 0.1], [0.9, 1.0, 0.05, 0.2], [-0.3, 0.05, 1, 0], [0.1, 0.2, 0, 1]]
    )
    kept = label_links(strength, num_classes=2, threshold=0.1)
    assert kept.nonzero().tolist() == [[0, 2], [0, 3], [1, 3], [2, 0], [3, 0], [3, 1]]
    every = label_links(strength, num_classes=2, threshold=0.1, between_classes=True)
    assert every[0, 1] and every[1, 0] and every.sum() == kept.sum() + 2


def test_every_row_sums_to_one_even_without_a_neighbour() -> None:
    links = torch.rand(6, 6, generator=torch.Generator().manual_seed(0)) < 0.4
    links[3] = False
    adjacency = reweighted_adjacency(links, self_weight=0.3)
    torch.testing.assert_close(adjacency.sum(1), torch.ones(6, dtype=torch.float64))
    assert adjacency[3].tolist() == [0, 0, 0, 1, 0, 0]
    others = [row for row in range(6) if row != 3]
    assert adjacency.diagonal()[others].tolist() == pytest.approx([0.3] * 5)
    for row in others:
        neighbours = [column for column in range(6) if column != row and links[row, column]]
        assert adjacency[row, neighbours].tolist() == pytest.approx([0.7 / len(neighbours)] * len(neighbours))


@pytest.mark.parametrize("normalization", ["symmetric", "receiver", "none"])
def test_a_step_equals_its_sum(normalization: str) -> None:
    adjacency = torch.rand(5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    adjacency[2] = 0.0  # sends nothing
    adjacency[:, 4] = 0.0  # receives nothing
    sent, received = adjacency.sum(1), adjacency.sum(0)
    sent[2], received[4] = 1.0, 1.0
    result = normalized_propagation(adjacency, normalization)  # type: ignore[arg-type]
    for i in range(5):
        for j in range(5):
            expected = adjacency[j, i].item()
            if normalization == "symmetric":
                expected /= (sent[i] * sent[j]).sqrt().item()
            elif normalization == "receiver":
                expected /= received[i].item()
            assert result[i, j].item() == pytest.approx(expected, abs=1e-12)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="square matrix"):
        label_links(torch.full((2, 2), float("nan")), num_classes=1, threshold=0.1)
    with pytest.raises(ValueError, match="threshold above 0"):
        label_links(torch.zeros(2, 2), num_classes=1, threshold=0.0)
    with pytest.raises(ValueError, match="self_weight=0"):
        reweighted_adjacency(torch.ones(2, 2), self_weight=0.0)
    with pytest.raises(ValueError, match="'rows': give one of symmetric"):
        normalized_propagation(torch.ones(2, 2), "rows")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative weight"):
        normalized_propagation(-torch.ones(2, 2))
