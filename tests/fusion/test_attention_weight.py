from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affectkit.fusion import AttentionWeightFusion
from affectkit.types import Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "emotiontalk_merbench_attention.npz"
PARTS = {
    "text": Encoding(torch.randn(3, 4, generator=torch.Generator().manual_seed(0))),
    "audio": Encoding(torch.randn(3, 2, generator=torch.Generator().manual_seed(1))),
}
PRESENT = {"text": torch.tensor([True, True, False]), "audio": torch.tensor([True, False, False])}


@pytest.mark.golden
def test_official_numbers() -> None:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    fusion = AttentionWeightFusion(
        {"text": 6, "audio": 5, "video": 7}, 8, normalize="none", dropout=0.3
    ).eval()
    state: dict[str, Tensor] = {}
    for place, name in enumerate(("audio_encoder", "text_encoder", "video_encoder")):
        state |= renamed(golden, name, f"encoders.{place}")
    state |= renamed(golden, "attention_mlp", "attention")
    state |= {f"scores.{kind}": golden[f"w.fc_att.{kind}"] for kind in ("weight", "bias")}
    fusion.load_state_dict(state)
    parts = {name: Encoding(golden[f"{name}s"]) for name in ("text", "audio", "video")}
    result = fusion(parts).pooled
    torch.testing.assert_close(result, golden["features"])
    for number, name in ((1, "emo_logits"), (2, "val")):
        head = nn.functional.linear(
            result, golden[f"w.fc_out_{number}.weight"], golden[f"w.fc_out_{number}.bias"]
        )
        torch.testing.assert_close(head, golden[name])


def renamed(golden: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    # Linear layers stand at 1, 3 and 5, between dropout and ReLU.
    return {
        f"{new}.{2 * number - 1}.{kind}": golden[f"w.{old}.linear_{number}.{kind}"]
        for number in (1, 2, 3)
        for kind in ("weight", "bias")
    }


@pytest.mark.parametrize("normalize", ["softmax", "none"])
def test_rows_equal_a_loop_over_what_is_there(normalize: str) -> None:
    torch.manual_seed(0)
    fusion = AttentionWeightFusion({"text": 4, "audio": 2}, 5, normalize=normalize, num_layers=2)  # type: ignore[arg-type]
    result, weights = fusion(PARTS, PRESENT).pooled, fusion.weights(PARTS, PRESENT)
    names = ["audio", "text"]
    for row in range(3):
        here = [name for name in names if bool(PRESENT[name][row])]
        hidden = {
            name: fusion.encoders[place](PARTS[name].pooled[row]) if name in here else torch.zeros(5)
            for place, name in enumerate(names)
        }
        scores = fusion.scores(fusion.attention(torch.cat([hidden[name] for name in names])))
        kept = scores[[names.index(name) for name in here]]
        shares = torch.softmax(kept, 0) if normalize == "softmax" else kept
        expected = torch.zeros(5)
        for name, share in zip(here, shares):
            expected = expected + share * hidden[name]
            torch.testing.assert_close(weights[name][row], share)
        torch.testing.assert_close(result[row], expected)
        for name in set(names) - set(here):
            assert weights[name][row] == 0


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="normalize='l2': give 'softmax' or 'none'"):
        AttentionWeightFusion({"text": 4}, 5, normalize="l2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="out_dim=5 and num_layers=0"):
        AttentionWeightFusion({"text": 4}, 5, num_layers=0)
