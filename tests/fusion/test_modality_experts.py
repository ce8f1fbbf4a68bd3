from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

from affectkit import distributed
from affectkit.fusion import ModalityExpertFusion
from affectkit.types import Encoding

if TYPE_CHECKING:
    from tests.conftest import RunRanks

WIDTHS = {"text": 4, "audio": 3}


def built(**options: float) -> ModalityExpertFusion:
    torch.manual_seed(0)
    fusion = ModalityExpertFusion(WIDTHS, 5, num_experts=3, rank=2, **options).double()
    with torch.no_grad():
        fusion.up.normal_()
    return fusion


PARTS = {
    name: Encoding(torch.randn(6, width, generator=torch.Generator().manual_seed(width), dtype=torch.float64))
    for name, width in WIDTHS.items()
}
PRESENT = {
    "text": torch.tensor([True, True, False, False, True, True]),
    "audio": torch.tensor([True, False, True, False, True, True]),
}


def test_each_modality_takes_its_likeliest_expert() -> None:
    fusion = built(alpha=6.0)
    result, weights = fusion(PARTS, PRESENT).pooled, fusion.weights(PARTS, PRESENT)
    names = sorted(WIDTHS)
    for row in range(6):
        hidden, values = [], []
        for place, name in enumerate(names):
            if not bool(PRESENT[name][row]):
                hidden.append(torch.zeros(5, dtype=torch.float64))
                continue
            u = fusion.projections[place](PARTS[name].pooled[row])
            hidden.append(u)
            choice = torch.softmax(fusion.expert_gates[place](u), 0)
            expert = int(choice.argmax())
            low = fusion.down.weight @ u
            values.append(u + 6.0 / 2 * choice[expert] * fusion.up[place, expert] @ low)
        here = [place for place, name in enumerate(names) if bool(PRESENT[name][row])]
        flags = torch.tensor([float(place in here) for place in (0, 1)], dtype=torch.float64)
        shares = torch.softmax(fusion.modality_gate(torch.cat([*hidden, flags]))[here], 0)
        expected = torch.zeros(5, dtype=torch.float64)
        for share, value, place in zip(shares, values, here):
            expected = expected + share * value
            torch.testing.assert_close(weights[names[place]][row], share)
        torch.testing.assert_close(result[row], expected)


def test_without_training_experts_add_nothing() -> None:
    torch.manual_seed(0)
    fusion = ModalityExpertFusion({"text": 4}, 5)
    part = torch.randn(2, 4)
    torch.testing.assert_close(fusion({"text": Encoding(part)}).pooled, fusion.projections[0](part))


def test_balance_is_the_formula_and_learning_from_it_makes_gates_fair() -> None:
    fusion = built()
    shares = fusion.weights(PARTS, PRESENT)
    used = 0.0
    for place, name in enumerate(sorted(WIDTHS)):
        rows = PARTS[name].pooled[PRESENT[name]]
        choice = torch.softmax(fusion.expert_gates[place](fusion.projections[place](rows)), -1)
        share = torch.bincount(choice.argmax(-1), minlength=3) / len(rows)
        used = used + 3 * (share * choice.mean(0)).sum().item() - 1
    mean = [shares[name].sum().item() / 5 for name in ("audio", "text")]
    # Five rows have anything: audio alone once, text alone once, both three times.
    fair = [(1 + 3 / 2) / 5, (1 + 3 / 2) / 5]
    gate = sum(a * math.log(a / u) for a, u in zip(mean, fair))
    assert fusion.balance(PARTS, PRESENT).item() == pytest.approx(gate + used / 2, abs=1e-6)

    with torch.no_grad():
        fusion.modality_gate.bias.copy_(torch.tensor([4.0, -4.0]))
    optimizer = torch.optim.Adam(fusion.parameters(), lr=0.05)
    before = fusion.balance(PARTS, PRESENT).item()
    for _ in range(100):
        optimizer.zero_grad()
        torch.autograd.backward(fusion.balance(PARTS, PRESENT))
        optimizer.step()
    assert before > 0.2 and abs(fusion.balance(PARTS, PRESENT).item()) < 0.05


def test_padding_does_not_count_in_the_balance() -> None:
    fusion = built()
    mask = torch.tensor([[True, True, False], [True, False, False]])
    parts = {name: Encoding(part.pooled.reshape(2, 3, -1), mask=mask) for name, part in PARTS.items()}
    real = {name: Encoding(part.pooled[mask]) for name, part in parts.items()}
    torch.testing.assert_close(fusion.balance(parts), fusion.balance(real))


def rank_balance(split: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """Balance on this rank, and the gradient that ranks make of it when each counts by its rows."""
    rank = distributed.rank()
    rows = slice(sum(split[:rank]), sum(split[: rank + 1]))
    fusion = built()
    parts = {name: Encoding(part.pooled[rows]) for name, part in PARTS.items()}
    present = {name: flag[rows] for name, flag in PRESENT.items()}
    balance, alone = fusion.balance(parts, present), fusion.balance(parts, present, gather=False)
    torch.autograd.backward(balance * split[rank])
    gradient = [
        torch.zeros(0) if parameter.grad is None else distributed.all_reduce_sum(parameter.grad).flatten()
        for parameter in fusion.parameters()
    ]
    return [balance.item(), alone.item()], (torch.cat(gradient) / sum(split)).tolist()


@pytest.mark.distributed
@pytest.mark.parametrize("split", [(3, 3), (5, 1), (6, 0)])
def test_two_ranks_balance_their_gates_as_one(run_ranks: RunRanks, split: tuple[int, int]) -> None:
    (value, _), expected = rank_balance((6,))
    found = run_ranks(rank_balance, split)
    for (everywhere, _), gradient in found:
        assert everywhere == pytest.approx(value, abs=1e-7)
        torch.testing.assert_close(torch.tensor(gradient), torch.tensor(expected), rtol=0, atol=1e-7)
    # Each by itself measures something else.
    assert any(abs(alone - value) > 1e-3 for (_, alone), _ in found) or 0 in split


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="num_experts=0"):
        ModalityExpertFusion(WIDTHS, 5, num_experts=0)
