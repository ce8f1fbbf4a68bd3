"""ERNetCL's weights against the stored official numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectkit.curriculum import ErnetclWeighting
from affectkit.functional import shift_ratio

GOLDEN = Path(__file__).parents[1] / "golden" / "ernetcl_curriculum_weight.npz"


@pytest.mark.golden
def test_reproduces_official_weights() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]).transpose(0, 1) for name in stored.files}
    label, mask = arrays["label"], arrays["umask"].bool()
    speaker = arrays["qmask"].argmax(-1)
    ratio = shift_ratio(label, speaker, mask)
    torch.testing.assert_close(ratio, arrays["dialogue_weight"].squeeze(1), rtol=0, atol=1e-6)
    weighting = ErnetclWeighting(sigma=0.7, delay=9.0)
    for progress in (0.0, 0.05, 0.1, 0.5, 1.0):
        value = weighting.weights(label, speaker, mask, progress)
        expected = arrays[f"curriculum_weight_it{progress}"]
        torch.testing.assert_close(value[mask], expected[mask], rtol=0, atol=1e-6)
        assert not value[~mask].any()


def test_calm_weighs_more_and_everything_gains() -> None:
    label = torch.tensor([[1, 1, 1, 1], [1, 2, 1, 2]])
    speaker = torch.zeros_like(label)
    mask = torch.ones_like(label, dtype=torch.bool)
    weighting = ErnetclWeighting(sigma=0.4, delay=0.5)
    start = weighting.weights(label, speaker, mask, progress=0.0)
    end = weighting.weights(label, speaker, mask, progress=1.0)
    assert bool((start[0] > start[1]).all()) and bool((end > start).all())
    expected = torch.sigmoid((torch.tensor(2.0) - 1 / (4 + 1e-5)) / 0.4)
    torch.testing.assert_close(end[0, 0], expected)


def test_refuses_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="sigma=0"):
        ErnetclWeighting(sigma=0.0)
    label = torch.zeros(1, 2, dtype=torch.long)
    with pytest.raises(ValueError, match=r"progress=1\.5"):
        ErnetclWeighting().weights(label, label, label == 0, progress=1.5)
