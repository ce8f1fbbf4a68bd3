"""MMGCN against its formulas, one node at a time, and against torch-geometric."""

from __future__ import annotations

import copy
import math
from itertools import combinations
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.conversation import MMGCN
from affectkit.conversation.angular_graph import angular_graph
from affectkit.conversation.initial_residual_layer import InitialResidualLayer
from affectkit.types import Encoding

WIDTHS = {"visual": 5, "text": 6, "audio": 4}
NAMES = sorted(WIDTHS)
LENGTHS = (6, 3, 1)
MASK = torch.arange(6) < torch.tensor(LENGTHS).unsqueeze(1)
SPEAKER = torch.tensor([[0, 1, 0, 2, 1, 0]]).expand(3, -1).masked_fill(~MASK, -1)


def parts(dtype: torch.dtype = torch.float32, *, seed: int = 0) -> dict[str, Encoding]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: Encoding(torch.randn(3, 6, width, generator=generator).to(dtype), mask=MASK)
        for name, width in WIDTHS.items()
    }


def some_missing() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {name: torch.rand(3, 6, generator=generator) < 0.6 for name in NAMES}


def cosine(one: Tensor, other: Tensor) -> Tensor:
    lengths = one.norm() * other.norm()
    return torch.zeros_like(lengths) if lengths.detach() == 0 else one @ other / lengths


def naive(
    model: MMGCN,
    features: dict[str, Tensor],
    there: dict[str, list[bool]],
    who: list[int],
    *,
    past: int | None,
    future: int | None,
) -> Tensor:
    """One conversation of real utterances as a list of nodes, linked over ``past`` and ``future`` turns."""
    count = len(who)
    nodes: dict[tuple[str, int], Tensor] = {}
    for index, name in enumerate(NAMES):
        turns = [turn for turn in range(count) if there[name][turn]]
        given = features[name][turns]
        if name == model.recurrent and turns:
            assert model.recurrence is not None
            given = model.recurrence(Encoding(given.unsqueeze(0))).pooled[0]
        for place, turn in enumerate(turns):
            node = model.projections[index](given[place])
            if model.num_speakers is not None:
                node = node + model.speaker_vectors[who[turn]]
            nodes[name, turn] = node

    back, ahead = (count if side is None else side for side in (past, future))

    def linked(one: tuple[str, int], other: tuple[str, int]) -> bool:
        if one[0] == other[0]:
            return -ahead <= one[1] - other[1] <= back
        return one[1] == other[1]

    weight = {
        (i, j): 1 - torch.acos(0.99999 * cosine(nodes[i], nodes[j])) / math.pi
        for i in nodes
        for j in nodes
        if linked(i, j)
    }
    degree = {i: torch.stack([weight[i, j] for j in nodes if (i, j) in weight]).sum() for i in nodes}
    first = {i: torch.relu(model.start(node)) for i, node in nodes.items()}
    state = dict(first)
    for number, layer in enumerate(model.layers, start=1):
        assert isinstance(layer, InitialResidualLayer)
        theta = math.log(0.5 / number + 1)
        heard = {
            i: torch.stack(
                [weight[i, j] / (degree[i] * degree[j]).sqrt() * state[j] for j in nodes if (i, j) in weight]
            ).sum(0)
            for i in nodes
        }
        state = {
            i: torch.relu(
                theta * (layer.weight.weight @ torch.cat([heard[i], first[i]]))
                + (1 - theta) * (0.9 * heard[i] + 0.1 * first[i])
            )
            for i in nodes
        }
    nothing = torch.zeros(2 * model.start.out_features, dtype=torch.float64)
    rows = [
        torch.cat(
            [
                torch.cat([nodes[name, turn], state[name, turn]]) if (name, turn) in nodes else nothing
                for name in NAMES
            ]
        )
        for turn in range(count)
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("context", ["past", "both"])
@pytest.mark.parametrize("num_speakers", [None, 3])
@pytest.mark.parametrize("window", [(None, None), (2, 1)])
def test_equals_a_loop_over_nodes_forward_and_backward(
    context: Literal["past", "both"], num_speakers: int | None, window: tuple[int | None, int | None]
) -> None:
    torch.manual_seed(0)
    past, future = window
    model = MMGCN(
        WIDTHS,
        3,
        num_layers=3,
        context=context,
        window_past=past,
        window_future=future,
        num_speakers=num_speakers,
    ).double()
    if num_speakers is not None:
        nn.init.normal_(model.speaker_vectors)
    twin = copy.deepcopy(model)
    given, present = parts(torch.float64), some_missing()
    scale = torch.randn(3, 6, model.out_dim, dtype=torch.float64)
    result = model(given, present, SPEAKER).pooled
    torch.autograd.backward((result * scale).sum())
    for row, length in enumerate(LENGTHS):
        expected = naive(
            twin,
            {name: part.pooled[row, :length] for name, part in given.items()},
            {name: present[name][row, :length].tolist() for name in NAMES},
            SPEAKER[row, :length].tolist(),
            past=past,
            future=future if context == "both" else 0,
        )
        torch.testing.assert_close(result[row, :length], expected, rtol=0, atol=1e-11)
        torch.autograd.backward((expected * scale[row, :length]).sum())
    for key, parameter in model.named_parameters():
        gradient = twin.get_parameter(key).grad
        assert parameter.grad is not None and gradient is not None and bool(gradient.any()), key
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-9, atol=1e-9)


def test_the_convolution_is_that_of_torch_geometric() -> None:
    """GCN2Conv scales both inputs before its matrices, ours are the same up to that scale."""
    from torch_geometric.nn import GCN2Conv

    torch.manual_seed(0)
    nodes = torch.randn(1, 2, 5, 4, dtype=torch.float64)
    flags = torch.ones(1, 2, 5, dtype=torch.bool)
    graph = angular_graph(nodes, flags, past_only=False)
    whole = torch.zeros(10, 10, dtype=torch.float64)
    for modality in range(2):
        rows = slice(5 * modality, 5 * modality + 5)
        whole[rows, rows] = graph.within[0, modality]
    for turn in range(5):
        whole[turn, 5 + turn] = graph.across[0, turn, 0, 1]
        whole[5 + turn, turn] = graph.across[0, turn, 1, 0]
    ours = InitialResidualLayer(4, number=2, alpha=0.1, strength=0.5).double()
    theirs = GCN2Conv(4, alpha=0.1, theta=0.5, layer=2, shared_weights=False, normalize=False).double()
    with torch.no_grad():
        theirs.weight1.copy_(ours.weight.weight[:, :4].T / 0.9)
        theirs.weight2.copy_(ours.weight.weight[:, 4:].T / 0.1)
    state = torch.randn_like(nodes)
    result = ours(graph.propagate(state), nodes)
    receiver, sender = whole.nonzero(as_tuple=True)
    expected: Tensor = theirs(
        state.reshape(10, 4), nodes.reshape(10, 4), torch.stack([sender, receiver]), whole[receiver, sender]
    )
    torch.testing.assert_close(result.reshape(10, 4), F.relu(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("context", ["past", "both"])
def test_padding_and_company_have_no_influence(context: Literal["past", "both"]) -> None:
    torch.manual_seed(0)
    model = MMGCN(WIDTHS, 4, context=context, num_speakers=3)
    given, present = parts(), some_missing()
    result = model(given, present, SPEAKER)
    assert result.pooled.shape == (3, 6, model.out_dim) and not result.pooled[~MASK].any()
    noisy = {
        name: Encoding(part.pooled.masked_fill(~(MASK & present[name]).unsqueeze(-1), torch.nan), mask=MASK)
        for name, part in given.items()
    }
    leaves = {name: part.pooled.requires_grad_() for name, part in noisy.items()}
    again = model(noisy, present, SPEAKER).pooled
    torch.testing.assert_close(again, result.pooled, rtol=0, atol=0)
    torch.autograd.backward(again.square().sum())
    for name, leaf in leaves.items():
        assert leaf.grad is not None and not leaf.grad[~(MASK & present[name])].any()
        assert bool(leaf.grad.isfinite().all())
    for row, length in enumerate(LENGTHS):
        alone = model(
            {name: Encoding(part.pooled[row : row + 1, :length]) for name, part in given.items()},
            {name: flag[row : row + 1, :length] for name, flag in present.items()},
            SPEAKER[row : row + 1, :length],
        )
        torch.testing.assert_close(alone.pooled[0], result.pooled[row, :length], rtol=0, atol=1e-6)


def test_turns_in_gaps_of_the_mask_are_stepped_over() -> None:
    torch.manual_seed(0)
    model = MMGCN(WIDTHS, 4, num_speakers=2)
    turns = torch.tensor([0, 2, 3, 5])
    mask = torch.zeros(1, 6, dtype=torch.bool).index_fill(1, turns, value=True)
    speaker = torch.tensor([[0, -1, 1, 0, -1, 1]])
    given = {name: part.pooled[:1] for name, part in parts().items()}
    sparse = model({name: Encoding(x, mask=mask) for name, x in given.items()}, None, speaker).pooled
    dense = model({name: Encoding(x[:, turns]) for name, x in given.items()}, None, speaker[:, turns]).pooled
    torch.testing.assert_close(sparse[:, turns], dense, rtol=0, atol=1e-6)


@pytest.mark.parametrize("subset", [s for size in (1, 2, 3) for s in combinations(NAMES, size)])
def test_any_subset_of_modalities_has_the_same_shape(subset: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    model = MMGCN(WIDTHS, 4)
    given = parts()
    some = model({name: given[name] for name in subset}).pooled
    present = {name: torch.full((3, 6), name in subset) for name in NAMES}
    torch.testing.assert_close(some, model(given, present).pooled, rtol=0, atol=1e-6)
    assert some.shape == (3, 6, model.out_dim)
    for index, name in enumerate(NAMES):
        block = some[..., 8 * index : 8 * index + 8]
        assert bool(block[MASK].any(-1).all()) == (name in subset)
        assert bool(block.any()) == (name in subset)


def test_past_only_is_causal_and_both_sides_are_not() -> None:
    given, changed = parts(), parts(seed=9)
    early = torch.arange(6).view(1, 6, 1) < 4
    mixed = {
        name: Encoding(torch.where(early, part.pooled, changed[name].pooled), mask=MASK)
        for name, part in given.items()
    }
    for context in ("past", "both"):
        torch.manual_seed(0)
        model = MMGCN(WIDTHS, 4, context=context)
        before, after = model(given).pooled[0, :4], model(mixed).pooled[0, :4]
        if context == "past":
            torch.testing.assert_close(before, after, rtol=0, atol=1e-6)
        else:
            assert bool((before != after).any(-1).all())


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-20])
def test_equal_and_zero_features_have_finite_gradients(value: float) -> None:
    torch.manual_seed(0)
    nodes = torch.full((2, 3, 4, 5), value, requires_grad=True)
    graph = angular_graph(nodes, torch.ones(2, 3, 4, dtype=torch.bool), past_only=False)
    torch.autograd.backward(graph.within.square().sum() + graph.across.sum())
    assert bool(graph.within.isfinite().all()) and bool(graph.across.isfinite().all())
    assert nodes.grad is not None and bool(nodes.grad.isfinite().all())


def test_nobody_there_is_zero_and_stays_finite() -> None:
    torch.manual_seed(0)
    model = MMGCN(WIDTHS, 4)
    nobody = {name: torch.zeros(3, 6, dtype=torch.bool) for name in NAMES}
    result = model(parts(), nobody).pooled
    assert not result.any()
    torch.autograd.backward(result.sum())
    for parameter in model.parameters():
        assert parameter.grad is not None and not parameter.grad.any()


def test_another_modality_may_be_recurrent_or_none() -> None:
    torch.manual_seed(0)
    two = {"audio": 4, "visual": 5}
    given = {name: parts()[name] for name in two}
    assert MMGCN(two, 4).recurrence is None
    assert MMGCN(WIDTHS, 4).recurrent == "text"
    model = MMGCN(two, 4, recurrent="audio", cell="gru", context="both")
    assert model.recurrence is not None and model(given).pooled.shape == (3, 6, model.out_dim)


def test_bad_input_is_one_sentence() -> None:
    for wrong in ({"num_layers": 0}, {"num_speakers": 0}):
        with pytest.raises(ValueError, match=">= 1"):
            MMGCN(WIDTHS, 4, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="alpha=2"):
        MMGCN(WIDTHS, 4, alpha=2.0)
    with pytest.raises(ValueError, match="recurrent='speech'"):
        MMGCN(WIDTHS, 4, recurrent="speech")
    model = MMGCN(WIDTHS, 4, num_speakers=2)
    with pytest.raises(ValueError, match=r"was built for .* and got \['smell'\]"):
        model({"smell": parts()["text"]}, None, SPEAKER)
    with pytest.raises(ValueError, match="give conversations"):
        model({"text": Encoding(torch.zeros(3, 6))})
    with pytest.raises(ValueError, match="needs to know who speaks"):
        model(parts())
    with pytest.raises(ValueError, match="num_speakers=2 and got a conversation of 3 speakers"):
        model(parts(), None, SPEAKER)
