from __future__ import annotations

import torch

from affectkit.functional import answering_turn, emotion_shift_labels


def conversations() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(20, 9, generator=generator) > 0.2
    label = torch.randint(-1, 3, (20, 9), generator=generator)
    speaker = torch.randint(0, 3, (20, 9), generator=generator).masked_fill(~mask, -1)
    return torch.where(label < 0, -100, label), speaker, mask


def test_shifts_equal_a_walk_through_each_conversation() -> None:
    label, speaker, mask = conversations()
    found = emotion_shift_labels(label, speaker, mask)
    for row in range(len(label)):
        last: dict[int, int] = {}
        for turn in range(9):
            expected = -100
            if bool(mask[row, turn]) and int(label[row, turn]) >= 0:
                who, felt = int(speaker[row, turn]), int(label[row, turn])
                if who in last:
                    expected = int(last[who] != felt)
                last[who] = felt
            assert int(found[row, turn]) == expected
    assert set(found.flatten().tolist()) == {-100, 0, 1}
    assert emotion_shift_labels(label[:, :0], speaker[:, :0], mask[:, :0]).shape == (20, 0)


def test_the_answer_is_the_next_turn_of_somebody_else() -> None:
    _, speaker, mask = conversations()
    found = answering_turn(speaker, mask)
    for row in range(len(mask)):
        for turn in range(9):
            later = [
                place
                for place in range(turn + 1, 9)
                if bool(mask[row, turn] & mask[row, place] & (speaker[row, place] != speaker[row, turn]))
            ]
            assert int(found[row, turn]) == (later[0] if later else -1)
    assert bool((found == -1).any()) and bool((found >= 0).any())
    # One turn, or one speaker: nobody answers.
    assert answering_turn(torch.tensor([[0]]), torch.tensor([[True]])).tolist() == [[-1]]
    assert answering_turn(torch.tensor([[0, 0]]), torch.tensor([[True, True]])).tolist() == [[-1, -1]]
    assert answering_turn(speaker[:, :0], mask[:, :0]).shape == (20, 0)
