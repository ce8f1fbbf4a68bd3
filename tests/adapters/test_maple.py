"""MaPLe against both towers run by hand, at any width and depth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from affectkit.adapters import MaPLe
from affectkit.encoders.clip import ClipBase, UnsupportedTowerError, clip_base, clip_base_from_config

NAMES = ("joy", "deep_sorrow", "anger")
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def uneven(*, text_layers: int = 4) -> ClipBase:
    """Towers of other widths and depths than the usual ones."""
    config: dict[str, Any] = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 3, "width": 48, "head_width": 16, "patch_size": 8},
        "text_cfg": {"vocab_size": 49408, "width": 40, "heads": 2, "layers": text_layers},
    }
    return clip_base_from_config(config, name="uneven")


def text_by_hand(adapter: MaPLe) -> Tensor:
    """All 77 positions of each prompt, with inputs replaced layer by layer."""
    base = adapter.base
    tower: Any = base.require_text()
    ids, end = base.tokenize([f"a photo of a {name.replace('_', ' ')}." for name in NAMES])
    x = tower.token_embedding(ids).clone()
    x[:, 1:3] = adapter.context
    x = x + tower.positional_embedding
    mask = torch.full((77, 77), float("-inf")).triu(1)
    for layer, block in enumerate(tower.transformer.resblocks):
        if 1 <= layer < len(adapter.to_image):
            x = torch.cat([x[:, :1], adapter.deep[layer - 1].expand(3, -1, -1), x[:, 3:]], dim=1)
        x = block(x, attn_mask=mask)
    features: Tensor = tower.norm(x)[torch.arange(3), end] @ tower.projection
    return features


def image_by_hand(adapter: MaPLe) -> Tensor:
    visual: Any = adapter.base.image.visual
    vectors = [adapter.context, *adapter.deep]
    prompts: list[Tensor] = [project(vector) for project, vector in zip(adapter.to_image, vectors)]
    x = visual.conv1(IMAGES).flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.expand(2, 1, -1), x], dim=1) + visual.positional_embedding
    x = visual.ln_pre(torch.cat([x, prompts[0].expand(2, -1, -1)], dim=1))
    for layer, block in enumerate(visual.transformer.resblocks):
        if 1 <= layer < len(prompts):
            x = torch.cat([x[:, :-2], prompts[layer].expand(2, -1, -1)], dim=1)
        x = block(x)
    pooled: Tensor = visual.ln_post(x[:, 0]) @ visual.proj
    return pooled


@pytest.mark.parametrize("depth", [1, 2, 3, None])
def test_equals_both_towers_by_hand(depth: int | None) -> None:
    torch.manual_seed(0)
    adapter = MaPLe(uneven(), NAMES, depth=depth)
    assert len(adapter.deep) == (depth or 3) - 1 and len(adapter.to_image) == (depth or 3)
    torch.testing.assert_close(adapter.text_features(), text_by_hand(adapter), rtol=0, atol=3e-6)
    torch.testing.assert_close(adapter.encode(IMAGES).pooled, image_by_hand(adapter), rtol=0, atol=3e-6)


def test_everything_it_adds_learns_and_nothing_else() -> None:
    torch.manual_seed(0)
    adapter = MaPLe(uneven(), NAMES, depth=3)
    logits = adapter(adapter.encode(IMAGES)).logits
    assert logits is not None
    torch.autograd.backward(torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2])))
    for name, parameter in adapter.named_parameters():
        assert parameter.requires_grad != name.startswith("base."), name
        if parameter.requires_grad:
            assert parameter.grad is not None and bool(parameter.grad.any()), name
    assert adapter.adapts_images


def test_precision_follows_the_towers() -> None:
    adapter = MaPLe(clip_base("tiny"), NAMES).double()
    output = adapter.encode(IMAGES.double())
    assert output.pooled.dtype == torch.float64 and adapter.text_features().dtype == torch.float64
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = MaPLe(clip_base("tiny"), NAMES)
        logits = low(low.encode(IMAGES)).logits
        assert logits is not None
    torch.autograd.backward(logits.sum())
    assert low.context.grad is not None and bool(low.context.grad.isfinite().all())


@pytest.mark.parametrize("name", ["tiny-siglip", "tiny-coca"])
def test_other_families(name: str) -> None:
    adapter = MaPLe(clip_base(name), NAMES, depth=2)
    assert adapter(adapter.encode(IMAGES)).logits.shape == (2, 3)


def test_other_names_and_refusals() -> None:
    base = clip_base("tiny")
    adapter = MaPLe(base, NAMES)
    adapter.rename(["calm", "awe"])
    assert adapter.class_names == ("calm", "awe") and adapter.text_features().shape == (2, 32)
    with pytest.raises(ValueError, match=r"depth=3 for towers of 2 \(text\) and 2 \(image\) layers: give"):
        MaPLe(base, NAMES, depth=3)
    with pytest.raises(UnsupportedTowerError, match="the image tower of 'tiny-resnet' has none"):
        MaPLe(clip_base("tiny-resnet"), NAMES)
    with pytest.raises(ValueError, match="give 1 to 2"):
        MaPLe(uneven(text_layers=2), NAMES, depth=3)
