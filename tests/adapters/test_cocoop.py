"""CoCoOp against one text at a time, and what its chunks cost."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from affectkit.adapters import CoCoOp
from affectkit.encoders.clip import clip_base
from affectkit.types import Encoding

NAMES = ("joy", "deep_sorrow", "anger")
FEATURES = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["tiny", "tiny-siglip", "tiny-coca"])
def test_equals_one_prompt_at_a_time(name: str) -> None:
    torch.manual_seed(0)
    base = clip_base(name)
    adapter = CoCoOp(base, NAMES)
    tower = base.require_text()
    start = tower.prefix
    rows: list[Tensor] = []
    state = adapter.state_dict()
    for feature in FEATURES:
        unit = feature / feature.norm()
        hidden = (state["shift.linear1.weight"] @ unit + state["shift.linear1.bias"]).clamp(min=0)
        shift = state["shift.linear2.weight"] @ hidden + state["shift.linear2.bias"]
        for words in ("joy", "deep sorrow", "anger"):
            ids, end = base.tokenize([f"a photo of a {words}."])
            prompt = tower.embed(ids).clone()
            prompt[0, start : start + 4] = state["context"] + shift
            rows.append(tower(prompt, end, cut=False)[0])
    text = torch.stack(rows).reshape(5, 3, 32)
    torch.testing.assert_close(adapter.text_features(FEATURES), text, rtol=0, atol=3e-6)
    scale = base.logit_scale.exp()
    bias = 0.0 if base.logit_bias is None else base.logit_bias
    expected = scale * F.cosine_similarity(FEATURES[:, None], text, dim=-1) + bias
    torch.testing.assert_close(adapter(Encoding(FEATURES)).logits, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("chunk_size", [1, 2, 5])
def test_chunks_change_no_number(chunk_size: int) -> None:
    base = clip_base("tiny")
    torch.manual_seed(0)
    whole = CoCoOp(base, NAMES)
    parts = CoCoOp(base, NAMES, chunk_size=chunk_size)
    parts.load_state_dict(whole.state_dict())
    for adapter in (whole, parts):
        torch.autograd.backward(adapter(Encoding(FEATURES)).logits.square().sum())
    for (name, one), (_, other) in zip(whole.named_parameters(), parts.named_parameters()):
        if one.requires_grad:
            assert one.grad is not None and other.grad is not None, name
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(parts(Encoding(FEATURES)).logits, whole(Encoding(FEATURES)).logits)


def kept_bytes(adapter: CoCoOp, features: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward one, each storage once."""
    storages: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = adapter(Encoding(features)).logits
    known = {parameter.untyped_storage().data_ptr() for parameter in adapter.parameters()}
    assert logits is not None
    return sum(size for place, size in storages.items() if place not in known)


def test_a_step_keeps_less_than_a_third_of_all_77_positions() -> None:
    torch.manual_seed(0)
    adapter = CoCoOp(clip_base("tiny"), NAMES).train()
    straight = copy.deepcopy(adapter)
    # The straightforward form reads the padding too.
    layout = straight.layout
    layout.ids = F.pad(layout.ids, (0, 77 - layout.ids.shape[1]))
    costs: list[tuple[int, int]] = []
    for form in (adapter, straight):
        with FlopCounterMode(display=False) as counter:
            torch.autograd.backward(form(Encoding(FEATURES)).logits.sum())
        costs.append((kept_bytes(form, FEATURES), counter.get_total_flops()))
    torch.testing.assert_close(
        adapter(Encoding(FEATURES)).logits, straight(Encoding(FEATURES)).logits, rtol=1e-5, atol=1e-5
    )
    assert costs[0][0] < costs[1][0] / 3 and costs[0][1] < costs[1][1] / 3


def test_other_names_and_refusals() -> None:
    base = clip_base("tiny")
    adapter = CoCoOp(base, NAMES)
    adapter.rename(["calm", "awe"])
    assert adapter.class_names == ("calm", "awe")
    assert adapter(Encoding(FEATURES)).logits.shape == (5, 2)
    assert [name for name in adapter.state_dict() if not name.startswith("base.")] == [
        "context",
        "shift.linear1.weight",
        "shift.linear1.bias",
        "shift.linear2.weight",
        "shift.linear2.bias",
    ]
    with pytest.raises(ValueError, match="reduction=0 and chunk_size=0"):
        CoCoOp(base, NAMES, reduction=0)
    with pytest.raises(ValueError, match="chunk_size=-1"):
        CoCoOp(base, NAMES, chunk_size=-1)
