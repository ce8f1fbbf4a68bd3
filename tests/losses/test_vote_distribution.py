from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from affectkit.losses import VoteDistributionLoss
from affectkit.types import AffectOutput, Target


def test_is_torchs_soft_cross_entropy_over_the_rows_with_votes() -> None:
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    votes = torch.tensor([[5.0, 3, 2], [0, 0, 0], [1, 0, 0], [math.nan, 1, 0], [2, 2, 0]])
    terms = VoteDistributionLoss()(AffectOutput(logits=logits), Target(distribution=votes))
    real = [0, 2, 4]
    shares = votes[real] / votes[real].sum(-1, keepdim=True)
    assert terms.total.item() == pytest.approx(F.cross_entropy(logits[real], shares).item(), abs=1e-6)
    assert float(terms.weight) == 3.0


def test_a_named_head_is_compared_with_its_own_votes() -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    votes = torch.tensor([[5.0, 3, 2], [0, 0, 0], [1, 0, 0], [math.nan, math.nan, math.nan]])
    plain = VoteDistributionLoss()(AffectOutput(logits=logits), Target(distribution=votes))
    output = AffectOutput(logits=torch.zeros(4, 2), extra={"faces": logits})
    named = VoteDistributionLoss(head="faces")(output, Target(extra={"faces": votes}))
    assert torch.equal(named.total, plain.total) and torch.equal(named.weight, plain.weight)
    assert set(named.terms) == {"votes_faces"}
    with pytest.raises(ValueError, match="compares extra 'other'"):
        VoteDistributionLoss(head="other")(output, Target(extra={"faces": votes}))


@pytest.mark.parametrize("row", [[3.0, -1.0, 1.0], [1.0, -1.0, 0.0], [-2.0, -1.0, 0.0]])
def test_negative_votes_are_refused_where_the_row_is_real(row: list[float]) -> None:
    output = AffectOutput(logits=torch.zeros(2, 2, 3, requires_grad=True))
    votes = torch.tensor([[[5.0, 3, 2], [1, 0, 0]], [[0, 0, 1], row]])
    with pytest.raises(ValueError, match=r"in row 1, 1: give numbers of 0 or more, and NaN or all 0 where"):
        VoteDistributionLoss()(output, Target(distribution=votes))
    padded = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    terms = VoteDistributionLoss()(output, Target(distribution=votes, weight=padded))
    assert terms.total.item() == pytest.approx(math.log(3), abs=1e-6) and float(terms.weight) == 3.0


def test_where_votes_are_not_looked_at_negative_ones_do_not_pass() -> None:
    class Elsewhere(torch.Tensor):
        """Rows that say to lie on another device, as on a GPU."""

        device = torch.device("cuda")

    votes = torch.tensor([[5.0, 3, 2], [1, -1, 0]]).as_subclass(Elsewhere)
    terms = VoteDistributionLoss()(AffectOutput(logits=torch.zeros(2, 3)), Target(distribution=votes))
    assert math.isnan(terms.total.item())
