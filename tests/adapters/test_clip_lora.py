"""LoRA inside CLIP towers: golden numbers, exactness, and a base that stays as it is."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from affectkit.adapters.apply_lora import apply_lora
from affectkit.adapters.clip_lora import ClipLora, LoRATowers
from affectkit.adapters.lora_attention import LoRAMultiheadAttention
from affectkit.encoders.clip import ClipBase, clip_base, clip_base_from_config

GOLDEN = Path(__file__).parents[1] / "golden" / "perceptclip_lora.npz"
NAMES = ("joy", "anger", "fear")
X = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@functools.cache
def base_of(name: str) -> ClipBase:
    """A base that several tests read and none changes."""
    return clip_base(name)


def fill(module: nn.Module) -> None:
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("lora_b"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator))


def logits(adapter: ClipLora) -> Tensor:
    result: Tensor = adapter(adapter.encode(X)).logits
    return result


def small_perceptclip(arrays: dict[str, Tensor]) -> ClipBase:
    """The tower of the stored numbers, its names and separate projections mapped to open_clip's."""
    base = clip_base_from_config(
        {
            "embed_dim": 12,
            "vision_cfg": {
                "image_size": 8,
                "patch_size": 4,
                "width": 16,
                "layers": 2,
                "head_width": 8,
                "mlp_ratio": 2.0,
            },
            "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
        },
        name="perceptclip",
        activation="quick_gelu",
    )
    head = "enc/base_model.model."
    state: dict[str, Tensor] = {
        "class_embedding": arrays[f"{head}embeddings.class_embedding"],
        "positional_embedding": arrays[f"{head}embeddings.position_embedding.weight"],
        "conv1.weight": arrays[f"{head}embeddings.patch_embedding.weight"],
        "proj": arrays["proj/weight"].T,
    }
    for ours, theirs in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")):
        for kind in ("weight", "bias"):
            state[f"{ours}.{kind}"] = arrays[f"{head}{theirs}.{kind}"]
    for layer in range(2):
        block, old = f"transformer.resblocks.{layer}", f"{head}encoder.layers.{layer}"
        for kind in ("weight", "bias"):
            state[f"{block}.attn.in_proj_{kind}"] = torch.cat(
                [arrays[f"{old}.self_attn.{name}_proj.base_layer.{kind}"] for name in "qkv"]
            )
            for ours, theirs in (
                ("attn.out_proj", "self_attn.out_proj"),
                ("ln_1", "layer_norm1"),
                ("ln_2", "layer_norm2"),
                ("mlp.c_fc", "mlp.fc1"),
                ("mlp.c_proj", "mlp.fc2"),
            ):
                state[f"{block}.{ours}.{kind}"] = arrays[f"{old}.{theirs}.{kind}"]
    base.image.visual.load_state_dict(state)
    return base


def lora_names() -> dict[str, str]:
    """Parameter below ``base.image`` -> name in the stored numbers."""
    return {
        f"visual.transformer.resblocks.{layer}.attn.in_proj.updates.{part}.lora_{side}": (
            f"enc/base_model.model.encoder.layers.{layer}.self_attn.{name}_proj.lora_{side.upper()}.default.weight"
        )
        for layer in range(2)
        for part, name in enumerate("qkv")
        for side in "ab"
    }


@pytest.mark.golden
def test_golden_perceptclip() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    base = small_perceptclip(arrays)
    apply_lora(base.image, rank=4, alpha=2.0, scaling="lora", dropout=0.1)
    parameters = dict(base.image.named_parameters())
    with torch.no_grad():
        for ours, theirs in lora_names().items():
            parameters[ours].copy_(arrays[theirs])
    mlp = nn.Sequential(nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 6), nn.ReLU(), nn.Linear(6, 8))
    for place, name in enumerate(("fc1", "fc2", "fc3")):
        mlp.get_submodule(str(2 * place)).load_state_dict(
            {kind: arrays[f"mlp/{name}.{kind}"] for kind in ("weight", "bias")}
        )
    base.eval()
    embedding: Tensor = base.image(arrays["image"]).pooled
    torch.testing.assert_close(embedding, arrays["embedding"], rtol=1e-4, atol=1e-5)
    result: Tensor = mlp(embedding)
    torch.testing.assert_close(result, arrays["logits"], rtol=1e-4, atol=1e-5)
    loss = functional.cross_entropy(result, arrays["label"])
    torch.testing.assert_close(loss, arrays["loss"], rtol=1e-5, atol=1e-6)
    torch.autograd.backward(loss)
    for ours, theirs in lora_names().items():
        gradient = parameters.pop(ours).grad
        assert gradient is not None
        torch.testing.assert_close(gradient, arrays[f"grad_{theirs}"], rtol=1e-3, atol=1e-6)
    assert all(parameter.grad is None for parameter in parameters.values())


@pytest.mark.parametrize("name", ["tiny", "tiny-siglip", "tiny-coca"])
@pytest.mark.parametrize("towers", ["image", "text", "both"])
def test_exact_before_training_and_after_merging(name: str, towers: LoRATowers) -> None:
    base = base_of(name)
    adapter = ClipLora(base, NAMES, towers=towers, targets=("q", "k", "v", "out")).eval()
    with torch.no_grad():
        plain: Tensor = base.image(X).pooled
        sentences = base.encode_text(base.tokenize([f"a photo of a {word}." for word in NAMES]))
        expected = (
            base.logit_scale.exp() * functional.normalize(plain, dim=-1) @ functional.normalize(sentences).T
        )
        if base.logit_bias is not None:
            expected = expected + base.logit_bias
        torch.testing.assert_close(logits(adapter), expected, rtol=1e-5, atol=1e-5)
        fill(adapter)
        trained = logits(adapter)
        assert not torch.allclose(trained, expected, atol=1e-2)
        state = copy.deepcopy(adapter.state_dict())
        assert adapter.merge() > 0
        torch.testing.assert_close(logits(adapter), trained, rtol=1e-4, atol=1e-4)
        assert all(torch.equal(value, state[key]) for key, value in adapter.state_dict().items())
        adapter.unmerge()
        assert torch.equal(logits(adapter), trained)


def test_the_given_base_stays_plain_and_its_weights_are_shared() -> None:
    base = base_of("tiny")
    before: Tensor = base.image(X).pooled
    adapter = ClipLora(base, NAMES)
    fill(adapter)
    assert not any(isinstance(module, LoRAMultiheadAttention) for module in base.modules())
    assert torch.equal(base.image(X).pooled, before)
    assert not torch.allclose(adapter.eval().encode(X).pooled, before, atol=1e-3)
    ours = {id(parameter) for parameter in base.parameters()}
    assert ours <= {id(parameter) for parameter in adapter.base.parameters()}
    assert adapter.base.identity == base.identity


@pytest.mark.parametrize(
    ("towers", "prefixes"), [("image", {"image"}), ("text", {"text"}), ("both", {"image", "text"})]
)
def test_only_the_updates_of_the_chosen_towers_learn(towers: LoRATowers, prefixes: set[str]) -> None:
    adapter = ClipLora(base_of("tiny"), NAMES, towers=towers, layers=[-1]).train()
    fill(adapter)
    features = adapter.encode(X)
    assert features.pooled.requires_grad == ("image" in prefixes) == adapter.adapts_images
    torch.autograd.backward(functional.cross_entropy(adapter(features).logits, torch.tensor([0, 1, 2])))
    learned = {name for name, parameter in adapter.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[1] for name in learned} == prefixes
    assert all("resblocks.1" in name and ".lora_" in name for name in learned)
    assert len(learned) == 2 * 3 * len(prefixes)
    for name, parameter in adapter.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == (name in learned), name


def test_what_does_not_learn_stays_in_evaluation() -> None:
    adapter = ClipLora(base_of("tiny"), NAMES, towers="image").train()
    assert adapter.training and adapter.base.image.training
    assert adapter.base.text is not None and not adapter.base.text.training


def test_sentences_are_read_anew_after_a_step_of_the_text_tower() -> None:
    torch.manual_seed(0)
    adapter = ClipLora(base_of("tiny"), NAMES, towers="text", dropout=0.0).train()
    optimizer = torch.optim.SGD([p for p in adapter.parameters() if p.requires_grad], lr=1.0)
    seen = [logits(adapter)]
    for _ in range(2):
        optimizer.zero_grad()
        torch.autograd.backward(functional.cross_entropy(logits(adapter), torch.tensor([0, 1, 2])))
        optimizer.step()
        seen.append(logits(adapter))
    assert not torch.equal(seen[0], seen[1]) and not torch.equal(seen[1], seen[2])
    adapter.eval()
    torch.testing.assert_close(logits(adapter), seen[2], rtol=1e-5, atol=1e-5)


def test_class_names_can_change() -> None:
    adapter = ClipLora(base_of("tiny"), NAMES).eval()
    fill(adapter)
    adapter.rename(["calm", *NAMES])
    assert adapter.class_names == ("calm", *NAMES) and logits(adapter).shape == (3, 4)


def test_a_resnet_is_refused() -> None:
    with pytest.raises(TypeError, match="found no attention block"):
        ClipLora(base_of("tiny-resnet"), NAMES, towers="image")
    with pytest.raises(ValueError, match="towers='vision'"):
        ClipLora(base_of("tiny"), NAMES, towers="vision")  # type: ignore[arg-type]
