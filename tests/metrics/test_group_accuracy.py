"""Accuracy of a group: its rows alone, and nothing where it has none."""

from __future__ import annotations

import math

import torch

from affectkit.metrics import Accuracy, GroupAccuracy

GUESS = torch.tensor([0, 1, 1, 2, 0, 1])
LABEL = torch.tensor([0, 1, 0, 2, 1, -100])


def test_it_is_the_accuracy_of_the_rows_of_the_group() -> None:
    member = torch.tensor([True, False, True, True, False, True])
    metric, plain = GroupAccuracy(3, group="age=20s"), Accuracy(3)
    for rows in (slice(0, 2), slice(2, 6)):
        metric.update(GUESS[rows], LABEL[rows], member[rows].float())
    plain.update(GUESS[member], LABEL[member])
    right = sum(g == t for g, t, m in zip(GUESS.tolist(), LABEL.tolist(), member.tolist()) if m and t >= 0)
    assert metric.compute().item() == plain.compute().item() == right / 3


def test_an_empty_group_has_no_accuracy() -> None:
    metric = GroupAccuracy(3, group="age=20s")
    metric.update(GUESS, LABEL, torch.zeros(6))
    assert math.isnan(metric.compute().item())
