from __future__ import annotations

import pytest
import torch
from torch import Tensor

from affectkit.encoders import TimmImageEncoder
from affectkit.functional import box_areas
from affectkit.temporal import FaceAreaPooling, FramePooling
from affectkit.types import Encoding


def clips() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Two clips of four frames with up to three faces; one frame without a face, one without a scene."""
    random = torch.Generator().manual_seed(0)
    faces = torch.randn(2, 4, 3, 5, generator=random)
    areas = torch.rand(2, 4, 3, generator=random)
    areas[0, 1] = 0.0
    areas[1, :, 2] = 0.0
    scene_mask = torch.ones(2, 4, dtype=torch.bool)
    scene_mask[1, 3] = False
    return faces, areas, torch.randn(2, 4, 2, generator=random), scene_mask


def naive(
    faces: Tensor, areas: Tensor, scenes: Tensor, scene_mask: Tensor, frames: FramePooling
) -> list[list[float]]:
    rows = []
    for clip in range(len(faces)):
        seen: list[list[float]] = []
        around: list[list[float]] = []
        for time in range(faces.shape[1]):
            total = sum(areas[clip, time].tolist())
            if total > 0:
                mixed = [0.0] * faces.shape[3]
                for face, area in zip(faces[clip, time].tolist(), areas[clip, time].tolist()):
                    mixed = [old + new * area / total for old, new in zip(mixed, face)]
                seen.append(mixed)
            if scene_mask[clip, time]:
                around.append(scenes[clip, time].tolist())
        row: list[float] = []
        for part in (seen, around):
            for column in zip(*part):
                row.append(max(column) if frames == "max" else sum(column) / len(column))
        rows.append(row)
    return rows


@pytest.mark.parametrize("frames", ["max", "mean"])
def test_equals_sums_face_by_face(frames: FramePooling) -> None:
    given = clips()
    found: Encoding = FaceAreaPooling(5, 2, frames=frames)(*given)
    torch.testing.assert_close(found.pooled, torch.tensor(naive(*given, frames=frames)))
    assert found.mask is not None and bool(found.mask.all())


def test_the_unit_of_the_areas_does_not_matter_and_the_larger_face_counts_more() -> None:
    faces, areas, scenes, _ = clips()
    pool = FaceAreaPooling(5, 2)
    torch.testing.assert_close(pool(faces, areas, scenes).pooled, pool(faces, areas * 1e4, scenes).pooled)
    two = torch.tensor([[[[1.0], [0.0]]]])
    (near,), (far,) = (
        FaceAreaPooling(1)(two, torch.tensor([[sizes]])).pooled.tolist() for sizes in ([0.4, 0.1], [0.1, 0.4])
    )
    assert near == pytest.approx([0.8]) and far == pytest.approx([0.2])


def test_no_face_leaves_the_scene_alone_whatever_lies_in_its_place() -> None:
    faces, areas, scenes, _ = clips()
    pool = FaceAreaPooling(5, 2)
    nobody = torch.zeros_like(areas)
    found = pool(torch.full_like(faces, torch.nan), nobody, scenes)
    assert not found.pooled[:, :5].any()
    torch.testing.assert_close(found.pooled[:, 5:], scenes.amax(dim=1))
    filled = faces.clone()
    filled[areas == 0] = torch.inf
    torch.testing.assert_close(pool(filled, areas, scenes).pooled, pool(faces, areas, scenes).pooled)


def test_nothing_at_all_is_zero_with_a_finite_gradient() -> None:
    faces = torch.randn(1, 2, 3, 5, requires_grad=True)
    scenes = torch.randn(1, 2, 2, requires_grad=True)
    found = FaceAreaPooling(5, 2)(faces, torch.zeros(1, 2, 3), scenes, torch.zeros(1, 2, dtype=torch.bool))
    assert not found.pooled.any() and not found.mask.any()
    torch.autograd.backward(found.pooled.sum())
    assert faces.grad is not None and not faces.grad.any()


def test_pictures_through_an_encoder() -> None:
    torch.manual_seed(0)
    encoder = TimmImageEncoder("tiny").eval()
    boxes = torch.tensor([[[[0, 0, 16, 16], [8, 8, 32, 32]], [[0, 0, 0, 0], [4, 4, 20, 20]]]]).float()
    pixels = torch.rand(4, 3, 32, 32)
    faces = encoder(pixels).pooled.reshape(1, 2, 2, -1)
    scenes = encoder(torch.rand(2, 3, 32, 32)).pooled.reshape(1, 2, -1)
    pool = FaceAreaPooling(encoder.out_dim, encoder.out_dim)
    areas = box_areas(boxes, height=32, width=32)
    assert areas[0, 1, 0] == 0 and pool(faces, areas, scenes).pooled.shape == (1, pool.out_dim)


def test_bad_input_is_refused_in_one_sentence() -> None:
    faces, areas, scenes, _ = clips()
    with pytest.raises(ValueError, match=r"give faces \(B, T, N, face_dim\), areas"):
        FaceAreaPooling(5, 2)(faces, areas)
    with pytest.raises(ValueError, match="give faces"):
        FaceAreaPooling(4, 2)(faces, areas, scenes)
    with pytest.raises(ValueError, match="give 0 where there is no face"):
        FaceAreaPooling(5, 2)(faces, areas - 1.0, scenes)
    with pytest.raises(ValueError, match="'max' or 'mean'"):
        FaceAreaPooling(5, frames="last")  # type: ignore[arg-type]
