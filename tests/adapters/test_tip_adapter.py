"""Tip-Adapter and Tip-Adapter-F against stored numbers of the official code."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from affectkit.adapters.tip_adapter import TipAdapter
from affectkit.encoders.clip import ClipBase, clip_base, clip_base_from_config
from affectkit.types import AffectOutput, Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "tip_adapter.npz"
NAMES = ("joy", "anger", "fear")
IMAGES = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 1])


@functools.cache
def base_of() -> ClipBase:
    """A base that several tests read and none changes."""
    return clip_base("tiny")


class FixedText(nn.Module):
    """Stored class features in the place of sentences."""

    def __init__(self, text: Tensor) -> None:
        super().__init__()
        self.class_names = NAMES
        self.stored = text

    def forward(self, base: ClipBase) -> Tensor:
        return self.stored


def golden_adapter(stored: dict[str, Tensor], *, trainable: bool) -> TipAdapter:
    base = clip_base_from_config(
        {
            "embed_dim": 8,
            "vision_cfg": {"image_size": 8, "patch_size": 4, "width": 16, "layers": 1, "head_width": 8},
            "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
        },
        name="tip",
    )
    with torch.no_grad():
        base.logit_scale.fill_(math.log(100))
    adapter = TipAdapter(base, NAMES, trainable=trainable, alpha=1.17, beta=5.5)
    adapter.text = FixedText(stored["clip_weights"].T)  # type: ignore[assignment]
    # Each class has equally many keys, and pairs keep their order.
    assert adapter.build_cache([(stored["cache_keys"], stored["cache_labels"])]) == 12
    return adapter


def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.mark.golden
def test_golden_logits() -> None:
    stored = golden()
    adapter = golden_adapter(stored, trainable=False)
    assert torch.equal(adapter.values, stored["cache_values"])
    output: AffectOutput = adapter(Encoding(stored["query"]))
    assert output.logits is not None
    torch.testing.assert_close(output.logits, stored["tip_logits"], rtol=1e-5, atol=1e-4)
    found = output.logits - stored["clip_logits"]
    torch.testing.assert_close(found, 1.17 * stored["cache_logits"], rtol=1e-3, atol=1e-4)
    assert not any(parameter.requires_grad for parameter in adapter.parameters())


@pytest.mark.golden
def test_golden_gradient_of_the_keys() -> None:
    stored = golden()
    adapter = golden_adapter(stored, trainable=True)
    loss = functional.cross_entropy(adapter(Encoding(stored["query"])).logits, stored["query_labels"])
    torch.testing.assert_close(loss, stored["loss_F"], rtol=1e-5, atol=1e-5)
    torch.autograd.backward(loss)
    assert adapter.keys.grad is not None
    torch.testing.assert_close(adapter.keys.grad, stored["grad_keys"], rtol=1e-3, atol=1e-6)
    assert [name for name, parameter in adapter.named_parameters() if parameter.requires_grad] == ["keys"]


def test_an_optimizer_from_before_the_cache_trains_it() -> None:
    adapter = TipAdapter(base_of(), NAMES, trainable=True)
    optimizer = torch.optim.SGD([p for p in adapter.parameters() if p.requires_grad], lr=0.1)
    assert adapter.build_cache([(IMAGES, LABELS)]) == 6
    before = adapter.keys.detach().clone()
    torch.autograd.backward(functional.cross_entropy(adapter(adapter.encode(IMAGES)).logits, LABELS))
    optimizer.step()
    assert not torch.equal(adapter.keys.detach(), before)


def test_without_a_cache_it_says_what_to_do() -> None:
    adapter = TipAdapter(base_of(), NAMES)
    for ask in (
        lambda: adapter(Encoding(torch.zeros(2, 32))),
        lambda: adapter.search(validation=[(IMAGES, LABELS)]),
        lambda: adapter.save_cache("nowhere"),
    ):
        with pytest.raises(RuntimeError, match="call build_cache"):
            ask()


def test_the_search_is_of_validation_rows_and_is_kept() -> None:
    adapter = TipAdapter(base_of(), NAMES)
    adapter.build_cache([(IMAGES, LABELS)])
    with pytest.raises(TypeError):
        adapter.search([(IMAGES, LABELS)])  # type: ignore[call-arg]
    rows = IMAGES + 0.3 * torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(1))
    found = adapter.search(validation=[(rows, LABELS)])
    assert (adapter.alpha, adapter.beta) == pytest.approx((found.alpha, found.beta))
    guess = adapter(adapter.encode(rows)).logits.argmax(-1)
    assert float((guess == LABELS).float().mean()) == pytest.approx(found.score)


def test_the_state_holds_a_cache_of_any_size() -> None:
    for trainable in (False, True):
        adapter = TipAdapter(base_of(), NAMES, trainable=trainable)
        adapter.build_cache([(IMAGES, LABELS)])
        adapter.search(validation=[(IMAGES.flip(-1), LABELS)])
        other = TipAdapter(base_of(), NAMES, trainable=trainable)
        parameter = other.keys
        other.load_state_dict(adapter.state_dict())
        assert other.keys is parameter or not trainable
        features = adapter.encode(IMAGES)
        assert torch.equal(other(features).logits, adapter(features).logits)
    with pytest.raises(RuntimeError, match="size mismatch for values"):
        TipAdapter(base_of(), NAMES[:2], trainable=True).load_state_dict(adapter.state_dict())


def test_a_cache_file_goes_with_its_base(tmp_path: Path) -> None:
    adapter = TipAdapter(base_of(), NAMES)
    adapter.build_cache([(IMAGES, LABELS)])
    path = tmp_path / "cache.safetensors"
    assert adapter.save_cache(path) == path.stat().st_size
    other = TipAdapter(base_of(), NAMES)
    assert other.load_cache(path) == 6 and torch.equal(other.keys, adapter.keys)
    with pytest.raises(ValueError, match="other weights"):
        TipAdapter(clip_base("tiny", seed=1), NAMES).load_cache(path)


def test_names_change_only_while_there_is_no_cache() -> None:
    adapter = TipAdapter(base_of(), NAMES)
    adapter.rename(["calm", "awe"])
    adapter.build_cache([(IMAGES, LABELS % 2)])
    assert adapter(adapter.encode(IMAGES)).logits.shape == (6, 2)
    adapter.rename(["calm", "awe"])
    with pytest.raises(ValueError, match="build a new adapter and cache"):
        adapter.rename(["calm", "fear"])
    with pytest.raises(ValueError, match="alpha=-1"):
        TipAdapter(base_of(), NAMES, alpha=-1)
