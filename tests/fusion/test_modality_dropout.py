from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from affectkit.fusion import MeanFusion, ModalityDropout
from affectkit.types import Encoding

PARTS = {
    "text": Encoding(torch.full((4000, 1), 2.0)),
    "audio": Encoding(torch.full((4000, 1), 4.0)),
}


class Recorder(nn.Module):
    """A fusion that keeps the flags it was given."""

    out_dim = 1

    def __init__(self) -> None:
        super().__init__()
        self.seen: Mapping[str, Tensor] | None = None

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        self.seen = present
        return next(iter(parts.values()))


def test_modalities_go_with_the_rate_but_never_all_of_a_row() -> None:
    torch.manual_seed(0)
    recorder = Recorder()
    present = {"text": torch.ones(4000, dtype=torch.bool), "audio": torch.arange(4000) % 2 == 0}
    ModalityDropout(recorder, rate=0.4)(PARTS, present)
    assert recorder.seen is not None
    text, audio = recorder.seen["text"], recorder.seen["audio"]
    assert bool((text | audio).all()) and not bool((audio & ~present["audio"]).any())
    # A row that has only text keeps it; with both, one goes with 0.4 - 0.4 * 0.4 / 2.
    assert bool(text[1::2].all())
    for flag in (text[::2], audio[::2]):
        assert float((~flag).float().mean()) == pytest.approx(0.32, abs=0.03)


def test_it_acts_in_training_only_and_follows_the_generator() -> None:
    fusion = ModalityDropout(MeanFusion({"text": 1, "audio": 1}), rate=0.5)
    torch.manual_seed(3)
    first = fusion(PARTS).pooled
    torch.manual_seed(3)
    assert torch.equal(fusion(PARTS).pooled, first) and set(first.flatten().tolist()) == {2.0, 3.0, 4.0}
    assert not torch.equal(fusion(PARTS).pooled, first)
    fusion.eval()
    assert set(fusion(PARTS).pooled.flatten().tolist()) == {3.0}


def test_what_the_fusion_refuses_is_refused_in_training_too() -> None:
    fusion = ModalityDropout(MeanFusion({"text": 1, "audio": 1}), rate=0.5)
    with pytest.raises(ValueError, match="got no modality at all"):
        fusion({})
    with pytest.raises(ValueError, match="one flag for each row"):
        fusion(PARTS, {"text": torch.ones(2, dtype=torch.bool)})
    with pytest.raises(ValueError, match=r"got \['smell'\]"):
        fusion(PARTS, {"smell": torch.ones(4000, dtype=torch.bool)})
    for rate in (-0.1, 1.0):
        with pytest.raises(ValueError, match="give a probability from 0 to below 1"):
            ModalityDropout(Recorder(), rate=rate)
