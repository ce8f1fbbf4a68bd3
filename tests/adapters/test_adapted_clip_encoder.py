"""An adapted image tower as an encoder: what it gives, what in it learns, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from affectkit.adapters import AdaptedClipEncoder, make_adapter
from affectkit.adapters.registry import ADAPTERS
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.encoders.clip import clip_base
from affectkit.types import Encoding

OPTIONS: dict[str, dict[str, Any]] = {
    "clip_lora": {"rank": 2, "dropout": 0.0},
    "maple": {"num_context": 2, "depth": 2},
    "zero_shot": {},
}


def pixels(count: int = 3) -> Tensor:
    return torch.randint(0, 256, (count, 3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()


def encoder_of(adapter: str, **options: Any) -> AdaptedClipEncoder:
    torch.manual_seed(0)
    return AdaptedClipEncoder(adapter=adapter, adapter_options={**OPTIONS[adapter], **options})


@pytest.mark.parametrize("name", OPTIONS)
def test_bytes_become_what_the_adapter_makes_of_normalised_pixels(name: str) -> None:
    encoder = encoder_of(name).eval()
    base = clip_base("tiny")
    torch.manual_seed(0)
    lora = {"towers": "image"} if name == "clip_lora" else {}
    adapter = make_adapter(name, base, ["emotion"], **lora, **OPTIONS[name])
    floats: Tensor = NormalizePixels(base.normalization.mean, base.normalization.std)(pixels())
    found: Encoding = encoder(pixels())
    torch.testing.assert_close(found.pooled, adapter.encode(floats).pooled, rtol=1e-4, atol=1e-5)
    again: Encoding = encoder(floats)
    torch.testing.assert_close(found.pooled, again.pooled, rtol=1e-4, atol=1e-5)
    assert found.pooled.shape == (3, encoder.out_dim) and encoder.reads_raw


def test_another_normalisation_than_that_of_the_weights() -> None:
    encoder = AdaptedClipEncoder(adapter="zero_shot", normalization="half")
    same: Encoding = encoder(pixels().float() / 127.5 - 1)
    found: Encoding = encoder(pixels())
    torch.testing.assert_close(found.pooled, same.pooled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["clip_lora", "maple"])
def test_all_that_may_learn_does(name: str) -> None:
    encoder = encoder_of(name).train()
    with torch.no_grad():
        for key, parameter in encoder.named_parameters():
            if parameter.requires_grad and not parameter.any():
                parameter.normal_()  # half of each update begins at 0, so that the other would not learn
                assert name == "clip_lora", key
    encoded: Encoding = encoder(pixels())
    torch.autograd.backward(encoded.pooled.square().sum())
    learning = {key: part for key, part in encoder.named_parameters() if part.requires_grad}
    assert learning and not any(".text." in key for key in learning)
    for key, parameter in learning.items():
        assert parameter.grad is not None and bool(parameter.grad.any()), key
    assert all(part.grad is None for part in encoder.parameters() if not part.requires_grad)


def test_nothing_of_the_text_tower_is_kept() -> None:
    assert not [name for name in encoder_of("maple").state_dict() if name.startswith("adapter.base.text")]


@pytest.mark.parametrize("name", sorted({*ADAPTERS} - {*OPTIONS}))
def test_adapters_that_learn_by_words_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"learns by sentences about classes alone.* give 'clip_lora'"):
        AdaptedClipEncoder(adapter=name)


def test_updates_of_the_text_tower_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'towers': 'both'.*learns by sentences"):
        encoder_of("clip_lora", towers="both")


def test_an_option_that_an_adapter_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="the adapter 'maple' has no option 'rank'"):
        encoder_of("maple", rank=2)
