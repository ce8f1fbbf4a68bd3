"""The tensor form of the share of shifts against a loop over speakers."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from affectkit.functional import shift_ratio


def loop(label: Tensor, speaker: Tensor, mask: Tensor) -> list[float]:
    result = []
    for said, who, real in zip(label.tolist(), speaker.tolist(), mask.tolist()):
        own: dict[int, list[int]] = {}
        for a, b, c in zip(said, who, real):
            if c and a != -100:
                own.setdefault(b, []).append(a)
        ratios = []
        for series in own.values():
            shifts = 1 + sum(before != after for before, after in itertools.pairwise(series))
            ratios.append(shifts / (len(series) + 1e-5))
        result.append(sum(ratios) / len(ratios) if ratios else 0.0)
    return result


def test_equals_a_loop_over_speakers_with_unequal_ratios() -> None:
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(0, 3, (64, 9), generator=generator)
    label[torch.rand(64, 9, generator=generator) < 0.2] = -100
    speaker = torch.randint(0, 3, (64, 9), generator=generator)
    mask = torch.rand(64, 9, generator=generator) < 0.8
    value = shift_ratio(label, speaker, mask)
    expected = torch.tensor(loop(label, speaker, mask))
    assert len(set(expected.tolist())) > 20
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-6)


def test_padding_holds_anything() -> None:
    label = torch.tensor([[1, 2, 1, -100], [1, 2, 1, 7]])
    speaker = torch.tensor([[0, 0, 1, -1], [0, 0, 1, 1]])
    mask = torch.tensor([[True, True, True, False]] * 2)
    value = shift_ratio(label, speaker, mask)
    assert value[0] == value[1]


def test_a_conversation_without_labels_is_zero() -> None:
    label = torch.full((1, 3), -100)
    assert shift_ratio(label, torch.zeros_like(label), label < 0).tolist() == [0.0]
