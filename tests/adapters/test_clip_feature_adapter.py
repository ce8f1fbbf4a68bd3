"""CLIP-Adapter against its formula."""

from __future__ import annotations

import functools

import pytest
import torch
from torch.nn import functional

from affectkit.adapters.class_text import ClassText
from affectkit.adapters.clip_feature_adapter import ClipFeatureAdapter
from affectkit.adapters.templates import PLAIN
from affectkit.encoders.clip import ClipBase, clip_base
from affectkit.types import AffectOutput, Encoding

NAMES = ("joy", "anger", "fear")
X = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))


@functools.cache
def base_of(name: str) -> ClipBase:
    """A base that several tests read and none changes."""
    return clip_base(name)


@pytest.mark.parametrize("output_relu", [True, False])
def test_equals_the_formula(output_relu: bool) -> None:
    base = base_of("tiny")
    torch.manual_seed(0)
    adapter = ClipFeatureAdapter(base, NAMES, ratio=0.3, reduction=8, output_relu=output_relu)
    state = adapter.state_dict()
    first, second = state["adapter.0.weight"], state["adapter.2.weight"]
    assert first.shape == (4, 32) and second.shape == (32, 4)
    inner = (X @ first.T).clamp(min=0) @ second.T
    mixed = 0.3 * (inner.clamp(min=0) if output_relu else inner) + 0.7 * X
    text = ClassText(base, NAMES, PLAIN)(base)
    expected = base.logit_scale.exp() * functional.cosine_similarity(mixed[:, None], text[None], dim=-1)
    output: AffectOutput = adapter(Encoding(X))
    assert output.logits is not None and output.embedding is not None
    torch.testing.assert_close(output.embedding, mixed)
    torch.testing.assert_close(output.logits, expected)


def test_ratio_zero_is_zero_shot_and_any_width_has_a_bottleneck() -> None:
    base = base_of("tiny")
    adapter = ClipFeatureAdapter(base, NAMES, ratio=0.0)
    text = ClassText(base, NAMES, PLAIN)(base)
    expected = base.logit_scale.exp() * functional.normalize(X, dim=-1) @ text.T
    torch.testing.assert_close(adapter(Encoding(X)).logits, expected)
    narrow = ClipFeatureAdapter(base, NAMES, reduction=1000)
    assert narrow.state_dict()["adapter.0.weight"].shape == (1, 32)


def test_only_the_bottleneck_learns() -> None:
    torch.manual_seed(0)
    adapter = ClipFeatureAdapter(base_of("tiny"), NAMES)
    features = adapter.encode(torch.rand(2, 3, 32, 32))
    assert not features.pooled.requires_grad
    torch.autograd.backward(adapter(Encoding(X)).logits.square().sum())
    learned = {name for name, parameter in adapter.named_parameters() if parameter.grad is not None}
    assert learned == {"adapter.0.weight", "adapter.2.weight"}


def test_class_names_can_change() -> None:
    base = base_of("tiny")
    adapter = ClipFeatureAdapter(base, NAMES)
    adapter.rename(["calm", "surprise"])
    other = ClipFeatureAdapter(base, ["calm", "surprise"])
    other.load_state_dict(adapter.state_dict())
    assert adapter.class_names == ("calm", "surprise")
    assert torch.equal(adapter(Encoding(X)).logits, other(Encoding(X)).logits)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"ratio=1\.5"):
        ClipFeatureAdapter(base_of("tiny"), NAMES, ratio=1.5)
    with pytest.raises(ValueError, match="reduction=0"):
        ClipFeatureAdapter(base_of("tiny"), NAMES, reduction=0)
