"""What every context model keeps: padding, time and reversal."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from affectkit.conversation import (
    BcLSTM,
    DialogueGCN,
    DialogueRNN,
    MatchingAttention,
    ResidualTransformerStack,
    TransformerContext,
)
from affectkit.types import Context, Encoding

Side = Literal["past", "both"]


def build(name: str, side: Side) -> Context:
    torch.manual_seed(0)
    models: dict[str, Context] = {
        "lstm": BcLSTM(6, 4, num_layers=2, context=side),
        "gru": BcLSTM(6, 4, num_layers=2, context=side, cell="gru"),
        "dialogue_gcn": DialogueGCN(6, 4, context=side, window_past=2, window_future=2),
        "dialogue_gcn_pairs": DialogueGCN(6, 4, context=side, num_speakers=3, edge_attention="position"),
        "dialogue_rnn": DialogueRNN(6, 4, context=side),
        "dialogue_rnn_full": DialogueRNN(6, 4, context=side, listener=True, attention=True),
        "attention": MatchingAttention(6, context=side),
        "transformer": TransformerContext(6, 4, num_heads=2, context=side, dropout=0.0),
        "transformer_window": TransformerContext(
            6, 4, num_heads=2, context=side, window_past=3, window_future=4, speakers="relative", dropout=0.0
        ),
        "stack": ResidualTransformerStack(6, num_encoders=2, num_heads=2, context=side),
    }
    return models[name]


NAMES = (
    "lstm",
    "gru",
    "dialogue_gcn",
    "dialogue_gcn_pairs",
    "dialogue_rnn",
    "dialogue_rnn_full",
    "attention",
    "transformer",
    "transformer_window",
    "stack",
)
MASK = torch.tensor(
    [
        [True] * 7,
        [True, True, True, False, False, False, False],
        [True, False, True, True, False, True, False],
    ]
)


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    speaker = torch.randint(0, 3, MASK.shape, generator=generator).masked_fill(~MASK, -1)
    return torch.randn(*MASK.shape, 6, generator=generator), speaker


@pytest.mark.parametrize("side", ["past", "both"])
@pytest.mark.parametrize("name", NAMES)
def test_padding_has_no_influence_and_comes_out_as_zero(name: str, side: Side) -> None:
    model = build(name, side)
    features, speaker = batch()
    result = model(Encoding(features, mask=MASK), speaker)
    assert result.pooled.shape == (*MASK.shape, model.out_dim)
    assert result.mask is not None and bool((result.mask == MASK).all())
    assert not result.pooled[~MASK].any()

    disturbed = features.clone()
    disturbed[~MASK] = float("nan")
    torch.testing.assert_close(
        model(Encoding(disturbed, mask=MASK), speaker).pooled, result.pooled, rtol=0, atol=0
    )
    # Each conversation alone, its real utterances only, gives what the padded batch gave.
    for row in range(len(MASK)):
        real = MASK[row]
        alone = model(Encoding(features[row : row + 1, real]), speaker[row : row + 1, real])
        torch.testing.assert_close(alone.pooled[0], result.pooled[row, real], rtol=0, atol=5e-6)


@pytest.mark.parametrize("side", ["past", "both"])
@pytest.mark.parametrize("name", NAMES)
def test_padding_has_no_gradient(name: str, side: Side) -> None:
    model = build(name, side)
    features, speaker = batch()
    features[~MASK] = float("nan")
    features.requires_grad_()
    torch.autograd.backward(model(Encoding(features, mask=MASK), speaker).pooled.square().sum())
    assert features.grad is not None
    assert not features.grad[~MASK].any() and bool(features.grad[MASK].any())
    assert isinstance(model, nn.Module)
    for parameter in model.parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_past_only_models_are_causal_and_others_are_not(name: str) -> None:
    features, speaker = batch()
    changed = features.clone()
    changed[:, 4:] += 1.0
    renamed = speaker.clone()
    renamed[0, 4:] = torch.tensor([2, 2, 2])
    causal = build(name, "past")
    torch.testing.assert_close(
        causal(Encoding(features, mask=MASK), speaker).pooled[:, :4],
        causal(Encoding(changed, mask=MASK), renamed).pooled[:, :4],
        rtol=0,
        atol=1e-6,
    )
    both = build(name, "both")
    before = both(Encoding(features, mask=MASK), speaker).pooled
    after = both(Encoding(changed, mask=MASK), speaker).pooled
    assert bool((before[0, :4] != after[0, :4]).any(-1).all())
    # A conversation that ends before the change stays as it was.
    torch.testing.assert_close(before[1], after[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_bc_lstm_equals_torch_on_each_conversation(cell: Literal["lstm", "gru"]) -> None:
    torch.manual_seed(0)
    model = BcLSTM(6, 4, num_layers=2, context="both", cell=cell)
    reference = (nn.LSTM if cell == "lstm" else nn.GRU)(6, 4, 2, batch_first=True, bidirectional=True)
    state = {}
    for side, suffix in (("ahead", ""), ("back", "_reverse")):
        for layer in range(2):
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                weight = model.state_dict()[f"{side}.{layer}.{kind}_l0"]
                state[f"{kind}_l{layer}{suffix}"] = weight
    reference.load_state_dict(state)
    features, speaker = batch()
    result = model(Encoding(features, mask=MASK), speaker).pooled
    for row in range(len(MASK)):
        expected: Tensor = reference(features[row : row + 1, MASK[row]])[0][0]
        torch.testing.assert_close(result[row, MASK[row]], expected, rtol=0, atol=1e-6)


def test_dropout_acts_in_training_only() -> None:
    features, speaker = batch()
    for model in (BcLSTM(6, 4, dropout=0.5), DialogueRNN(6, 4, dropout=0.5)):
        first = model(Encoding(features, mask=MASK), speaker).pooled
        assert not torch.equal(first, model(Encoding(features, mask=MASK), speaker).pooled)
        model.eval()
        first = model(Encoding(features, mask=MASK), speaker).pooled
        assert torch.equal(first, model(Encoding(features, mask=MASK), speaker).pooled)


def test_a_row_without_any_utterance_is_zero() -> None:
    mask = torch.tensor([[False, False], [True, True]])
    speaker = torch.tensor([[-1, -1], [0, 1]])
    for name in NAMES:
        pooled = build(name, "both")(Encoding(torch.ones(2, 2, 6), mask=mask), speaker).pooled
        assert not pooled[0].any() and bool(pooled[1].isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_refuses_wrong_shapes(name: str) -> None:
    model, speaker = build(name, "past"), torch.zeros(2, 3, dtype=torch.long)
    with pytest.raises(ValueError, match=r"give \(B, U, 6\)"):
        model(Encoding(torch.zeros(2, 3, 5)), speaker)
    with pytest.raises(ValueError, match=r"a mask of shape \(2, 4\)"):
        model(Encoding(torch.zeros(2, 3, 6), mask=torch.ones(2, 4, dtype=torch.bool)), speaker)


def test_bc_lstm_refuses_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="num_layers=0"):
        BcLSTM(6, 4, num_layers=0)
    with pytest.raises(ValueError, match="'past' or 'both'"):
        BcLSTM(6, 4, context="future")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'lstm' or 'gru'"):
        BcLSTM(6, 4, cell="rnn")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'past' or 'both'"):
        MatchingAttention(6, context="future")  # type: ignore[arg-type]
