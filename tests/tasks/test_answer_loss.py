"""The likelihood of answers, by hand; rows that count for nothing."""

from __future__ import annotations

import pytest
import torch

from affectkit.tasks.answer_loss import ANSWER, AnswerHead, AnswerLoss
from affectkit.types import AffectOutput, Encoding, Target

LENGTHS = [2, 5, 3]
SAID = torch.tensor([[-1.0, -2.0, -4.0], [-3.0, -1.5, -2.0], [-0.5, -9.0, -6.0], [-7.0, -8.0, -0.1]])


def target() -> Target:
    return Target(label=torch.tensor([1, 2, -100, 0]), weight=torch.tensor([1.0, 1.0, 1.0, 0.0]))


def test_the_loss_is_a_mean_over_tokens_of_answers() -> None:
    said = SAID.clone().requires_grad_()
    terms = AnswerLoss(LENGTHS)(AffectOutput(extra={ANSWER: said}), target())
    assert terms.total.item() == pytest.approx((2.0 + 2.0) / (5 + 3)) and float(terms.weight) == 8
    torch.autograd.backward(terms.total)
    expected = torch.zeros(4, 3)
    expected[0, 1] = expected[1, 2] = -1 / 8
    assert said.grad is not None
    torch.testing.assert_close(said.grad, expected)


def test_scores_of_the_right_answers_alone_give_the_same() -> None:
    right = torch.tensor([-2.0, -2.0, -0.5, -7.0])
    one = AnswerLoss(LENGTHS)(AffectOutput(extra={ANSWER: right}), target())
    two = AnswerLoss(LENGTHS)(AffectOutput(extra={ANSWER: SAID}), target())
    assert torch.equal(one.total, two.total) and torch.equal(one.weight, two.weight)


def test_without_a_label_it_is_a_zero_that_keeps_the_graph() -> None:
    said = SAID.clone().requires_grad_()
    nothing = Target(label=torch.full((4,), -100), weight=torch.ones(4))
    terms = AnswerLoss(LENGTHS)(AffectOutput(extra={ANSWER: said}), nothing)
    assert terms.total.item() == 0.0 and float(terms.weight) == 0.0
    torch.autograd.backward(terms.total)
    assert said.grad is not None and not said.grad.any()
    with pytest.raises(ValueError, match="data with labels"):
        AnswerLoss(LENGTHS)(AffectOutput(), nothing)


def test_a_score_a_token_does_not_punish_long_words() -> None:
    plain = AnswerHead(LENGTHS, per_token=False)(Encoding(SAID))
    divided = AnswerHead(LENGTHS, per_token=True)(Encoding(SAID))
    assert plain.logits is not None and divided.logits is not None
    assert torch.equal(plain.logits, SAID)
    torch.testing.assert_close(divided.logits[0], torch.tensor([-0.5, -0.4, -4 / 3]))
    assert plain.logits.argmax(dim=1)[0] == 0 and divided.logits.argmax(dim=1)[0] == 1
    for output in (plain, divided):
        # The loss is the likelihood, whatever labels are ranked by.
        assert output.extra is not None and torch.equal(output.extra[ANSWER], SAID)
