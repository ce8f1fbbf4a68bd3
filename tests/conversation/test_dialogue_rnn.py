"""DialogueRNN against the stored official numbers and against a step-by-step loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.conversation import DialogueRNN, MatchingAttention
from affectkit.conversation.party_recurrence import PartyRecurrence
from affectkit.heads import ClassificationHead
from affectkit.types import Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "dialoguernn_bimodel.npz"

CELLS = {"global_cell": "g_cell", "party_cell": "p_cell"}


def official_weights(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """Map the official names to ours."""
    state: dict[str, Tensor] = {}
    for index, letter in enumerate("fr"):
        theirs = f"w.dialog_rnn_{letter}.dialogue_cell."
        ours = f"directions.{index}."
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            for cell, name in CELLS.items():
                state[f"{ours}{cell}.{kind}"] = arrays[f"{theirs}{name}.{kind}"]
            state[f"{ours}emotion.{kind}_l0"] = arrays[f"{theirs}e_cell.{kind}"]
        state[f"{ours}query.weight"] = arrays[f"{theirs}attention.transform.weight"]
    for kind in ("weight", "bias"):
        state[f"attention.transform.{kind}"] = arrays[f"w.matchatt.transform.{kind}"]
    return state


def close(value: Tensor, reference: Tensor) -> None:
    """The tolerance of float32 golden vectors: 1e-5 of the largest reference number."""
    assert value.shape == reference.shape
    assert float((value.detach() - reference).abs().max()) <= 1e-5 * float(reference.abs().max())


@pytest.mark.golden
@pytest.mark.parametrize("official_padding", [False, True])
@pytest.mark.parametrize("attention", [False, True])
def test_reproduces_official_bidirectional_model(*, official_padding: bool, attention: bool) -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    model = DialogueRNN(
        6,
        3,
        global_dim=5,
        party_dim=4,
        context="both",
        attention=attention,
        official_padding=official_padding,
    ).eval()
    weights = official_weights(arrays)
    if not attention:
        weights = {name: weight for name, weight in weights.items() if not name.startswith("attention.")}
    model.load_state_dict(weights)
    head = ClassificationHead(6, 7, hidden_dim=8).eval()
    head.load_state_dict(
        {
            "projection.layers.1.weight": arrays["w.linear.weight"],
            "projection.layers.1.bias": arrays["w.linear.bias"],
            "classifier.weight": arrays["w.smax_fc.weight"],
            "classifier.bias": arrays["w.smax_fc.bias"],
        }
    )
    mask = arrays["umask"].bool()
    speaker = arrays["qmask"].argmax(-1).T.masked_fill(~mask, -1)

    result = model(Encoding(arrays["U"].transpose(0, 1), mask=mask), speaker)
    logits = head(result).logits
    log_probability = torch.log_softmax(logits, dim=-1)

    # The default differs from the official code on padding alone, where it is 0.
    rows = torch.ones_like(mask) if official_padding else mask
    name = "log_prob_att" if attention else "log_prob_noatt"
    close(log_probability[rows], arrays[name].transpose(0, 1)[rows])
    if not attention:
        close(result.pooled[..., :3][rows], arrays["emotion_forward"].transpose(0, 1)[rows])
    if not official_padding:
        assert not result.pooled[~mask].any()


def naive(model: DialogueRNN, features: Tensor, speaker: list[int]) -> Tensor:
    """One conversation, one direction, one utterance at a time, with the cells as they are."""
    cells = model.directions[0]
    assert isinstance(cells, PartyRecurrence)
    party: dict[int, Tensor] = {who: torch.zeros(1, cells.party_cell.hidden_size) for who in set(speaker)}
    state = torch.zeros(1, cells.global_cell.hidden_size)
    past: list[Tensor] = []
    spoken: list[Tensor] = []
    for u, who in zip(features, speaker, strict=True):
        u = u.unsqueeze(0)
        context = torch.zeros_like(state)
        if past:
            memory = torch.cat(past)
            query = cells.query(u)
            context = torch.softmax(query @ memory.T, dim=-1) @ memory
        state = cells.global_cell(torch.cat([u, party[who]], dim=1), state)
        past.append(state)
        party[who] = cells.party_cell(torch.cat([u, context], dim=1), party[who])
        spoken.append(party[who])
        if cells.listener_cell is not None:
            for other in party:
                if other != who:
                    heard = torch.cat([u, party[who]], dim=1)
                    party[other] = cells.listener_cell(heard, party[other])
    emotion: Tensor = cells.emotion(torch.stack(spoken, dim=1))[0][0]
    return emotion


@pytest.mark.parametrize("listener", [False, True])
def test_equals_a_loop_over_single_utterances(*, listener: bool) -> None:
    torch.manual_seed(0)
    model = DialogueRNN(6, 3, global_dim=5, party_dim=4, listener=listener).double()
    torch.set_default_dtype(torch.float64)
    try:
        features = torch.randn(3, 6, 6)
        speakers = [[0, 1, 0, 2, 1, 0], [0, 0, 1], [0]]
        speaker = torch.full((3, 6), -1)
        for row, who in enumerate(speakers):
            speaker[row, : len(who)] = torch.tensor(who)
        result = model(Encoding(features, mask=speaker >= 0), speaker).pooled
        for row, who in enumerate(speakers):
            expected = naive(model, features[row, : len(who)], who)
            torch.testing.assert_close(result[row, : len(who)], expected, rtol=0, atol=1e-12)
    finally:
        torch.set_default_dtype(torch.float32)


def test_numbering_of_speakers_does_not_matter() -> None:
    torch.manual_seed(0)
    model = DialogueRNN(6, 4, listener=True, context="both", attention=True)
    features = torch.randn(2, 5, 6)
    speaker = torch.tensor([[0, 1, 2, 1, 0], [0, 0, 1, 0, 1]])
    renamed = torch.tensor([[2, 0, 1, 0, 2], [1, 1, 0, 1, 0]])
    torch.testing.assert_close(
        model(Encoding(features), speaker).pooled, model(Encoding(features), renamed).pooled
    )
    other = speaker.clone()
    other[0, 3] = 0
    assert not torch.allclose(
        model(Encoding(features), speaker).pooled[0], model(Encoding(features), other).pooled[0]
    )


def test_a_listener_is_moved_by_what_it_hears() -> None:
    torch.manual_seed(0)
    plain, listening = DialogueRNN(6, 4), DialogueRNN(6, 4, listener=True)
    listening.load_state_dict(plain.state_dict(), strict=False)
    features, speaker = torch.randn(1, 3, 6), torch.tensor([[0, 1, 0]])
    before = plain(Encoding(features), speaker).pooled
    after = listening(Encoding(features), speaker).pooled
    torch.testing.assert_close(before[:, 0], after[:, 0])
    assert not torch.allclose(before[:, 1], after[:, 1])


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
        DialogueRNN(6, 4)(Encoding(torch.zeros(2, 3, 6)), speaker)


@pytest.mark.parametrize("argument", [{"hidden_dim": 0}, {"hidden_dim": 4, "party_dim": 0}])
def test_refuses_bad_widths(argument: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=">= 1"):
        DialogueRNN(6, **argument)  # type: ignore[arg-type]


def test_refuses_an_unknown_context() -> None:
    with pytest.raises(ValueError, match="'past' or 'both'"):
        DialogueRNN(6, 4, context="future")  # type: ignore[arg-type]


@pytest.mark.parametrize("context", ["past", "both"])
def test_matching_attention_equals_a_loop(context: str) -> None:
    torch.manual_seed(0)
    attention = MatchingAttention(4, context="past" if context == "past" else "both")
    features = torch.randn(2, 5, 4)
    mask = torch.tensor([[True, True, False, True, True], [True, True, True, False, False]])
    result = attention(Encoding(features, mask=mask)).pooled
    for row in range(2):
        for t in range(5):
            if not mask[row, t]:
                assert not result[row, t].any()
                continue
            seen = [s for s in range(5) if mask[row, s] and (context == "both" or s <= t)]
            query = attention.transform(features[row, t])
            share = torch.softmax(torch.stack([query @ features[row, s] for s in seen]), dim=0)
            expected = (share.unsqueeze(-1) * features[row, seen]).sum(0)
            torch.testing.assert_close(result[row, t], expected)
