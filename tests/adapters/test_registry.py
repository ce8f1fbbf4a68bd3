"""Adapters by name."""

from __future__ import annotations

import functools

import pytest
import torch

from affectkit.adapters import ClipFeatureAdapter, ClipLora, LinearProbe
from affectkit.adapters.registry import ADAPTERS, adapter_class, adapter_name, make_adapter, option_names
from affectkit.encoders.clip import ClipBase, clip_base

NAMES = ("joy", "anger")


@functools.cache
def base_of() -> ClipBase:
    """A base that several tests read and none changes."""
    return clip_base("tiny")


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_name_builds_its_class(name: str) -> None:
    adapter = make_adapter(name, base_of(), NAMES)
    assert type(adapter) is adapter_class(name) and adapter_name(adapter) == name
    assert adapter.class_names == NAMES
    # What a file remembers is read from these.
    for option in option_names(name):
        assert hasattr(adapter, option), option


def test_options_reach_the_class_in_its_types() -> None:
    lora = make_adapter("clip_lora", base_of(), NAMES, rank=1, alpha=2, targets=["q", "out"], layers=[0])
    assert isinstance(lora, ClipLora)
    assert (lora.rank, lora.targets, lora.layers) == (1, ("q", "out"), (0,))
    assert lora.alpha == 2.0
    probe = make_adapter("linear_probe", base_of(), NAMES, scale=7)
    assert isinstance(probe, LinearProbe) and probe.scale == 7.0
    mixed = make_adapter("clip_adapter", base_of(), NAMES, templates=["a {} face", "{}"], output_relu=False)
    assert isinstance(mixed, ClipFeatureAdapter) and not mixed.output_relu
    assert list(mixed.text.templates) == ["a {} face", "{}"]


def test_what_is_not_known_is_one_sentence() -> None:
    with pytest.raises(
        ValueError, match=r"no adapter 'lora': give one of clip_adapter, clip_lora, .*zero_shot"
    ):
        make_adapter("lora", base_of(), NAMES)
    with pytest.raises(ValueError, match=r"'linear_probe' has no option 'rank': it knows scale"):
        make_adapter("linear_probe", base_of(), NAMES, rank=3)
    with pytest.raises(
        ValueError, match=r"'rank' of the adapter 'clip_lora' got 'two', which is no int; .*rank"
    ):
        make_adapter("clip_lora", base_of(), NAMES, rank="two")
    with pytest.raises(ValueError, match=r"which is no Literal\['lora', 'rslora'\]"):
        make_adapter("clip_lora", base_of(), NAMES, scaling="peft")
    with pytest.raises(ValueError, match="Linear is no adapter by name"):
        adapter_name(torch.nn.Linear(2, 2))
