"""Scores of emotional shifts against a walk through each conversation."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor

from affectkit.metrics import (
    EmotionShiftAccuracy,
    EmotionShiftF1,
    classification_metrics,
    emotion_shift_metrics,
)


def batches(count: int = 3) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    found = []
    for size in range(1, count + 1):
        shape = (size, 8)
        label = torch.randint(-1, 3, shape, generator=generator)
        weight = (torch.rand(shape, generator=generator) > 0.2).float()
        logits = torch.randn(*shape, 3, generator=generator)
        logits.scatter_add_(-1, label.clamp(min=0).unsqueeze(-1), torch.ones(*shape, 1))
        speaker = torch.randint(0, 2, shape, generator=generator)
        found.append((logits, torch.where(label < 0, -100, label), weight, speaker))
    return found


def naive(given: list[tuple[Tensor, Tensor, Tensor, Tensor]]) -> dict[str, float]:
    truth, guess, right = [], [], []
    for logits, label, weight, speaker in given:
        for row in range(len(label)):
            felt: dict[int, int] = {}
            said: dict[int, int] = {}
            for turn in range(label.shape[1]):
                if label[row, turn] < 0 or weight[row, turn] == 0:
                    continue
                who, now = int(speaker[row, turn]), int(label[row, turn])
                answer = int(logits[row, turn].argmax())
                if who in felt:
                    truth.append(int(felt[who] != now))
                    guess.append(int(said[who] != answer))
                    right.append(answer == now)
                felt[who], said[who] = now, answer
    shifted = [hit for hit, shift in zip(right, truth, strict=True) if shift]
    steady = [hit for hit, shift in zip(right, truth, strict=True) if not shift]
    return {
        "shift_accuracy": sum(shifted) / len(shifted),
        "steady_accuracy": sum(steady) / len(steady),
        "shift_f1": float(f1_score(truth, guess)),
    }


def test_equal_a_walk_through_each_conversation() -> None:
    metrics = emotion_shift_metrics()
    for logits, label, weight, speaker in batches():
        metrics.update(logits, label, weight, speaker=speaker)
    expected = naive(batches())
    found = {name: float(value) for name, value in metrics.compute().items()}
    assert found == pytest.approx(expected)
    assert len(set(found.values())) == 3


def test_beside_the_usual_metrics_states_are_not_mixed_up() -> None:
    together = classification_metrics(2)
    together.add_metrics(emotion_shift_metrics())
    label, speaker = torch.tensor([[0, 1, 0, 1]]), torch.zeros(1, 4, dtype=torch.int64)
    # A first batch after which all counts are zero must not make them one group.
    together.update(label, torch.full_like(label, -100), torch.ones(1, 4), speaker=speaker)
    together.update(torch.zeros_like(label), label, torch.ones(1, 4), speaker=speaker)
    found = {name: float(value) for name, value in together.compute().items()}
    assert found["accuracy"] == 0.5 and found["shift_accuracy"] == pytest.approx(1 / 3)
    assert found["shift_f1"] == 0 and found["steady_accuracy"] == 0


def test_sums_over_ranks_are_those_of_all_conversations() -> None:
    given = batches(4)
    whole, parts = EmotionShiftF1(), [EmotionShiftF1() for _ in range(3)]
    for number, (logits, label, weight, speaker) in enumerate(given):
        for metric in (whole, parts[number % 2]):  # the third rank has nothing
            metric.update(logits, label, weight, speaker=speaker)
    merged = EmotionShiftF1()
    merged.turns_by_shift = torch.stack([part.turns_by_shift for part in parts]).sum(0)
    assert torch.equal(merged.turns_by_shift, whole.turns_by_shift)
    assert whole.turns_by_shift.dtype == torch.int64


def test_without_a_shift_they_are_0_and_conversations_are_asked_for() -> None:
    metric = EmotionShiftAccuracy()
    metric.update(torch.zeros(2, 1, dtype=torch.int64), torch.zeros(2, 1), speaker=torch.zeros(2, 1))
    assert float(metric.compute()) == 0
    assert (metric.protocol, EmotionShiftAccuracy(shifted=False).protocol) == (
        "war[emotion shift]",
        "war[no emotion shift]",
    )
    with pytest.raises(ValueError, match="and no speakers: give conversations"):
        metric.update(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"speakers \(2, 2\)"):
        metric.update(torch.zeros(2, 3), torch.zeros(2, 3), speaker=torch.zeros(2, 2))
