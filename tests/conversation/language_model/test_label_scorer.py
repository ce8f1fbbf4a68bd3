"""Scores of answers: against one run of the whole text for each, token after token."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from affectkit.conversation.language_model import LabelScorer, low_rank_updates
from affectkit.encoders import ProjectionEncoder
from affectkit.types import Encoder

END = 1
ANSWERS = [[70, 71, END], [70, END], [80, 81, 82, 83, END], [90, END]]
PROMPTS = [[2, 40, 41, 42, 43, 4], [2, 50, 4], [2, 60, 61, 62, 4]]


def padded(*, left: bool = False, filler: int = 0) -> tuple[Tensor, Tensor]:
    longest = max(map(len, PROMPTS)) + 2
    gaps = [longest - len(row) for row in PROMPTS]
    rows = [[filler] * gap + row if left else row + [filler] * gap for row, gap in zip(PROMPTS, gaps)]
    marks = [[False] * gap + [True] * (longest - gap) for gap in gaps]
    return torch.tensor(rows), torch.tensor(marks if left else [mark[::-1] for mark in marks])


def by_hand(model: nn.Module, prompt: list[int], answer: list[int]) -> float:
    """Log-probability of each token, from a run over all that stands before it."""
    total = 0.0
    for place, token in enumerate(answer):
        with torch.no_grad():
            output: Any = model(input_ids=torch.tensor([prompt + answer[:place]]))
        total += float(output.logits[0, -1].double().log_softmax(dim=-1)[token])
    return total


@pytest.mark.parametrize("left", [False, True])
def test_scores_equal_one_run_for_each_token(model: nn.Module, left: bool) -> None:
    scorer = LabelScorer(model, ANSWERS).eval()
    expected = torch.tensor([[by_hand(model, prompt, one) for one in ANSWERS] for prompt in PROMPTS])
    scores = scorer(*padded(left=left)).pooled
    torch.testing.assert_close(scores, expected, rtol=0, atol=2e-5)
    # What lies on padding is never read.
    torch.testing.assert_close(scorer(*padded(left=left, filler=99)).pooled, scores, rtol=0, atol=0)
    for row, prompt in enumerate(PROMPTS):
        torch.testing.assert_close(scorer(torch.tensor([prompt])).pooled[0], scores[row], rtol=0, atol=2e-5)


def test_places_are_counted_from_the_first_real_token() -> None:
    """It matters to models that know places by their number, unlike the one that knows distances."""
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'llm'")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=264, n_positions=32, n_embd=16, n_layer=2, n_head=2, initializer_range=0.5
    )
    model: nn.Module = transformers.GPT2LMHeadModel(config).eval()
    expected = torch.tensor([[by_hand(model, prompt, one) for one in ANSWERS] for prompt in PROMPTS])
    scorer = LabelScorer(model, ANSWERS).eval()
    ids, mask = padded()
    torch.testing.assert_close(scorer(ids, mask).pooled, expected, rtol=0, atol=2e-5)
    for answer in range(4):
        alone = scorer.answer_log_probability(ids, mask, torch.full((3,), answer))
        torch.testing.assert_close(alone, expected[:, answer], rtol=0, atol=2e-5)


def test_one_token_for_each_answer_needs_no_second_run(model: nn.Module) -> None:
    scorer = LabelScorer(model, [[70], [80]]).eval()
    expected = [[by_hand(model, prompt, one) for one in ([70], [80])] for prompt in PROMPTS]
    torch.testing.assert_close(scorer(*padded()).pooled, torch.tensor(expected), rtol=0, atol=2e-5)


def test_the_right_answer_has_the_score_that_it_has_among_others(model: nn.Module) -> None:
    scorer = LabelScorer(model, ANSWERS, noise=5.0).eval()
    ids, mask = padded()
    scores = scorer(ids, mask).pooled
    for answer in range(4):
        chosen = torch.full((3,), answer)
        alone = scorer.answer_log_probability(ids, mask, chosen)
        torch.testing.assert_close(alone, scores[:, answer], rtol=0, atol=2e-5)


def test_only_tokens_of_the_answer_are_learned(model: nn.Module) -> None:
    """The gradient is that of a loss on the answer's tokens, from a run without padding."""
    scorer = LabelScorer(model, ANSWERS).train()
    ids, mask = padded()
    torch.autograd.backward(-scorer.answer_log_probability(ids, mask, torch.tensor([2, 0, 3])).sum())
    found = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    model.zero_grad()
    for prompt, answer in zip(PROMPTS, (ANSWERS[2], ANSWERS[0], ANSWERS[3])):
        output: Any = model(input_ids=torch.tensor([prompt + answer]))
        told = output.logits[0, len(prompt) - 1 : -1]
        torch.autograd.backward(nn.functional.cross_entropy(told, torch.tensor(answer), reduction="sum"))
    assert found
    for name, value in model.named_parameters():
        assert value.grad is not None
        torch.testing.assert_close(found[name], value.grad, rtol=1e-4, atol=1e-5)


def test_noise_is_on_in_training_alone(model: nn.Module) -> None:
    scorer = LabelScorer(model, ANSWERS, noise=5.0)
    ids, mask = padded()
    label = torch.tensor([0, 1, 2])
    quiet = scorer.eval().answer_log_probability(ids, mask, label)
    scorer.train()
    torch.manual_seed(3)
    first = scorer.answer_log_probability(ids, mask, label)
    torch.manual_seed(3)
    again = scorer.answer_log_probability(ids, mask, label)
    other = scorer.answer_log_probability(ids, mask, label)
    assert torch.equal(first, again) and not torch.allclose(first, other)
    assert not torch.allclose(first, quiet)


def test_what_it_writes_is_the_most_likely_and_stops_at_the_end(model: nn.Module) -> None:
    scorer = LabelScorer(model, ANSWERS).eval()
    ids, mask = padded()
    for prompt, written in zip(PROMPTS, scorer.write(ids, mask, max_tokens=4)):
        said: list[int] = []
        for _ in range(4):
            with torch.no_grad():
                output: Any = model(input_ids=torch.tensor([prompt + said]))
            said.append(int(output.logits[0, -1].argmax()))
        assert written == said
    bias = nn.Linear(32, 264)
    nn.init.zeros_(bias.weight)
    with torch.no_grad():
        bias.bias.copy_(torch.arange(264) == END)
    model.lm_head = bias
    assert scorer.write(ids, mask, max_tokens=4) == [[], [], []]


def test_it_is_an_encoder_and_keeps_no_answers_in_its_weights(model: nn.Module) -> None:
    scorer: Encoder = LabelScorer(model, ANSWERS)
    assert isinstance(scorer, nn.Module) and scorer.out_dim == ProjectionEncoder(3, 4).out_dim == 4
    assert {name.split(".")[0] for name in scorer.state_dict()} == {"model"}


def test_low_rank_updates_start_at_nothing_and_are_all_that_is_trained(model: nn.Module) -> None:
    pytest.importorskip("peft", reason="needs the extra 'llm'")
    ids, mask = padded()
    before = LabelScorer(model, ANSWERS).eval()(ids, mask).pooled
    adapted = low_rank_updates(model, rank=2, alpha=4.0, dropout=0.0)
    scorer = LabelScorer(adapted, ANSWERS)
    torch.testing.assert_close(scorer.eval()(ids, mask).pooled, before, rtol=0, atol=1e-6)
    trained = {name for name, value in scorer.named_parameters() if value.requires_grad}
    # Seven linear layers in each of two blocks, two matrices each; not the layer that gives the words.
    assert len(trained) == 28 and all(".lora_" in name for name in trained)
    scorer.train()
    torch.autograd.backward(scorer.answer_log_probability(ids, mask, torch.tensor([0, 1, 2])).sum())
    for name, value in scorer.named_parameters():
        if value.requires_grad:
            # The first matrix gets one as soon as the second is not zero any more.
            assert value.grad is not None and bool(value.grad.any()) == ("lora_B" in name)
    with torch.no_grad():
        for name, value in scorer.named_parameters():
            if "lora_B" in name:
                value.add_(0.1)
    assert not torch.allclose(scorer.eval()(ids, mask).pooled, before)


def test_activations_computed_anew_give_the_same_gradients(model: nn.Module) -> None:
    pytest.importorskip("peft", reason="needs the extra 'llm'")
    ids, mask = padded()
    found: list[dict[str, Tensor]] = []
    for anew in (False, True):
        torch.manual_seed(0)
        adapted = low_rank_updates(copy.deepcopy(model), rank=2, alpha=4.0, dropout=0.0, checkpointing=anew)
        scorer = LabelScorer(adapted, ANSWERS).train()
        runs: list[nn.Module] = []

        def note(module: nn.Module, _: object, runs: list[nn.Module] = runs) -> None:
            runs.append(module)

        layer = next(part for name, part in scorer.named_modules() if name.endswith("layers.0.mlp"))
        layer.register_forward_pre_hook(note)
        torch.autograd.backward(scorer.answer_log_probability(ids, mask, torch.tensor([0, 1, 2])).sum())
        assert len(runs) == 1 + anew
        found.append({n: p.grad for n, p in scorer.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kwargs", [{"rank": 0}, {"alpha": 0.0}, {"dropout": 1.0}])
def test_updates_out_of_range_are_refused(model: nn.Module, kwargs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Low-rank updates got"):
        low_rank_updates(model, **{"rank": 2, "alpha": 4.0, "dropout": 0.0, **kwargs})


def test_answers_that_cannot_be_told_apart_are_refused(model: nn.Module) -> None:
    with pytest.raises(ValueError, match="Answer 0 is the beginning of answer 1"):
        LabelScorer(model, [[70], [70, 71]])
    with pytest.raises(ValueError, match="Answer 0 is the beginning of answer 1"):
        LabelScorer(model, [[70, END], [70, END]])
    with pytest.raises(ValueError, match="2 answers, the shortest of 0 tokens"):
        LabelScorer(model, [[70], []])
