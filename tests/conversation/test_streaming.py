"""One turn after the other gives what the whole conversation gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor

from affectkit.conversation import (
    MMGCN,
    BcLSTM,
    DialogueGCN,
    DialogueRNN,
    M2FNet,
    MatchingAttention,
    ResidualTransformerStack,
    StreamingContext,
    StreamingFusion,
    TransformerContext,
    advance_context,
)
from affectkit.conversation.streaming import reads_speakers
from affectkit.fusion import FusionAttention
from affectkit.types import Context, Encoding, Fusion, ModalityContext

TURNS = 9
SPEAKER = torch.tensor([[0, 1, 0, 0, 2, 1, 3, 0, 2]])

CONTEXTS: dict[str, Callable[[], Context]] = {
    "lstm": lambda: BcLSTM(6, 4, num_layers=2),
    "gru": lambda: BcLSTM(6, 4, num_layers=2, cell="gru"),
    "dialogue_rnn": lambda: DialogueRNN(6, 4, global_dim=5, party_dim=3),
    "dialogue_rnn_full": lambda: DialogueRNN(6, 4, listener=True, attention=True),
    "dialogue_rnn_window": lambda: DialogueRNN(6, 4, window_past=2),
    "dialogue_gcn": lambda: DialogueGCN(6, 4, graph_dim=3, window_past=2),
    "dialogue_gcn_all": lambda: DialogueGCN(6, 4, window_past=None, num_speakers=4, attention=False),
    "dialogue_gcn_position_window": lambda: DialogueGCN(
        6, 4, cell="gru", window_past=3, edge_attention="position", max_turns=TURNS, attention=False
    ),
    "dialogue_gcn_window": lambda: DialogueGCN(
        6, 4, num_layers=2, window_past=2, num_speakers=4, num_bases=None, attention=False
    ),
    "transformer": lambda: TransformerContext(6, 4, num_heads=2),
    "transformer_window": lambda: TransformerContext(6, 4, num_heads=2, window_past=2, num_layers=3),
    "transformer_self": lambda: TransformerContext(6, 4, num_heads=2, window_past=0),
    "transformer_relative": lambda: TransformerContext(6, 4, num_heads=2, window_past=3, speakers="relative"),
    "stack": lambda: ResidualTransformerStack(6, num_encoders=3, num_heads=2, window_past=2),
}
WIDTHS = {"audio": 4, "text": 6, "visual": 2}
FUSIONS: dict[str, Callable[[], Fusion]] = {
    "attention": lambda: FusionAttention(WIDTHS, 4, num_heads=2, num_layers=3),
    "attention_window": lambda: FusionAttention(WIDTHS, 4, num_heads=2, num_layers=2, window_past=2),
    "attention_key": lambda: FusionAttention(WIDTHS, 4, num_heads=2, num_layers=2, value_from="key"),
    "mmgcn": lambda: MMGCN(WIDTHS, 4, num_layers=3, num_speakers=4),
    "mmgcn_window": lambda: MMGCN(WIDTHS, 4, num_layers=2, window_past=2, recurrent="audio", cell="gru"),
    "mmgcn_turn": lambda: MMGCN({**WIDTHS}, 4, num_layers=2, window_past=0),
    "m2fnet": lambda: M2FNet(WIDTHS, 4, num_heads=2, num_encoders=2, num_fusion_layers=2),
    "m2fnet_window": lambda: M2FNet(
        WIDTHS, 4, num_heads=2, num_encoders=2, num_fusion_layers=2, window_past=1
    ),
}


def scrambled(model: torch.nn.Module) -> torch.nn.Module:
    """With no parameter at zero, so that each can be seen."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


@pytest.mark.parametrize("name", sorted(CONTEXTS))
def test_turn_by_turn_equals_the_whole_conversation(name: str) -> None:
    torch.manual_seed(0)
    model = CONTEXTS[name]()
    assert isinstance(model, torch.nn.Module)
    scrambled(model)
    assert isinstance(model, StreamingContext)
    features = torch.randn(1, TURNS, 6)
    with torch.no_grad():
        whole = model(Encoding(features), SPEAKER).pooled[0]
        state: dict[str, Tensor] = {}
        sizes = []
        for turn in range(TURNS):
            before = {key: value.clone() for key, value in state.items()}
            found, after = model.advance(features[:, turn], int(SPEAKER[0, turn]), state)
            torch.testing.assert_close(found[0], whole[turn], rtol=1e-5, atol=1e-6)
            assert all(torch.equal(state[key], before[key]) for key in before)
            state = after
            sizes.append(sum(value.numel() for value in state.values()))
    if "window" in name or name in ("lstm", "gru", "transformer_self", "transformer_relative", "stack"):
        # What is kept, and so what a turn costs, stops growing: the last turns bring no new speaker.
        assert sizes[-1] == sizes[-2]
    else:
        assert sizes[-1] > sizes[-2]


@pytest.mark.parametrize("name", sorted(FUSIONS))
def test_modalities_turn_by_turn_equal_the_whole_conversation(name: str) -> None:
    torch.manual_seed(0)
    model = FUSIONS[name]()
    assert isinstance(model, torch.nn.Module)
    scrambled(model)
    assert isinstance(model, StreamingFusion)
    parts = {key: Encoding(torch.randn(1, TURNS, width)) for key, width in WIDTHS.items()}
    present = {key: torch.rand(1, TURNS) > 0.4 for key in WIDTHS}
    for flags in present.values():
        flags[0, 3] = False  # a turn without anything
    assert not all(bool(flags.all()) for flags in present.values())
    with torch.no_grad():
        if reads_speakers(model):
            whole = cast(ModalityContext, model)(parts, present, SPEAKER).pooled[0]
        else:
            whole = model(parts, present).pooled[0]
        state: dict[str, Tensor] = {}
        for turn in range(TURNS):
            # What lies where a modality is absent must not be read.
            rows = {
                key: part.pooled[:, turn] if present[key][0, turn] else torch.full((1, WIDTHS[key]), 1e3)
                for key, part in parts.items()
            }
            flags_now = {key: bool(flags[0, turn]) for key, flags in present.items()}
            found, state = model.advance_parts(rows, flags_now, int(SPEAKER[0, turn]), state)
            torch.testing.assert_close(found[0], whole[turn], rtol=1e-5, atol=1e-5)
    if "window" in name:
        # MMGCN keeps the turn itself among those of its window.
        limit = 3 if "mmgcn" in name else 2
        assert max(len(value) for key, value in state.items()) <= limit


def test_whoever_joins_late_has_listened_from_the_start() -> None:
    torch.manual_seed(0)
    model = DialogueRNN(6, 4, listener=True).eval()
    features = torch.randn(1, 3, 6)
    state: dict[str, Tensor] = {}
    for turn, speaker in enumerate((0, 0, 1)):
        found, state = model.advance(features[:, turn], speaker, state)
    expected = model(Encoding(features), torch.tensor([[0, 0, 1]])).pooled[0, -1]
    torch.testing.assert_close(found[0], expected)
    assert len(state["party"]) == 3


@pytest.mark.parametrize(
    "model",
    [
        BcLSTM(6, 4, context="both"),
        DialogueGCN(6, 4, context="both"),
        DialogueRNN(6, 4, context="both"),
        TransformerContext(6, 4, context="both"),
        ResidualTransformerStack(6, num_heads=2, context="both"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_that_looks_ahead_is_refused(model: StreamingContext) -> None:
    with pytest.raises(ValueError, match=r"looks ahead \(context='both'\).*train it with context='past'"):
        model.advance(torch.zeros(1, 6), 0, {})


def test_a_graph_says_what_it_was_not_made_for() -> None:
    model = DialogueGCN(6, 4, num_speakers=2, edge_attention="position", max_turns=1).eval()
    _, state = model.advance(torch.zeros(1, 6), 0, {})
    with pytest.raises(ValueError, match="made for num_speakers=2 and got a conversation of 3"):
        model.advance(torch.zeros(1, 6), 2, state)
    with pytest.raises(ValueError, match="made for max_turns=1 and got a conversation of 2"):
        model.advance(torch.zeros(1, 6), 1, state)
    fusion = MMGCN({"text": 6}, 4, num_speakers=2).eval()
    with pytest.raises(ValueError, match="num_speakers=2"):
        fusion.advance_parts({"text": torch.zeros(1, 6)}, {"text": True}, 2, {})


def test_a_model_without_a_state_runs_over_all_turns() -> None:
    torch.manual_seed(0)
    model = scrambled(MatchingAttention(6))
    assert isinstance(model, MatchingAttention) and not isinstance(model, StreamingContext)
    features = torch.randn(1, TURNS, 6)
    whole = model(Encoding(features)).pooled[0]
    state: dict[str, Tensor] = {}
    for turn in range(TURNS):
        found, state = advance_context(model, features[:, turn], 0, state)
        torch.testing.assert_close(found[0], whole[turn])
    with pytest.raises(ValueError, match="MatchingAttention looks ahead"):
        advance_context(MatchingAttention(6, context="both"), features[:, 0], 0, {})
    model.context = "sideways"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="does not say whether it looks ahead"):
        advance_context(model, features[:, 0], 0, {})


def test_a_fusion_that_looks_ahead_is_refused() -> None:
    rows = {"audio": torch.zeros(1, 4), "text": torch.zeros(1, 6)}
    for model in (
        FusionAttention({"audio": 4, "text": 6}, 4, context="both"),
        M2FNet({"audio": 4, "text": 6}, 4, num_heads=2, context="both"),
        MMGCN({"audio": 4, "text": 6}, 4, context="both"),
    ):
        with pytest.raises(ValueError, match="looks ahead"):
            model.advance_parts(rows, {"audio": True, "text": True}, 0, {})
