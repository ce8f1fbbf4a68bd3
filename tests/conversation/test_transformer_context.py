from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from affectkit.conversation import TransformerContext
from affectkit.conversation.turn_layer import TurnLayer
from affectkit.conversation.turn_order import order_of_appearance
from affectkit.functional import window_mask
from affectkit.types import Encoding


def torch_layer(layer: TurnLayer, dim: int, *, norm_first: bool) -> nn.TransformerEncoderLayer:
    """torch's own layer with the same weights."""
    reference = nn.TransformerEncoderLayer(
        dim,
        layer.num_heads,
        layer.widen.out_features,
        dropout=0.0,
        activation="gelu" if norm_first else "relu",
        batch_first=True,
        norm_first=norm_first,
    )
    names = {
        "self_attn.in_proj_": "in_projection.",
        "self_attn.out_proj.": "out_projection.",
        "linear1.": "widen.",
        "linear2.": "narrow.",
        "norm1.": "attention_norm.",
        "norm2.": "feedforward_norm.",
    }
    state = layer.state_dict()
    reference.load_state_dict(
        {
            f"{theirs}{kind}": state[f"{ours}{kind}"]
            for theirs, ours in names.items()
            for kind in ("weight", "bias")
        }
    )
    return reference.train()  # the fast path of evaluation takes no mask of heads


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_layer_equals_that_of_torch(*, norm_first: bool) -> None:
    torch.manual_seed(0)
    layer = TurnLayer(6, num_heads=2, feedforward_dim=10, norm_first=norm_first, dropout=0.0, owner="x")
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    x = torch.randn(3, 5, 6, requires_grad=True)
    seen = torch.ones(5, 5, dtype=torch.bool).tril()
    found: Tensor = layer(x, seen)
    expected: Tensor = torch_layer(layer, 6, norm_first=norm_first)(x, src_mask=~seen)
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found.square().sum(), [x])
    (wanted,) = torch.autograd.grad(expected.square().sum(), [x])
    torch.testing.assert_close(gradient, wanted)


def naive(model: TransformerContext, features: Tensor, speaker: list[int]) -> Tensor:
    """One conversation without padding, written out turn by turn and pair by pair."""
    turns, dim = len(features), model.out_dim
    first: list[int] = []
    rows = []
    for turn in range(turns):
        if speaker[turn] not in first:
            first.append(speaker[turn])
        row: Tensor = model.projection(features[turn])
        half = (dim + 1) // 2
        place = [math.sin(turn / 10_000 ** (k / half)) for k in range(half)]
        place += [math.cos(turn / 10_000 ** (k / half)) for k in range(half)]
        row = row + torch.tensor(place[:dim])
        if model.speakers == "order":
            row = row + model.speaker_vectors[first.index(speaker[turn])]
        rows.append(row)
    x = torch.stack(rows)
    for index, layer in enumerate(model.layers):
        assert isinstance(layer, TurnLayer)
        scores = torch.zeros(layer.num_heads, turns, turns)
        for i in range(turns):
            for j in range(turns):
                past = turns if model.window_past is None else model.window_past
                future = turns if model.window_future is None else model.window_future
                if i - j > past or j - i > future:
                    scores[:, i, j] = -torch.inf
                elif model.speakers == "relative":
                    scores[:, i, j] = model.speaker_scores[index, :, 0 if speaker[i] == speaker[j] else 1]
        x = torch_layer(layer, dim, norm_first=True)(x.unsqueeze(0), src_mask=scores).squeeze(0)
    result: Tensor = model.norm(x)
    return result


@pytest.mark.parametrize("speakers", ["order", "relative", "none"])
@pytest.mark.parametrize(
    ("context", "past", "future"),
    [("past", None, None), ("past", 2, None), ("both", 1, 2), ("both", None, None)],
)
def test_equals_the_formula(
    speakers: Literal["order", "relative", "none"],
    context: Literal["past", "both"],
    past: int | None,
    future: int | None,
) -> None:
    torch.manual_seed(0)
    model = TransformerContext(
        5,
        6,
        num_heads=2,
        context=context,
        window_past=past,
        window_future=future,
        speakers=speakers,
        num_speakers=3,
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    features, who = torch.randn(6, 5), [4, 1, 4, 4, 0, 1]
    # With a gap, which must not count as a turn.
    mask = torch.tensor([[True, True, True, False, True, True, True]])
    padded = torch.full((1, 7, 5), float("nan"))
    padded[mask] = features
    speaker = torch.full((1, 7), -1)
    speaker[mask] = torch.tensor(who)
    found = model(Encoding(padded, mask=mask), speaker).pooled[mask]
    torch.testing.assert_close(found, naive(model, features, who), rtol=1e-4, atol=1e-5)


def test_names_of_speakers_mean_nothing_and_any_number_may_talk() -> None:
    torch.manual_seed(0)
    features = Encoding(torch.randn(1, 6, 4))
    speaker = torch.tensor([[0, 1, 2, 0, 1, 3]])
    other = torch.tensor([[7, 3, 0, 7, 3, 1]])
    for model in (
        TransformerContext(4, 4, num_heads=2, num_speakers=4),
        TransformerContext(4, 4, num_heads=2, speakers="relative"),
    ):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn(parameter.shape))
        model.eval()
        found = model(features, speaker).pooled
        torch.testing.assert_close(found, model(features, other).pooled)
        swapped = torch.tensor([[0, 1, 2, 1, 0, 3]])
        assert not torch.allclose(found, model(features, swapped).pooled)
    small = TransformerContext(4, 4, num_heads=2, num_speakers=3)
    with pytest.raises(ValueError, match=r"num_speakers=3 and got a conversation of 4 speakers.*'relative'"):
        small(features, speaker)
    many = torch.arange(6).unsqueeze(0)
    assert bool(TransformerContext(4, 4, speakers="relative")(features, many).pooled.isfinite().all())


def test_a_place_among_the_speakers_without_training_says_nothing() -> None:
    torch.manual_seed(0)
    model = TransformerContext(4, 4, num_heads=2).eval()
    features = Encoding(torch.randn(1, 3, 4))
    # At the start no vector says anything; training moves those of the speakers it meets.
    alone = model(features, torch.tensor([[0, 0, 0]])).pooled
    torch.testing.assert_close(model(features, torch.tensor([[0, 1, 2]])).pooled, alone)


def test_a_conversation_of_one_turn_and_missing_speakers() -> None:
    model = TransformerContext(4, 4, num_heads=2, context="both").eval()
    one = model(Encoding(torch.ones(1, 1, 4)), torch.tensor([[0]])).pooled
    assert one.shape == (1, 1, 4) and bool(one.isfinite().all())
    with pytest.raises(ValueError, match=r"needs to know who speaks.*set speakers to 'none'"):
        model(Encoding(torch.ones(1, 1, 4)))
    assert TransformerContext(4, 4, speakers="none")(Encoding(torch.ones(1, 1, 4))).pooled.shape == (1, 1, 4)


def test_refuses_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="'past' or 'both'"):
        TransformerContext(4, 4, context="future")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="speakers='name'"):
        TransformerContext(4, 4, speakers="name")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_layers=0"):
        TransformerContext(4, 4, num_layers=0)
    with pytest.raises(ValueError, match="window_past=-1"):
        TransformerContext(4, 4, window_past=-1)
    with pytest.raises(ValueError, match="num_heads=3"):
        TransformerContext(4, 4, num_heads=3)


def test_who_spoke_first_is_first() -> None:
    speaker = torch.tensor([[5, 5, 2, -1, 5, 0], [-1, -1, 3, 1, 3, 1]])
    assert order_of_appearance(speaker).tolist() == [[0, 0, 1, -1, 0, 2], [-1, -1, 0, 1, 0, 1]]


def test_windows_count_real_turns() -> None:
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(4, 8, generator=generator) > 0.3
    for past, future in ((None, 0), (2, 0), (1, 3), (None, None), (0, 0)):
        found = window_mask(mask, window_past=past, window_future=future)
        for row, real in enumerate(mask.tolist()):
            places = [place for place, there in enumerate(real) if there]
            for i in range(8):
                for j in range(8):
                    expected = real[i] and real[j]
                    if expected:
                        ahead = places.index(i) - places.index(j)
                        expected = (past is None or ahead <= past) and (future is None or -ahead <= future)
                    assert bool(found[row, i, j]) == expected
    with pytest.raises(ValueError, match="window_past=-2"):
        window_mask(mask, window_past=-2)
