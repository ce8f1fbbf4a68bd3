"""Models by name: weights from files that the tests write, activations, identities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from affectkit.encoders.clip import (
    NORMALIZATIONS,
    BaseIdentity,
    PixelNormalization,
    clip_base,
    clip_base_from_config,
    find_clip_base,
    open_clip_bridge,
)
from affectkit.encoders.clip.base_name import BaseName, parse_base_name
from affectkit.encoders.clip.open_clip_bridge import random_model
from affectkit.encoders.clip.tiny_models import TINY_MODELS

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def tiny_model(seed: int, name: str = "tiny") -> nn.Module:
    return random_model(TINY_MODELS[name], activation="quick_gelu", seed=seed)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("clip") / "seven.safetensors"
    save_file(tiny_model(7).state_dict(), file)
    return file


def test_random_models_follow_their_seed_and_nothing_else() -> None:
    torch.manual_seed(5)
    first = clip_base("tiny")
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)
    again, other = clip_base("tiny"), clip_base("tiny", seed=1)
    assert first.identity == again.identity != other.identity
    assert other.identity.name == "tiny:seed=1"
    assert clip_base("tiny:seed=1").identity == other.identity
    assert len(first.identity.digest) == 16


def test_everything_starts_frozen() -> None:
    base = clip_base("tiny-siglip")
    assert not any(parameter.requires_grad for parameter in base.parameters())
    assert not base.trains_images and not base.encode_image(IMAGES).pooled.requires_grad
    assert base.encode_image(IMAGES.clone().requires_grad_()).pooled.requires_grad
    assert base.logit_bias is not None and float(base.logit_bias) == -10
    assert clip_base("tiny").logit_bias is None
    assert float(clip_base("tiny").logit_scale.exp()) == pytest.approx(1 / 0.07)


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_weights_from_a_file(weights: Path, tmp_path: Path, ending: str) -> None:
    file = weights
    if ending == "pt":
        file = tmp_path / "seven.pt"
        torch.save({"state_dict": tiny_model(7).state_dict()}, file)
    base = clip_base("tiny", weights=str(file), activation="quick_gelu")
    model: Any = tiny_model(7).eval()
    with torch.no_grad():
        torch.testing.assert_close(base.image(IMAGES).pooled, model.encode_image(IMAGES))
    assert base.identity.name == "tiny:file,activation=quick_gelu"
    assert base.identity.digest == clip_base("tiny", seed=7).identity.digest
    assert str(weights.parent) not in base.identity.name


def test_a_bare_file_needs_its_activation_stated(weights: Path) -> None:
    with pytest.raises(ValueError, match="give activation='gelu' or activation='quick_gelu'"):
        clip_base("tiny", weights=str(weights))
    quick = clip_base("tiny", weights=str(weights), activation="quick_gelu")
    plain = clip_base("tiny", weights=str(weights), activation="gelu")
    difference = quick.image(IMAGES).pooled - plain.image(IMAGES).pooled
    assert float(difference.abs().max()) > 1e-3


def test_a_file_of_another_model_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'seven\.safetensors' does not hold .* 'tiny-coca' \("):
        clip_base("tiny-coca", weights=str(weights), activation="gelu")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"'broken\.safetensors' does not hold the weights"):
        clip_base("tiny", weights=str(broken), activation="gelu")
    with pytest.raises(FileNotFoundError, match="no weights file"):
        clip_base("tiny", weights=str(tmp_path / "absent.pt"), activation="gelu")


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "module.pt"
    torch.save(nn.Linear(2, 2), file)
    with pytest.raises(ValueError, match=r"'module\.pt' does not hold the weights"):
        clip_base("tiny", weights=str(file), activation="gelu")


def test_a_tag_of_another_activation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: str, tag: str) -> Path:
        raise AssertionError(f"{model} {tag} would be downloaded")

    monkeypatch.setattr(open_clip_bridge, "fetch_tag", refuse)
    with pytest.raises(ValueError, match="ask for 'ViT-B-32-quickgelu' or give activation='quick_gelu'"):
        clip_base("ViT-B-32", pretrained="openai")
    with pytest.raises(ValueError, match="weights 'laion2b_s34b_b79k' has 'gelu': give activation='gelu'"):
        clip_base("ViT-B-32", pretrained="laion2b_s34b_b79k", activation="quick_gelu")
    with pytest.raises(ValueError, match="its configuration has 'quick_gelu'"):
        clip_base("ViT-B-32-quickgelu", weights="file.pt", activation="gelu")


def test_a_tag_brings_activation_and_normalization(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"quick_gelu": True, "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}
    monkeypatch.setattr(open_clip_bridge, "tag_facts", lambda model, tag: facts if tag == "ours" else {})
    monkeypatch.setattr(open_clip_bridge, "tags_of", lambda model: ["ours"])
    monkeypatch.setattr(open_clip_bridge, "fetch_tag", lambda model, tag: weights)
    with pytest.raises(ValueError, match="the weights 'ours' has 'quick_gelu'"):
        clip_base("tiny", pretrained="ours")
    base = clip_base("tiny:ours", activation="quick_gelu")
    assert base.normalization == PixelNormalization((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert base.identity.name == "tiny:ours,activation=quick_gelu"
    assert find_clip_base(base.identity).identity == base.identity
    assert clip_base("tiny").normalization == base.normalization
    named = clip_base("tiny:ours", activation="quick_gelu", normalization="imagenet")
    assert named.normalization == NORMALIZATIONS["imagenet"]
    with pytest.raises(ValueError, match="no weights 'theirs' of the model 'tiny': it has ours"):
        clip_base("tiny:theirs")


def test_what_is_recorded_of_published_weights_is_found() -> None:
    assert open_clip_bridge.tag_facts("ViT-B-32-quickgelu", "openai")["quick_gelu"] is True
    assert "laion2b_s34b_b79k" in open_clip_bridge.tags_of("ViT-B-32")
    assert "ViT-B-16-SigLIP" in open_clip_bridge.known_models()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="open_clip has no model 'ViT-Q-1': give one of tiny, tiny-resnet"):
        clip_base("ViT-Q-1")
    with pytest.raises(ValueError, match="part 'sead=1' that means nothing"):
        clip_base("tiny:sead=1")
    with pytest.raises(ValueError, match="no pixel normalisation 'clop'"):
        clip_base("tiny", normalization="clop")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a tag and a weights file"):
        clip_base("tiny:openai", weights="file.pt")
    with pytest.raises(ValueError, match="came from a file: give it as weights=PATH"):
        clip_base("tiny:file,activation=gelu")
    with pytest.raises(ValueError, match="brings its weights"):
        clip_base("hf-hub:someone/something", pretrained="openai")


@pytest.mark.parametrize(
    "name",
    [
        BaseName("tiny"),
        BaseName("tiny", seed=3, activation="quick_gelu"),
        BaseName("ViT-B-32", tag="openai", activation="quick_gelu"),
        BaseName("tiny", from_file=True, activation="gelu"),
        BaseName("hf-hub:laion/some-model"),
    ],
)
def test_names_read_as_they_are_written(name: BaseName) -> None:
    assert parse_base_name(str(name)) == name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("saved") / "my-clip"
    place.mkdir()
    described = {
        "model_cfg": {**TINY_MODELS["tiny"], "quick_gelu": True},
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    }
    (place / "open_clip_config.json").write_text(json.dumps(described), encoding="utf-8")
    save_file(tiny_model(7).state_dict(), place / "open_clip_model.safetensors")
    return place


def test_a_local_folder_brings_everything(folder: Path, weights: Path) -> None:
    base = clip_base(f"local-dir:{folder}")
    assert base.normalization == PixelNormalization((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert base.identity.name == "local-dir:my-clip"
    twin = clip_base("tiny", weights=str(weights), activation="quick_gelu")
    assert torch.equal(base.image(IMAGES).pooled, twin.image(IMAGES).pooled)
    with pytest.raises(ValueError, match="its configuration has 'quick_gelu'"):
        clip_base(f"local-dir:{folder}", activation="gelu")
    with pytest.raises(ValueError, match="gave no CLIP model"):
        clip_base(f"local-dir:{folder.parent}")


def test_a_base_is_found_again(folder: Path, weights: Path) -> None:
    random = clip_base("tiny", seed=3)
    assert find_clip_base(random.identity).identity == random.identity
    filed = clip_base("tiny", weights=str(weights), activation="quick_gelu").identity
    assert find_clip_base(filed, str(weights)).identity == filed
    saved = clip_base(f"local-dir:{folder}").identity
    assert find_clip_base(saved, str(folder)).identity == saved
    for identity in (filed, saved):
        with pytest.raises(ValueError, match="came from a file or folder: give it as base=PATH"):
            find_clip_base(identity)
    with pytest.raises(ValueError, match=r"'tiny:seed=3' with weights .*, and tiny gives .*: give"):
        find_clip_base(random.identity, "tiny")
    with pytest.raises(ValueError, match="and this name gives"):
        find_clip_base(BaseIdentity("tiny", "0" * 16))


def test_a_configuration_of_ones_own() -> None:
    config = {**TINY_MODELS["tiny"], "embed_dim": 24}
    base = clip_base_from_config(config, name="mine", activation="quick_gelu", normalization="none", seed=2)
    assert base.embed_dim == 24 and base.normalization == NORMALIZATIONS["none"]
    assert base.identity.name == "mine:file,seed=2"
