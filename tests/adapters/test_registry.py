"""Adapters by name."""

from __future__ import annotations

import functools

import pytest
import torch
from jsonargparse import ArgumentParser

from affectkit.adapters import ClipFeatureAdapter, ClipLora, DescriptorPrompts, LinearProbe
from affectkit.adapters.registry import ADAPTERS, adapter_class, adapter_name, make_adapter, option_names
from affectkit.encoders.clip import ClipBase, clip_base
from affectkit.tasks import PromptTuningTask

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


def test_null_and_sentences_by_name_reach_the_adapter_from_a_command_line() -> None:
    parser = ArgumentParser(exit_on_error=False, parser_mode="omegaconf+")
    parser.add_subclass_arguments(PromptTuningTask, "model")
    path = f"{PromptTuningTask.__module__}.{PromptTuningTask.__name__}"
    given = ["--model", path, "--model.init_args.label_space", "folders2.test"]
    for text, expected in (
        ("null", None),
        ("{joy: a smile, anger: a frown}", {"joy": "a smile", "anger": "a frown"}),
        ("[a smile, a frown]", ("a smile", "a frown")),
    ):
        nested = parser.parse_args([*given, "--model.init_args.adapter_options.descriptors", text])
        options = nested.model.init_args.adapter_options
        adapter = make_adapter("descriptor", base_of(), NAMES, **options)
        assert isinstance(adapter, DescriptorPrompts) and adapter.descriptors == expected
    # An option that allows no null is told so, and a text stays a text.
    with pytest.raises(ValueError, match="num_context"):
        make_adapter("descriptor", base_of(), NAMES, num_context="None")
