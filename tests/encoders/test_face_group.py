"""Groups of faces: weighted by their areas, the scene beside them, nothing where there is no picture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from affectkit.encoders import FaceGroupEncoder
from affectkit.types import Encoding


class MeanColour(nn.Module):
    """Three numbers a picture; counts what it is shown."""

    out_dim = 3

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.seen = 0

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        self.seen += len(x)
        return Encoding(x.float().mean((2, 3)) * self.scale)


def test_faces_count_by_their_areas_and_the_scene_stands_beside() -> None:
    pictures = torch.rand(2, 4, 3, 5, 5)
    areas = torch.tensor([[9.0, 3.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    pictures[areas == 0] = torch.nan
    inner = MeanColour()
    group = FaceGroupEncoder(inner, scene=True)
    found = group(pictures, areas).pooled
    colours = pictures.mean((3, 4))
    torch.testing.assert_close(
        found[0], torch.cat([0.75 * colours[0, 1] + 0.25 * colours[0, 2], colours[0, 0]])
    )
    assert not found[1].any() and inner.seen == 3
    torch.autograd.backward(found.sum())
    assert inner.scale.grad is not None and bool(inner.scale.grad.isfinite().all())


def test_without_areas_every_face_counts_alike() -> None:
    pictures = torch.rand(2, 3, 3, 5, 5)
    group = FaceGroupEncoder(MeanColour())
    torch.testing.assert_close(group(pictures).pooled, pictures.mean((1, 3, 4)))
    there = torch.tensor([[True, False, True], [False, True, False]])
    torch.testing.assert_close(group(pictures, there).pooled[1], pictures[1, 1].mean((1, 2)))


def test_nothing_to_see_asks_nobody() -> None:
    inner = MeanColour()
    assert (
        FaceGroupEncoder(inner)(torch.rand(2, 1, 3, 4, 4), torch.zeros(2, 1)).pooled.tolist()
        == [[0.0] * 3] * 2
    )
    assert inner.seen == 0


def test_what_does_not_fit_is_refused() -> None:
    group = FaceGroupEncoder(MeanColour(), scene=True)
    for pictures, areas in ((torch.rand(2, 3, 4, 4), None), (torch.rand(2, 0, 3, 4, 4), None)):
        with pytest.raises(ValueError, match=r"give \(B, N, 3, H, W\) with at least 2"):
            group(pictures, areas)
    with pytest.raises(ValueError, match=r"and areas \(B, N\)"):
        group(torch.rand(2, 2, 3, 4, 4), torch.ones(2, 3))
    with pytest.raises(TypeError, match=r"got str: give an nn\.Module"):
        FaceGroupEncoder("faces")  # type: ignore[arg-type]
