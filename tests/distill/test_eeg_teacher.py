"""Electrodes, maps of the head and the teacher that reads them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from affectkit.distill import (
    ELECTRODE_LAYOUTS,
    TopographicEncoder,
    TopographicMap,
    VATeacher,
    electrode_positions,
    teacher_views,
)
from affectkit.distill.electrodes import _on_sphere
from affectkit.types import AffectOutput, Encoding

MIRROR = {"1": "2", "3": "4", "5": "6", "7": "8", "9": "10"}


def test_layouts_have_their_electrodes_in_different_places() -> None:
    assert {name: len(electrodes) for name, electrodes in ELECTRODE_LAYOUTS.items()} == {
        "dreamer14": 14,
        "ten_twenty19": 19,
        "biosemi64": 64,
    }
    for name in ELECTRODE_LAYOUTS:
        places = electrode_positions(name)
        assert float(torch.pdist(places).min()) > 0.1
        assert float(places.norm(dim=1).max()) <= 1 + 1e-9
    known = set(ELECTRODE_LAYOUTS["biosemi64"])
    assert set(ELECTRODE_LAYOUTS["ten_twenty19"]) < known and set(ELECTRODE_LAYOUTS["dreamer14"]) < known


def test_tenths_of_the_way_and_mirrored_sides() -> None:
    # Straight ahead, to the right, behind; in tenths of the way from Cz to the line of the ears.
    for name, place in {
        "Cz": (0.0, 0.0),
        "Fpz": (0.0, 0.8),
        "AFz": (0.0, 0.6),
        "Oz": (0.0, -0.8),
        "Iz": (0.0, -1.0),
        "T8": (0.8, 0.0),
        "C4": (0.4, 0.0),
        "C2": (0.2, 0.0),
        "F8": (0.8 * math.sin(math.radians(54)), 0.8 * math.cos(math.radians(54))),
        "P10": (math.sin(math.radians(126)), math.cos(math.radians(126))),
        "O2": (0.8 * math.sin(math.radians(18)), -0.8 * math.cos(math.radians(18))),
        "T4": (0.8, 0.0),
        "t6": (0.8 * math.sin(math.radians(54)), -0.8 * math.cos(math.radians(54))),
    }.items():
        assert electrode_positions([name])[0].tolist() == pytest.approx(place, abs=1e-9), name
    for name in ELECTRODE_LAYOUTS["biosemi64"]:
        row, number = name[:-1], name[-1]
        if number in MIRROR:
            left, right = electrode_positions([name, row + MIRROR[number]])
            assert left.tolist() == pytest.approx([-right[0].item(), right[1].item()], abs=1e-9)
            assert left[0] < 0


def test_a_row_lies_in_equal_steps_on_the_circle_through_its_ends_and_middle() -> None:
    for row in ("AF", "F", "FC", "CP", "PO"):
        end = {"FC": "FT7", "CP": "TP7"}.get(row, row + "7")
        points = [_on_sphere(name) for name in (row + "z", row + "1", row + "3", row + "5", end)]
        assert all(float(point.norm()) == pytest.approx(1.0, abs=1e-9) for point in points)
        steps = [float((one - other).norm()) for one, other in pairwise(points)]
        assert steps == pytest.approx([steps[0]] * 4, abs=1e-9)
        normal = torch.linalg.cross(points[1] - points[0], points[4] - points[0])
        for point in points:
            assert float(normal @ (point - points[0])) == pytest.approx(0.0, abs=1e-9)


def test_a_map_shows_where_a_value_is() -> None:
    size = 41
    drawing = TopographicMap("biosemi64", size=size)
    places = electrode_positions("biosemi64")
    for name in ("F3", "AFz", "CP4"):
        channel = ELECTRODE_LAYOUTS["biosemi64"].index(name)
        picture = drawing(torch.eye(64)[channel])
        x, y = places[channel].tolist()
        highest = divmod(int(picture.argmax()), size)
        expected = ((1 - y) / 2 * size - 0.5, (x + 1) / 2 * size - 0.5)
        assert math.dist(highest, expected) < 1.5
        assert picture.max().item() == pytest.approx(1.0, abs=0.1)
    slope = drawing(places[:, 1].float())
    assert slope[0, 20].item() == pytest.approx(1 - 1 / size, abs=1e-4)
    corners = slope[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert not corners.any() and drawing(torch.ones(3, 2, 64)).shape == (3, 2, size, size)


def test_a_picture_has_one_channel_a_band_with_the_power_where_it_is() -> None:
    encoder = TopographicEncoder("dreamer14", 4, size=20, hidden_dim=4)
    time = torch.arange(512) / 128
    signal = 1e-2 * torch.randn(1, 14, 512, generator=torch.Generator().manual_seed(0))
    channel = ELECTRODE_LAYOUTS["dreamer14"].index("F4")
    signal[0, channel] += 20 * torch.sin(2 * torch.pi * 10 * time)
    alpha, others = encoder.pictures(signal)[0, 1], encoder.pictures(signal)[0, [0, 2, 3]]
    y, x = divmod(int(alpha.argmax()), 20)
    assert x > 10 and y < 10 and float(alpha.max()) > float(others.max()) + 2


def test_a_teacher_learns_which_side_is_louder() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    teacher = VATeacher(TopographicEncoder("dreamer14", 8, size=8, hidden_dim=4), scale="va.one_to_nine")
    side = torch.rand(64, generator=generator) * 2 - 1
    left = electrode_positions("dreamer14")[:, 0] < 0
    gain = 10 * (1 + torch.where(left, -0.8 * side.unsqueeze(1), 0.8 * side.unsqueeze(1)))
    signal = gain.float().unsqueeze(-1) * torch.randn(64, 14, 256, generator=generator)
    goal = 5 + 4 * side
    optimizer = torch.optim.Adam(teacher.parameters(), lr=0.02)
    errors = []
    for _ in range(60):
        output: AffectOutput = teacher(signal)
        assert output.dims is not None
        assert bool(((output.dims >= 1) & (output.dims <= 9)).all())
        error = (output.dims[:, 0] - goal).square().mean()
        errors.append(error.item())
        optimizer.zero_grad()
        torch.autograd.backward(error)
        optimizer.step()
    assert errors[-1] < 0.15 * errors[0]
    assert sorted(teacher_views(output)) == ["teacher_dims", "teacher_embedding"]


def test_a_dead_electrode_and_other_rows_change_nothing_else() -> None:
    encoder = TopographicEncoder("dreamer14", 4, size=8, hidden_dim=4)
    signal = torch.randn(3, 14, 256, generator=torch.Generator().manual_seed(0))
    signal[0, 3] = 0.0
    whole: Encoding = encoder(signal, torch.ones(3, 256, dtype=torch.bool))
    alone: Encoding = encoder(signal[1:2])
    assert bool(whole.pooled.isfinite().all())
    torch.testing.assert_close(whole.pooled[1:2], alone.pooled, rtol=1e-4, atol=1e-5)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="No electrode layout is called 'dreamer'"):
        TopographicMap("dreamer")
    for wrong in ("A1", "Q3", "F", "M2"):
        with pytest.raises(ValueError, match=f"'{wrong}' is no electrode"):
            electrode_positions([wrong])
    with pytest.raises(ValueError, match="values of 13 channels for 14"):
        TopographicMap("dreamer14", size=4)(torch.ones(13))
    with pytest.raises(ValueError, match="size=1"):
        TopographicMap("dreamer14", size=1)
    with pytest.raises(ValueError, match="span the plane"):
        TopographicMap(["Fz", "Cz", "Pz"])
    encoder = TopographicEncoder("dreamer14", 4, size=8, hidden_dim=4)
    padded = torch.ones(1, 256, dtype=torch.bool)
    padded[0, -1] = False
    for signal, mask in ((torch.ones(1, 14, 256), padded), (torch.ones(1, 13, 256), None)):
        with pytest.raises(ValueError, match="without padding"):
            encoder(signal, mask)
    for sizes in ({"size": 6}, {"hidden_dim": 2}, {"out_dim": 0}):
        with pytest.raises(ValueError, match="multiples of 4"):
            TopographicEncoder("dreamer14", **sizes)  # type: ignore[arg-type]
