"""Each fusion against its formula, row by row."""

from __future__ import annotations

import pytest
import torch

from affectkit.fusion import ConcatFusion, GatedFusion, MeanFusion
from affectkit.types import Encoding

PARTS = {
    "text": Encoding(torch.randn(3, 4, generator=torch.Generator().manual_seed(0))),
    "audio": Encoding(torch.randn(3, 2, generator=torch.Generator().manual_seed(1))),
}
PRESENT = {"text": torch.tensor([True, True, False]), "audio": torch.tensor([True, False, False])}


def test_concatenation_orders_by_name_and_fills_the_absent() -> None:
    fusion = ConcatFusion({"text": 4, "audio": 2})
    with torch.no_grad():
        fusion.absent[0].fill_(7.0)
        fusion.absent[1].fill_(9.0)
    expected = torch.stack(
        [
            torch.cat([PARTS["audio"].pooled[0], PARTS["text"].pooled[0]]),
            torch.cat([torch.full((2,), 7.0), PARTS["text"].pooled[1]]),
            torch.tensor([7.0] * 2 + [9.0] * 4),
        ]
    )
    assert torch.equal(fusion(PARTS, PRESENT).pooled, expected)
    assert fusion.out_dim == 6


def test_gates_equal_a_loop_over_rows() -> None:
    torch.manual_seed(0)
    fusion = GatedFusion({"text": 4, "audio": 2}, 3)
    result = fusion(PARTS, PRESENT).pooled
    shares = fusion.gates(PARTS, PRESENT)
    names = ["audio", "text"]
    for row in range(3):
        here = [name for name in names if bool(PRESENT[name][row])]
        if not here:
            assert not result[row].any() and not shares["text"][row].any()
            continue
        inputs = [PARTS[name].pooled[row] * (name in here) for name in names]
        flags = torch.tensor([float(name in here) for name in names])
        scores = fusion.gate(torch.cat([*inputs, flags])).reshape(2, 3)
        places = [names.index(name) for name in here]
        gates = torch.softmax(scores[places], dim=0)
        hidden = torch.stack([torch.tanh(fusion.values[place](inputs[place])) for place in places])
        torch.testing.assert_close(result[row], (gates * hidden).sum(0))
        for name, gate in zip(here, gates):
            torch.testing.assert_close(shares[name][row], gate.mean())
    assert not shares["audio"][1].any()
    torch.testing.assert_close(shares["text"][1], torch.tensor(1.0))


def test_dropout_acts_in_training_only() -> None:
    for fusion in (ConcatFusion({"text": 4}, dropout=0.5), GatedFusion({"text": 4}, 64, dropout=0.5)):
        parts = {"text": PARTS["text"]}
        assert bool((fusion(parts).pooled == 0).any())
        fusion.eval()
        assert not bool((fusion(parts).pooled == 0).any())


def test_wrong_widths_are_refused() -> None:
    for wrong in ({}, {"text": 0}):
        with pytest.raises(ValueError, match="at least one modality"):
            ConcatFusion(wrong)
        with pytest.raises(ValueError, match="at least one modality"):
            GatedFusion(wrong, 3)
    with pytest.raises(ValueError, match="out_dim=0"):
        GatedFusion({"text": 4}, 0)


def test_the_mean_counts_what_is_there() -> None:
    fusion = MeanFusion({"text": 4, "audio": 2}, out_dim=3)
    audio, text = (projection for projection in fusion.projections)
    with torch.no_grad():
        expected = torch.stack(
            [
                (audio(PARTS["audio"].pooled[0]) + text(PARTS["text"].pooled[0])) / 2,
                text(PARTS["text"].pooled[1]),
                torch.zeros(3),
            ]
        )
        torch.testing.assert_close(fusion(PARTS, PRESENT).pooled, expected)
    alone = MeanFusion({"text": 4})
    assert not list(alone.parameters())
    torch.testing.assert_close(alone({"text": PARTS["text"]}).pooled, PARTS["text"].pooled)
    with pytest.raises(ValueError, match="which differ: give out_dim"):
        MeanFusion({"text": 4, "audio": 2})
