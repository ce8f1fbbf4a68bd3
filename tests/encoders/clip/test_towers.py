"""Our towers against open_clip's own forward passes, and what may be cut."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from affectkit.encoders.clip import (
    ClipBase,
    ClipTextTower,
    TransformerTextTower,
    UnsupportedTowerError,
    clip_base,
)
from affectkit.encoders.clip.base_name import BaseName
from affectkit.encoders.clip.open_clip_bridge import random_model, wrap_model
from affectkit.encoders.clip.tiny_models import TINY_MODELS
from affectkit.types import Encoder

FAMILIES = ("tiny", "tiny-resnet", "tiny-siglip", "tiny-coca")
TEXTS = ["happy", "a face that shows deep sorrow", "anger."]


def both(name: str, *, seed: int = 0) -> tuple[Any, ClipBase]:
    """A model of open_clip with larger embeddings, so that positions matter, and our towers of it."""
    config: dict[str, Any] = dict(TINY_MODELS[name])
    model = random_model(config, activation="gelu", seed=seed).eval()
    with torch.no_grad():
        for part, parameter in model.named_parameters():
            if part.endswith(("token_embedding.weight", "positional_embedding", "cls_emb")):
                parameter.mul_(30.0)
            if part.endswith("bn3.weight"):
                parameter.fill_(1.0)
    return model, wrap_model(copy.deepcopy(model), config["text_cfg"], name=BaseName(name))


def close(value: Tensor, reference: Tensor, *, within: float = 1e-6) -> None:
    assert value.shape == reference.shape
    largest = float(reference.abs().max())
    assert float((value - reference).abs().max()) <= within * max(1.0, largest)


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_towers_equal_open_clip(name: str) -> None:
    model, base = both(name)
    images = torch.randn(3, 3, *base.image.image_size)
    tokens = base.tokenize(TEXTS)
    tower: Encoder = base.image
    close(tower(images).pooled, model.encode_image(images, normalize=False))
    close(base.encode_text(tokens), model.encode_text(tokens.ids, normalize=False))


@pytest.mark.parametrize("name", ["tiny", "tiny-coca"])
@torch.no_grad()
def test_cutting_changes_nothing_under_a_causal_mask(name: str) -> None:
    _, base = both(name)
    tower = base.require_text()
    ids, end = base.tokenize(TEXTS)
    embeddings = tower.embed(ids)
    whole: Tensor = tower(embeddings, end, cut=False)
    cut: Tensor = tower(embeddings, end)
    close(cut, whole)
    needed = tower.positions_needed(int(end.max()))
    assert tower.causal and needed == 8 + (name == "tiny-coca") < tower.context_length
    early: Tensor = tower(embeddings[:, :needed], end, cut=False)
    close(early, whole)
    # One position less would cut off a text.
    one_less = end.clamp(max=needed - 2)
    assert not torch.allclose(tower(embeddings[:, : needed - 1], one_less, cut=False), whole, atol=1e-3)


@torch.no_grad()
def test_a_tower_without_a_causal_mask_reads_its_padding() -> None:
    """Why SigLIP is not cut: other padding after the text gives other features."""
    _, base = both("tiny-siglip")
    tower = base.require_text()
    ids, end = base.tokenize(TEXTS)
    embeddings = tower.embed(ids)
    whole: Tensor = tower(embeddings, end)
    changed = embeddings.clone()
    changed[:, int(end.max()) + 1 :] += torch.randn(tower.width)
    other: Tensor = tower(changed, end)
    assert float((other - whole).abs().max()) > 0.1 * float(whole.abs().max())
    assert not tower.causal and tower.positions_needed(7) == tower.context_length
    with pytest.raises(ValueError, match="looks in both directions got 8 of its 64 positions"):
        tower(embeddings[:, :8], end)
    # The same change behind a causal mask is never seen.
    _, causal = both("tiny")
    tower = causal.require_text()
    ids, end = causal.tokenize(TEXTS)
    changed = tower.embed(ids)
    kept: Tensor = tower(changed.clone(), end, cut=False)
    changed[:, int(end.max()) + 1 :] += torch.randn(tower.width)
    close(tower(changed, end, cut=False), kept)


@torch.no_grad()
def test_padding_of_a_short_text_does_not_reach_the_class_token_of_coca() -> None:
    _, base = both("tiny-coca")
    tower = base.require_text()
    ids, end = base.tokenize(["happy", "a face that shows deep sorrow"])
    both_rows: Tensor = tower(tower.embed(ids), end)
    alone: Tensor = tower(tower.embed(ids[:1]), end[:1])
    close(both_rows[:1], alone)
    full = base.tokenize(["happy " * 74])
    model, _ = both("tiny-coca")
    assert int(full.end[0]) == 75
    close(base.encode_text(full), model.encode_text(full.ids, normalize=False))


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_reach_the_embeddings_up_to_the_end(name: str) -> None:
    _, base = both(name)
    tower = base.require_text()
    ids, end = base.tokenize(TEXTS[:1])
    embeddings = tower.embed(ids).requires_grad_()
    features: Tensor = tower(embeddings, end)
    torch.autograd.backward(features.square().sum())
    assert embeddings.grad is not None
    reached = embeddings.grad.abs().sum(dim=2)[0] > 0
    assert bool(reached[: int(end[0]) + 1].all())
    assert bool(reached[int(end[0]) + 2 :].any()) == (not tower.causal)


def replaced(model: Any, tokens: Tensor, deep: list[Tensor]) -> Tensor:
    """Deep prompts by hand over all 77 positions of open_clip's CLIP."""
    x: Tensor = model.token_embedding(tokens) + model.positional_embedding
    for layer, block in enumerate(model.transformer.resblocks):
        if 1 <= layer <= len(deep):
            x = x.clone()
            x[:, 1 : 1 + deep[layer - 1].shape[0]] = deep[layer - 1]
        x = block(x, attn_mask=model.attn_mask)
    x = model.ln_final(x)
    pooled: Tensor = x[torch.arange(len(x)), tokens.argmax(dim=1)] @ model.text_projection
    return pooled


@torch.no_grad()
def test_deep_text_prompts_replace_the_inputs_after_the_start_mark() -> None:
    model, base = both("tiny")
    tower = base.require_text()
    ids, end = base.tokenize(TEXTS)
    deep = [torch.randn(2, 32)]
    result: Tensor = tower(tower.embed(ids), end, deep=deep)
    close(result, replaced(model, ids, deep))
    assert not torch.allclose(result, tower(tower.embed(ids), end), atol=1e-3)


@torch.no_grad()
def test_image_prompts_stand_after_the_patches() -> None:
    model, base = both("tiny")
    images = torch.randn(2, 3, 32, 32)
    prompts = [torch.randn(2, 32), torch.randn(2, 32)]
    visual = model.visual
    # By hand: patches with positions, prompts, one norm over all, then the layers.
    x = visual.conv1(images).flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.expand(2, 1, -1), x], dim=1) + visual.positional_embedding
    x = visual.ln_pre(torch.cat([x, prompts[0].expand(2, -1, -1)], dim=1))
    for layer, block in enumerate(visual.transformer.resblocks):
        if layer == 1:
            x = torch.cat([x[:, :-2], prompts[1].expand(2, -1, -1)], dim=1)
        x = block(x)
    expected = visual.ln_post(x[:, 0]) @ visual.proj
    close(base.image.forward_prompted(images, prompts).pooled, expected)
    close(base.image.forward_prompted(images, []).pooled, visual(images))
    # One layer alone: later layers carry the tokens on, from where the norm before them has put them.
    x = visual.conv1(images).flatten(2).transpose(1, 2)
    x = torch.cat([visual.class_embedding.expand(2, 1, -1), x], dim=1) + visual.positional_embedding
    shallow = 5 * prompts[0]
    x = visual.ln_pre(torch.cat([x, shallow.expand(2, -1, -1)], dim=1))
    for block in visual.transformer.resblocks:
        x = block(x)
    expected = visual.ln_post(x[:, 0]) @ visual.proj
    close(base.image.forward_prompted(images, [shallow]).pooled, expected)


@pytest.mark.parametrize("name", ["tiny-siglip", "tiny-coca"])
@torch.no_grad()
def test_prompted_pooling_leaves_the_prompts_out(name: str) -> None:
    _, base = both(name)
    images = torch.randn(2, 3, 32, 32)
    prompt = torch.randn(1, 32)
    pooled = base.image.forward_prompted(images, [prompt]).pooled
    visual: Any = base.image.visual
    tokens: Tensor = visual._embeds(images)
    tokens = torch.cat([tokens, visual.ln_pre(prompt).expand(2, -1, -1)], dim=1)
    for block in visual.transformer.resblocks:
        tokens = block(tokens)
    expected, _ = visual._pool(tokens[:, :-1])
    close(pooled, expected @ visual.proj)
    assert not torch.allclose(pooled, base.image(images).pooled, atol=1e-4)


def test_a_resnet_takes_no_prompts() -> None:
    base = clip_base("tiny-resnet")
    assert base.image.num_layers == 0
    with pytest.raises(UnsupportedTowerError, match="ModifiedResNet has no patch tokens"):
        base.image.forward_prompted(torch.zeros(1, 3, 64, 64), [torch.zeros(1, 256)])


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 3, 30, 32\): give \(B, 3, 32, 32\)"):
        clip_base("tiny").image(torch.zeros(1, 3, 30, 32))


def test_a_pooling_that_cannot_run_from_embeddings_is_refused() -> None:
    config: dict[str, Any] = dict(TINY_MODELS["tiny-siglip"])
    config["text_cfg"] = {**config["text_cfg"], "pool_type": "none", "proj_type": "none", "width": 32}
    model = random_model(config, activation="gelu", seed=0)
    with pytest.raises(UnsupportedTowerError, match="pooling 'none'"):
        wrap_model(model, config["text_cfg"], name=BaseName("other"))


def test_first_and_last_position_pooling() -> None:
    for pool in ("first", "last", "eos"):
        config: dict[str, Any] = dict(TINY_MODELS["tiny-siglip"])
        config["text_cfg"] = {
            **config["text_cfg"],
            "pool_type": pool,
            "eos_id": 49407,
            "no_causal_mask": False,
        }
        model: Any = random_model(config, activation="gelu", seed=0).eval()
        base = wrap_model(copy.deepcopy(model), config["text_cfg"], name=BaseName("other"))
        tower: ClipTextTower = base.require_text()
        assert isinstance(tower, TransformerTextTower) and tower.cuttable == (pool != "last")
        tokens = base.tokenize(TEXTS)
        with torch.no_grad():
            close(base.encode_text(tokens), model.encode_text(tokens.ids))


@pytest.mark.parametrize("trunk", ["test_vit.r160_in1k"])
@torch.no_grad()
def test_image_models_of_timm(trunk: str) -> None:
    config: dict[str, Any] = {
        **TINY_MODELS["tiny"],
        "vision_cfg": {
            "timm_model_name": trunk,
            "timm_pool": "token",
            "timm_proj": "linear",
            "image_size": 160,
        },
    }
    model: Any = random_model(config, activation="gelu", seed=0).eval()
    base = wrap_model(copy.deepcopy(model), config["text_cfg"], name=BaseName("timm"))
    images = torch.randn(1, 3, 160, 160)
    close(base.image(images).pooled, model.encode_image(images))
    assert base.image.width == 64 and not base.image.promptable


def test_frozen_batch_statistics_stay() -> None:
    base = clip_base("tiny-resnet")
    images = torch.randn(4, 3, 64, 64)
    expected = base.image(images).pooled
    base.train()
    modes = [base.training]
    assert torch.equal(base.image(images).pooled, expected)
    # With something to train elsewhere the modules go to training, frozen batch norms do not.
    projection = base.image.get_parameter("visual.attnpool.c_proj.weight").requires_grad_()
    base.train()
    assert [*modes, base.training] == [False, True] and projection.requires_grad
    torch.testing.assert_close(base.image(images).pooled, expected)


def test_towers_know_their_layers() -> None:
    base = clip_base("tiny")
    assert base.image.num_layers == 2 and base.require_text().num_layers == 2
