"""What was trained, in a small file that knows its base."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from affectkit.adapters import ADAPTERS, ClipAdapter, ClipLora, LinearProbe, TipAdapter
from affectkit.adapters.registry import make_adapter
from affectkit.adapters.save_adapter import load_adapter, save_adapter
from affectkit.adapters.tensor_file import write_tensors
from affectkit.adapters.trained_state import load_trained_state, trained_state
from affectkit.encoders.clip import ClipBase, clip_base

NAMES = ("joy", "anger", "fear")
IMAGES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0])


@functools.cache
def base_of(seed: int = 0) -> ClipBase:
    """A base that several tests read and none changes."""
    return clip_base("tiny", seed=seed)


def trained(name: str, base: ClipBase, **options: object) -> ClipAdapter:
    """An adapter with numbers that a new one does not have."""
    adapter = make_adapter(name, base, NAMES, **options)
    if isinstance(adapter, TipAdapter):
        adapter.build_cache([(IMAGES, LABELS)])
        adapter.search(validation=[(IMAGES.flip(-1), LABELS)])
    assert isinstance(adapter, nn.Module)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in adapter.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return adapter


def logits(adapter: ClipAdapter) -> Tensor:
    assert isinstance(adapter, nn.Module)
    with torch.no_grad():
        result = adapter.eval()(adapter.encode(IMAGES)).logits
    assert isinstance(result, Tensor)
    return result


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_adapter_comes_back(name: str, tmp_path: Path) -> None:
    adapter = trained(name, base_of())
    path = tmp_path / "deep" / "adapter.safetensors"
    size = save_adapter(path, adapter)
    assert size == path.stat().st_size and [entry.name for entry in path.parent.iterdir()] == [path.name]
    # The base has 1.6 million numbers; no adapter has as many as one in a hundred of them.
    assert size < 100_000
    with safe_open(path, framework="pt") as file:
        assert set(file.keys()) == set(trained_state(adapter))  # type: ignore[arg-type]
    for base in (None, base_of(), "tiny"):
        again = load_adapter(path, base)
        assert type(again) is type(adapter) and again.class_names == NAMES
        assert torch.equal(logits(again), logits(adapter))


def test_a_merged_lora_is_saved_as_it_was(tmp_path: Path) -> None:
    adapter = trained(
        "clip_lora", base_of(), targets=["q", "v"], rank=3, alpha=2.5, layers=[-1], towers="image"
    )
    assert isinstance(adapter, ClipLora)
    expected = logits(adapter)
    plain, merged = tmp_path / "plain", tmp_path / "merged"
    save_adapter(plain, adapter)
    adapter.merge()
    save_adapter(merged, adapter)
    assert plain.read_bytes() == merged.read_bytes()
    again = load_adapter(merged, base_of())
    assert isinstance(again, ClipLora) and torch.equal(logits(again), expected)
    assert (again.targets, again.rank, again.alpha, again.layers) == (("q", "v"), 3, 2.5, (-1,))
    torch.testing.assert_close(logits(adapter), expected, rtol=1e-4, atol=1e-4)


def test_renamed_classes_are_remembered(tmp_path: Path) -> None:
    adapter = trained("clip_adapter", base_of())
    adapter.rename(["calm", "awe"])
    save_adapter(tmp_path / "a", adapter)
    again = load_adapter(tmp_path / "a")
    assert again.class_names == ("calm", "awe") and torch.equal(logits(again), logits(adapter))


def test_the_base_is_found_by_path(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    parts = clip_base("tiny", seed=5)
    state = {name.removeprefix("image."): value for name, value in parts.image.state_dict().items()}
    assert parts.text is not None
    for name, value in parts.text.state_dict().items():
        state[name.replace("norm.", "ln_final.") if name.startswith("norm.") else name] = value
    state["text_projection"] = state.pop("projection")
    state["logit_scale"] = parts.logit_scale.detach()
    torch.save(state, weights)
    base = clip_base("tiny", weights=str(weights), activation="gelu")
    assert base.identity.digest == parts.identity.digest
    adapter = trained("coop", base)
    save_adapter(tmp_path / "a", adapter)
    with pytest.raises(ValueError, match="came from a file or folder: give it as base=PATH"):
        load_adapter(tmp_path / "a")
    assert torch.equal(logits(load_adapter(tmp_path / "a", str(weights))), logits(adapter))


def test_the_wrong_base_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a"
    save_adapter(path, trained("coop", base_of()))
    digest = base_of().identity.digest
    with pytest.raises(ValueError, match=f"digest {digest}.*'tiny:seed=1' with other weights"):
        load_adapter(path, base_of(1))
    with pytest.raises(ValueError, match=f"with weights {digest}"):
        load_adapter(path, "tiny:seed=1")
    with pytest.raises(ValueError, match="no model 'nowhere'"):
        load_adapter(path, "nowhere")


def test_what_is_no_adapter_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file"):
        load_adapter(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="no readable safetensors file"):
        load_adapter(tmp_path / "text")
    write_tensors(tmp_path / "cache", {"keys": torch.zeros(1)}, kind="affectkit tip cache 1", about={})
    with pytest.raises(ValueError, match="'affectkit tip cache 1', not 'affectkit adapter 1'"):
        load_adapter(tmp_path / "cache")
    for text in ("[]", '{"kind": "affectkit adapter 1"}'):
        save_file({"keys": torch.zeros(1)}, tmp_path / "odd", {"affectkit": text})
        with pytest.raises(ValueError, match="tensors of unknown use"):
            load_adapter(tmp_path / "odd")
    save_file({"keys": torch.zeros(1)}, tmp_path / "odd", {"affectkit": "{"})
    with pytest.raises(ValueError, match="no readable safetensors file"):
        load_adapter(tmp_path / "odd")
    save_file({"keys": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(ValueError, match="tensors of unknown use"):
        load_adapter(tmp_path / "other")


def test_a_state_of_other_options_is_one_sentence() -> None:
    wide, narrow = (
        trained("clip_lora", base_of(), rank=2),
        make_adapter("clip_lora", base_of(), NAMES, rank=1),
    )
    assert isinstance(wide, nn.Module) and isinstance(narrow, nn.Module)
    with pytest.raises(ValueError, match=r"does not fit ClipLora .*size mismatch"):
        load_trained_state(narrow, trained_state(wide))
    with pytest.raises(ValueError, match=r"lacks 'classifier\.bias'"):
        load_trained_state(LinearProbe(base_of(), NAMES), {"classifier.weight": torch.zeros(3, 32)})
    with pytest.raises(ValueError, match="holds 'more', which the adapter has not"):
        load_trained_state(
            LinearProbe(base_of(), NAMES),
            {**trained_state(LinearProbe(base_of(), NAMES)), "more": torch.zeros(1)},
        )


def test_options_that_are_not_plain_are_refused(tmp_path: Path) -> None:
    probe = LinearProbe(base_of(), NAMES)
    with pytest.raises(ValueError, match="use plain values"):
        save_adapter(tmp_path / "a", probe, options={"scale": torch.ones(1)})
    save_adapter(tmp_path / "a", probe, options={"scale": 3.0})
    with safe_open(tmp_path / "a", framework="pt") as file:
        assert json.loads(file.metadata()["affectkit"])["about"]["options"] == {"scale": 3.0}


def test_what_an_unfrozen_base_learned_is_saved_too(tmp_path: Path) -> None:
    base = clip_base("tiny")
    probe = LinearProbe(base, NAMES)
    assert set(trained_state(probe)) == {"classifier.weight", "classifier.bias"}
    base.image.requires_grad_(True)
    names = {f"base.image.{name}" for name, _ in base.image.named_parameters()}
    assert set(trained_state(probe)) == names | {"classifier.weight", "classifier.bias"}
    with torch.no_grad():
        for parameter in base.image.parameters():
            parameter.mul_(1.1)
        probe.classifier.weight.normal_()
    path = tmp_path / "tuned"
    save_adapter(path, probe)
    plain = clip_base("tiny")
    before = copy.deepcopy(plain.state_dict())
    for given in (None, plain):
        again = load_adapter(path, given)
        assert torch.equal(logits(again), logits(probe))
        assert isinstance(again, LinearProbe) and set(trained_state(again)) == set(trained_state(probe))
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def test_statistics_of_a_frozen_base_are_not_saved() -> None:
    probe = LinearProbe(clip_base("tiny-resnet"), NAMES)
    assert any(name.endswith("running_mean") for name in probe.state_dict())
    assert set(trained_state(probe)) == {"classifier.weight", "classifier.bias"}
