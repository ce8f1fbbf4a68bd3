from __future__ import annotations

import pytest
import torch

from affectkit.fusion import ConcatFusion, GatedFusion, SumFusion
from affectkit.temporal import TemporalStreams, TemporalTransformer
from affectkit.types import Encoding, Fusion

WIDTHS = {"face": 6, "context": 6}


def clip(seed: int) -> torch.Tensor:
    return torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(seed))


def model() -> TemporalTransformer:
    return TemporalTransformer(6, num_frames=4, heads=2, head_dim=3, hidden_dim=8)


def build(fusion: Fusion | None = None) -> TemporalStreams:
    torch.manual_seed(0)
    fused = ConcatFusion(WIDTHS, out_dim=5) if fusion is None else fusion
    return TemporalStreams({"face": model(), "context": model()}, fusion=fused).eval()


def test_each_stream_has_its_own_model_and_all_are_fused() -> None:
    streams = build()
    face, context = clip(0), clip(1)
    result: Encoding = streams({"face": face, "context": context})
    own: dict[str, Encoding] = {
        "face": streams.temporal["face"](face),
        "context": streams.temporal["context"](context),
    }
    torch.testing.assert_close(result.pooled, streams.fusion(own).pooled, rtol=0, atol=0)
    swapped: Encoding = streams({"face": context, "context": face})
    assert not torch.allclose(result.pooled, swapped.pooled)
    assert streams.out_dim == result.pooled.shape[-1] == 5


@pytest.mark.parametrize(
    "fusion", [ConcatFusion(WIDTHS), SumFusion(WIDTHS), GatedFusion(WIDTHS, 6)], ids=["concat", "sum", "gate"]
)
def test_a_clip_without_a_stream_ignores_what_is_there(fusion: Fusion) -> None:
    streams = build(fusion)
    present = {"face": torch.tensor([True, False, True])}
    first: Encoding = streams({"face": clip(0), "context": clip(1)}, None, present)
    spoiled = clip(0)
    spoiled[1] = 9.0
    second: Encoding = streams({"face": spoiled, "context": clip(1)}, None, present)
    assert torch.equal(first.pooled, second.pooled)
    full: Encoding = streams({"face": spoiled, "context": clip(1)})
    assert not torch.allclose(full.pooled[1], second.pooled[1])


def test_masks_reach_their_stream() -> None:
    streams = build()
    mask = torch.tensor([[True, True, False, False]]).expand(3, -1)
    result: Encoding = streams({"face": clip(0), "context": clip(1)}, {"face": mask})
    cut: Encoding = streams({"face": clip(0)[:, :2], "context": clip(1)})
    torch.testing.assert_close(result.pooled, cut.pooled, rtol=0, atol=1e-6)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="got no stream"):
        TemporalStreams({}, fusion=ConcatFusion(WIDTHS))
    with pytest.raises(TypeError, match="got str as 'face'"):
        TemporalStreams({"face": "model"}, fusion=ConcatFusion(WIDTHS))  # type: ignore[dict-item]
    with pytest.raises(KeyError, match="got 'hands'"):
        build()({"hands": clip(0)})
