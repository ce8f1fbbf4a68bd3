"""DialogueGCN against its formulas, one utterance, one neighbour at a time."""

from __future__ import annotations

import copy
from typing import Literal

import pytest
import torch
from torch import Tensor

from affectkit.conversation import DialogueGCN
from affectkit.conversation.turn_window import turn_window
from affectkit.functional import masked_softmax
from affectkit.types import Encoding

SPEAKERS = [[0, 1, 0, 2, 1, 0, 1], [0, 0, 1], [0]]
SPEAKER = torch.full((3, 7), -1)
for row, cast in enumerate(SPEAKERS):
    SPEAKER[row, : len(cast)] = torch.tensor(cast)
MASK = SPEAKER >= 0


def matrix(model: DialogueGCN, relation: int) -> Tensor:
    if model.relations.share is None:
        return model.relations.bases[relation]
    parts = [share * base for share, base in zip(model.relations.share[relation], model.relations.bases)]
    return torch.stack(parts).sum(0)


def naive(model: DialogueGCN, features: Tensor, who: list[int]) -> Tensor:
    """One conversation of real utterances."""
    states = model.recurrence(Encoding(features.unsqueeze(0))).pooled[0]
    count = len(who)
    past, future = (count if side is None else side for side in model.window)
    near = [[j for j in range(count) if i - past <= j <= i + future] for i in range(count)]

    def relation(i: int, j: int) -> int:
        pair = who[i] * model.num_speakers + who[j] if model.num_speakers else int(who[i] != who[j])
        return 2 * pair + int(j > i) if future else pair

    hidden = []
    for i in range(count):
        if model.max_turns is None:
            scores = [states[i] @ model.score.weight.T @ states[j] for j in near[i]]
        else:
            scores = [model.score.weight[i] @ states[j] for j in near[i]]
        weights = torch.softmax(torch.stack(scores), dim=0)
        total = torch.zeros(model.itself.out_features, dtype=features.dtype)
        for weight, j in zip(weights, near[i]):
            alike = sum(relation(i, other) == relation(i, j) for other in near[i])
            total = total + weight / alike * (states[j] @ matrix(model, relation(i, j)))
            if i == j:
                total = total + weight * (model.itself.weight @ states[i])
        hidden.append(torch.relu(total))
    plain = dict(model.neighbours.named_parameters())
    around = []
    for i in range(count):
        heard = torch.stack([hidden[j] for j in near[i]]).sum(0)
        mixed = plain["convolution.lin_rel.weight"] @ heard + plain["convolution.lin_rel.bias"]
        around.append(torch.relu(mixed + plain["convolution.lin_root.weight"] @ hidden[i]))
    joined = torch.cat([states, torch.stack(around)], dim=-1)
    if model.attention is None:
        return joined
    seen = [range(i + 1) if model.context == "past" else range(count) for i in range(count)]
    return torch.stack(
        [
            torch.softmax(joined[list(seen[i])] @ model.attention.transform(joined[i]), dim=0)
            @ joined[list(seen[i])]
            for i in range(count)
        ]
    )


def models() -> dict[str, DialogueGCN]:
    torch.manual_seed(0)
    found = {
        "past": DialogueGCN(6, 3, window_past=2),
        "both": DialogueGCN(6, 3, graph_dim=4, context="both", window_past=2, window_future=1, cell="gru"),
        "pairs": DialogueGCN(
            6, 3, context="both", window_past=1, window_future=2, num_speakers=3, num_bases=2
        ),
        "pairs of the past": DialogueGCN(6, 3, num_speakers=4, num_bases=None, attention=False),
        "everything": DialogueGCN(6, 3, context="both", window_past=None, window_future=None),
        "no future": DialogueGCN(6, 3, context="both", window_past=3, window_future=0, num_bases=None),
        "position": DialogueGCN(6, 3, context="both", edge_attention="position", max_turns=9),
    }
    return {name: model.double() for name, model in found.items()}


@pytest.mark.parametrize("name", models())
def test_equals_a_loop_over_edges_forward_and_backward(name: str) -> None:
    model = models()[name]
    twin = copy.deepcopy(model)
    features = torch.randn(3, 7, 6, dtype=torch.float64)
    scale = torch.randn(3, 7, model.out_dim, dtype=torch.float64)
    one, other = (features.clone().requires_grad_() for _ in range(2))
    result = model(Encoding(one, mask=MASK), SPEAKER).pooled
    torch.autograd.backward((result * scale).sum())
    for row, who in enumerate(SPEAKERS):
        expected = naive(twin, other[row, : len(who)], who)
        torch.testing.assert_close(result[row, : len(who)], expected, rtol=0, atol=1e-11)
        torch.autograd.backward((expected * scale[row, : len(who)]).sum())
    torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-11)
    for key, parameter in model.named_parameters():
        expected_gradient = twin.get_parameter(key).grad
        assert parameter.grad is not None and expected_gradient is not None and bool(parameter.grad.any()), (
            key
        )
        torch.testing.assert_close(parameter.grad, expected_gradient, rtol=0, atol=1e-10)


def test_the_official_attention_over_all_steps_is_one_over_the_window() -> None:
    """Softmax over every time step, padding included, masked to the window and brought to 1 again."""
    torch.manual_seed(0)
    model = DialogueGCN(6, 3, edge_attention="position", max_turns=8, window_past=2, attention=False).double()
    states = torch.randn(7, 3, dtype=torch.float64)
    padded = torch.cat([states, torch.zeros(4, 3, dtype=torch.float64)])
    everywhere = torch.softmax(padded @ model.score.weight.T, dim=0).T[:7]
    window = torch.ones(7, 11, dtype=torch.bool).tril().triu(-2)
    official = torch.where(window, everywhere, 1e-10 * everywhere)
    official = official / official.sum(1, keepdim=True) * window
    real = torch.arange(11).unsqueeze(0) < 7
    around = turn_window(real, past=2, future=0)
    scores = model._scores(padded.unsqueeze(0), real, around)
    ours = masked_softmax(scores, around.real)[0, :7]
    for turn in range(7):
        near = around.real[0, turn]
        torch.testing.assert_close(
            official[turn, around.place[turn, near]], ours[turn, near], rtol=0, atol=1e-8
        )


def test_a_window_bounds_what_is_read() -> None:
    torch.manual_seed(0)
    # Beside its own two turns, a turn reads through its neighbours: two convolutions, twice the window.
    model = DialogueGCN(6, 3, graph_dim=64, window_past=2, window_future=1, context="both")
    speaker = torch.arange(12).unsqueeze(0) % 2
    states = model.recurrence.out_dim

    def graph_part(given: Tensor) -> Tensor:
        order = torch.arange(12).unsqueeze(0)
        return model._convolve(given, speaker, torch.ones_like(order, dtype=torch.bool))

    spoken = torch.randn(1, 12, states)
    changed = spoken.clone()
    changed[:, 6] += 1.0
    touched = (graph_part(spoken) != graph_part(changed)).any(-1)[0]
    assert touched.nonzero().flatten().tolist() == list(range(6 - 2, 6 + 2 * 2 + 1))


@pytest.mark.parametrize("context", ["past", "both"])
def test_relative_relations_read_any_cast_and_no_numbers(context: Literal["past", "both"]) -> None:
    torch.manual_seed(0)
    model = DialogueGCN(6, 4, context=context)
    features = torch.randn(1, 5, 6)
    speaker = torch.tensor([[0, 1, 2, 1, 0]])
    first = model(Encoding(features), speaker).pooled
    renamed = model(Encoding(features), torch.tensor([[40, 7, 0, 7, 40]])).pooled
    torch.testing.assert_close(first, renamed, rtol=0, atol=0)
    assert not torch.allclose(first, model(Encoding(features), torch.tensor([[0, 1, 2, 0, 0]])).pooled)


def test_relations_of_pairs_read_who_speaks_to_whom() -> None:
    torch.manual_seed(0)
    model = DialogueGCN(6, 4, num_speakers=3)
    features = torch.randn(1, 4, 6)
    first = model(Encoding(features), torch.tensor([[0, 1, 0, 1]])).pooled
    # Speakers are numbered by who spoke first; a third one is neither of the two.
    torch.testing.assert_close(first, model(Encoding(features), torch.tensor([[1, 0, 1, 0]])).pooled)
    other = model(Encoding(features), torch.tensor([[0, 1, 0, 2]])).pooled
    torch.testing.assert_close(first[:, :3], other[:, :3])
    assert not torch.allclose(first[:, 3], other[:, 3])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_features_and_one_turn_stay_finite(value: float) -> None:
    torch.manual_seed(0)
    model = DialogueGCN(6, 4, context="both", num_speakers=2)
    for turns in (1, 6):
        features = torch.full((2, turns, 6), value, requires_grad=True)
        speaker = torch.arange(turns).expand(2, -1) % 2
        result = model(Encoding(features), speaker).pooled
        torch.autograd.backward(result.square().sum())
        assert bool(result.isfinite().all())
        assert features.grad is not None and bool(features.grad.isfinite().all())


def test_more_speakers_or_turns_than_it_was_made_for_is_one_sentence() -> None:
    model = DialogueGCN(6, 4, num_speakers=2)
    speaker = torch.tensor([[0, 1, 0], [0, 1, 2]])
    with pytest.raises(ValueError, match="num_speakers=2 and got a conversation of 3 speakers"):
        model(Encoding(torch.zeros(2, 3, 6)), speaker)
    # On padding, a number means nothing.
    mask = torch.tensor([[True, True, True], [True, True, False]])
    assert model(Encoding(torch.zeros(2, 3, 6), mask=mask), speaker).pooled.shape == (2, 3, 8)
    short = DialogueGCN(6, 4, edge_attention="position", max_turns=2)
    assert short(Encoding(torch.zeros(1, 3, 6), mask=mask[1:]), speaker[1:]).pooled.shape == (1, 3, 8)
    with pytest.raises(ValueError, match="max_turns=2 and got a conversation of 3 turns"):
        short(Encoding(torch.zeros(1, 3, 6)), speaker[:1])


@pytest.mark.parametrize(
    ("speaker", "message"),
    [
        (None, "needs to know who speaks"),
        (torch.zeros(2, 4, dtype=torch.long), "one speaker for each utterance"),
        (torch.tensor([[0, 1, -1], [0, 0, 0]]), "without a speaker"),
    ],
)
def test_refuses_bad_speakers(speaker: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DialogueGCN(6, 4)(Encoding(torch.zeros(2, 3, 6)), speaker)


def test_refuses_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="graph_dim=0"):
        DialogueGCN(6, 4, graph_dim=0)
    with pytest.raises(ValueError, match="window_past=-1"):
        DialogueGCN(6, 4, window_past=-1)
    with pytest.raises(ValueError, match="num_speakers=0"):
        DialogueGCN(6, 4, num_speakers=0)
    with pytest.raises(ValueError, match="num_bases=0"):
        DialogueGCN(6, 4, num_bases=0)
    with pytest.raises(ValueError, match="'bilinear' or 'position'"):
        DialogueGCN(6, 4, edge_attention="dot")  # type: ignore[arg-type]
