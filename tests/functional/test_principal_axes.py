"""Principal axes against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from affectkit.functional import principal_axes

ROWS = torch.randn(40, 7, generator=torch.Generator().manual_seed(0)) @ torch.randn(
    7, 7, generator=torch.Generator().manual_seed(1)
)


def test_axes_are_those_of_scikit_learn_but_for_their_sign() -> None:
    found = principal_axes(ROWS, 4)
    reference = PCA(4, svd_solver="full").fit(ROWS.double().numpy())
    np.testing.assert_allclose(found.mean.numpy(), reference.mean_, atol=1e-12)
    axes = found.axes.T.numpy()
    signs = np.sign((axes * reference.components_).sum(axis=1))
    np.testing.assert_allclose(axes, signs[:, None] * reference.components_, atol=1e-9)
    # scikit-learn divides by N - 1
    np.testing.assert_allclose(
        found.deviation.numpy() ** 2 * 40 / 39, reference.explained_variance_, rtol=1e-9
    )
    assert bool((found.axes.gather(0, found.axes.abs().argmax(0, keepdim=True)) > 0).all())


def test_the_same_rows_in_another_order_give_the_same_axes() -> None:
    order = torch.randperm(40, generator=torch.Generator().manual_seed(2))
    one, two = principal_axes(ROWS, 3), principal_axes(ROWS[order], 3)
    torch.testing.assert_close(one.axes, two.axes)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="num_components=8"):
        principal_axes(ROWS, 8)
    with pytest.raises(ValueError, match=r"rows of shape \(3, 7\) and num_components=3"):
        principal_axes(ROWS[:3], 3)
    with pytest.raises(ValueError, match="not finite"):
        principal_axes(torch.full((4, 2), torch.nan), 1)
