"""The timm bridge: networks by name, weights from files, features of places and stages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from affectkit._optional import MissingExtraError
from affectkit.encoders import TimmImageEncoder, TimmStageEncoder
from affectkit.encoders.timm_bridge import TINY_NETWORKS
from affectkit.types import Encoder, Encoding


def pictures(size: int = 32, *, seed: int = 0) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed))


def features(encoder: Encoder, x: Tensor) -> Encoding:
    assert isinstance(encoder, nn.Module)
    encoder.eval()
    with torch.no_grad():
        return encoder(x)


def whole(name: str, **options: Any) -> nn.Module:
    """The same network of timm with a classifier."""
    timm: Any = pytest.importorskip("timm")
    model, small = TINY_NETWORKS[name]
    network: nn.Module = timm.create_model(model, num_classes=5, **small, **options)
    return network.eval()


@pytest.mark.parametrize("name", ["tiny", "tiny-vit", "mobilenetv3_small_050", "swin_s3_tiny_224"])
def test_the_widths_are_those_that_come_out(name: str) -> None:
    size = None if name.startswith("tiny") else 64
    for pooling in ("native", "avg", "max"):
        encoder = TimmImageEncoder(name, pooling=pooling, tokens=True, image_size=size)
        found = features(encoder, pictures(size or 32))
        assert found.pooled.shape == (2, encoder.out_dim)
        assert found.tokens is not None and found.tokens.shape[0] == 2
        if pooling == "avg":
            torch.testing.assert_close(found.pooled, found.tokens.mean(1))
        if pooling == "max":
            torch.testing.assert_close(found.pooled, found.tokens.amax(1))


def test_native_pooling_is_what_the_classifier_reads(tmp_path: Path) -> None:
    for name in TINY_NETWORKS:
        network: Any = whole(name)
        torch.save(network.state_dict(), tmp_path / "w.pt")
        encoder = TimmImageEncoder(name, weights=str(tmp_path / "w.pt"))
        found = features(encoder, pictures())
        with torch.no_grad():
            expected = network.forward_head(network.forward_features(pictures()), pre_logits=True)
            torch.testing.assert_close(found.pooled, expected)
            torch.testing.assert_close(network.get_classifier()(found.pooled), network(pictures()))


def test_places_run_row_by_row_and_leave_class_tokens_out() -> None:
    encoder = TimmImageEncoder("tiny", tokens=True).eval()
    network: Any = encoder.network
    with torch.no_grad():
        maps: Tensor = network.forward_features(pictures(96))
        found = encoder(pictures(96)).tokens
    assert found is not None and maps.shape[2:] == (3, 3)
    torch.testing.assert_close(found[:, 5], maps[:, :, 1, 2])
    patches = features(TimmImageEncoder("tiny-vit", tokens=True), pictures()).tokens
    assert patches is not None and patches.shape == (2, 16, 32)


def test_stages_are_the_means_of_the_maps_of_the_whole_network(tmp_path: Path) -> None:
    network: Any = whole("tiny")
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    encoder = TimmStageEncoder("tiny", stages=(0, 2, -1), weights=str(tmp_path / "w.safetensors")).eval()
    assert encoder.stage_dims == {"stage0": 64, "stage2": 16, "stage4": 64} and encoder.out_dim == 144
    with torch.no_grad():
        found = encoder.stage_features(pictures(48))
        x = network.act1(network.bn1(network.conv1(pictures(48))))
        expected = {"stage0": x.mean((2, 3))}
        x = network.layer2(network.layer1(network.maxpool(x)))
        expected["stage2"] = x.mean((2, 3))
        expected["stage4"] = network.layer4(network.layer3(x)).mean((2, 3))
        pooled = encoder(pictures(48)).pooled
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(pooled, torch.cat([found["stage0"], found["stage2"], found["stage4"]], 1))


def test_stages_of_a_network_whose_channels_come_last() -> None:
    encoder = TimmStageEncoder("swin_s3_tiny_224", stages=(0, 1), image_size=64)
    assert features(encoder, pictures(64)).pooled.shape == (2, encoder.out_dim) == (2, 96 + 192)


def test_places_of_a_stage_run_row_by_row() -> None:
    encoder = TimmStageEncoder("tiny", stages=(3,), tokens=True).eval()
    network: Any = encoder.network
    with torch.no_grad():
        maps: Tensor = network(pictures(48))[0]
        found: Encoding = encoder(pictures(48))
    assert found.tokens is not None and maps.shape == (2, 32, 3, 3)
    torch.testing.assert_close(found.tokens[:, 5], maps[:, :, 1, 2])
    torch.testing.assert_close(found.pooled, found.tokens.mean(1))
    last = features(
        TimmStageEncoder("swin_s3_tiny_224", stages=(1,), tokens=True, image_size=64), pictures(64)
    )
    assert last.tokens is not None and last.tokens.shape == (2, 64, 192)
    assert features(TimmStageEncoder("tiny", stages=(3,)), pictures(48)).tokens is None
    with pytest.raises(ValueError, match=r"tokens=True and stages=\[1, 2\].*give one stage"):
        TimmStageEncoder("tiny", stages=(1, 2), tokens=True)


def test_a_transformer_is_fitted_to_another_picture_size(tmp_path: Path) -> None:
    torch.save(whole("tiny-vit").state_dict(), tmp_path / "w.pt")
    encoder = TimmImageEncoder("tiny-vit", weights=str(tmp_path / "w.pt"), image_size=48)
    assert encoder.image_size == 48 and features(encoder, pictures(48)).pooled.shape == (2, 32)
    with pytest.raises(ValueError, match=r"give \(B, 3, 48, 48\), or build it with the image_size"):
        encoder(pictures(32))


def test_the_picture_size_does_not_matter_to_a_network_without_places() -> None:
    encoder = TimmImageEncoder("tiny", image_size=40)
    assert encoder.image_size is None
    assert features(encoder, pictures(56)).pooled.shape == (2, 64)


def test_random_weights_follow_the_global_seed_and_no_copy_of_weights_is_kept(tmp_path: Path) -> None:
    built = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        built.append(features(TimmImageEncoder(), pictures()).pooled)
    assert torch.equal(built[0], built[1]) and not torch.equal(built[0], built[2])
    torch.save(whole("tiny").state_dict(), tmp_path / "w.pt")
    network: Any = TimmImageEncoder("tiny", weights=str(tmp_path / "w.pt")).network
    assert network.pretrained_cfg["state_dict"] is None


def test_pictures_do_not_see_each_other_in_training() -> None:
    encoder = TimmImageEncoder().train()
    with torch.no_grad():
        torch.testing.assert_close(
            encoder(pictures()).pooled[:1], encoder(pictures()[:1]).pooled, rtol=1e-4, atol=1e-5
        )


def test_a_frozen_batch_normalisation_keeps_its_statistics() -> None:
    encoder = TimmImageEncoder("resnet18", options={"channels": (8, 8, 8, 8), "layers": (1, 1, 1, 1)})
    network: Any = encoder.network
    encoder.train()
    assert network.bn1.training
    encoder.requires_grad_(False).train()
    before = network.bn1.running_mean.clone()
    encoder(pictures())
    assert torch.equal(network.bn1.running_mean, before)


def test_normalization_is_what_the_weights_expect() -> None:
    assert TimmImageEncoder().normalization.std == (0.229, 0.224, 0.225)
    assert TimmImageEncoder("tiny-vit").normalization.mean == (0.5, 0.5, 0.5)


def test_wrong_weights_say_what_differs(tmp_path: Path) -> None:
    state = whole("tiny").state_dict()
    cases = {
        "it lacks conv1.weight": {k: v for k, v in state.items() if k != "conv1.weight"},
        "it also holds extra.weight": {**state, "extra.weight": torch.zeros(1)},
        r"conv1.weight has the shape \(1, 1\), not \(64, 3, 7, 7\)": {
            **state,
            "conv1.weight": torch.zeros(1, 1),
        },
    }
    for detail, stored in cases.items():
        torch.save(stored, tmp_path / "w.pt")
        with pytest.raises(ValueError, match=f"does not hold the weights of the picture .*{detail}"):
            TimmImageEncoder("tiny", weights=str(tmp_path / "w.pt"))
    with pytest.raises(FileNotFoundError, match="no weights file"):
        TimmImageEncoder("tiny", weights=str(tmp_path / "absent.pt"))
    (tmp_path / "noise.safetensors").write_bytes(b"noise")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        TimmStageEncoder("tiny", weights=str(tmp_path / "noise.safetensors"))


class _Harm:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, ("never",))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"conv1.weight": _Harm()}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="cannot be read as weights"):
        TimmImageEncoder("tiny", weights=str(tmp_path / "w.pt"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet81"}, "no picture network 'resnet81': near names are .*resnet"),
        (
            {"name": "resnet18.never"},
            "no weights 'never' of the picture network 'resnet18': it has .*a1_in1k",
        ),
        ({"name": "tiny", "pretrained": True}, "has no published weights"),
        ({"name": "resnet18", "pretrained": True, "weights": "w"}, "leave one of them out"),
        ({"name": "tiny", "options": {"colour": 3}}, r"options \['colour'\]"),
        ({"name": "tiny", "pooling": "sum"}, "'native', 'avg' or 'max'"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TimmImageEncoder(**arguments)


def test_refusals_of_stages_and_pictures() -> None:
    with pytest.raises(ValueError, match=r"no stages \[1, 9\]: it has 5, numbered from 0"):
        TimmStageEncoder("tiny", stages=(1, 9))
    with pytest.raises(ValueError, match="at least one"):
        TimmStageEncoder("tiny", stages=())
    with pytest.raises(ValueError, match="different ones, from early to late"):
        TimmStageEncoder("tiny", stages=(3, 1))
    for encoder in (TimmImageEncoder(), TimmStageEncoder()):
        with pytest.raises(ValueError, match=r"got pixels as torch\.uint8: normalise them first"):
            encoder(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
        with pytest.raises(ValueError, match=r"give \(B, 3, H, W\)"):
            encoder(torch.zeros(1, 1, 32, 32))


def test_a_missing_package_names_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hidden(), *sys.meta_path])
    with pytest.raises(MissingExtraError, match="pip install"):
        TimmImageEncoder()


class _Hidden:
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] == "timm":
            raise ModuleNotFoundError("No module named 'timm'", name="timm")


def test_stages_that_are_frozen_keep_their_statistics() -> None:
    options = {"channels": (8, 8, 8, 8), "layers": (1, 1, 1, 1)}
    encoder = TimmStageEncoder("resnet18", stages=(1, -1), options=options).requires_grad_(False).train()
    before = {name: buffer.clone() for name, buffer in encoder.named_buffers()}
    assert before
    encoder(torch.randn(2, 3, 48, 48))
    assert all(torch.equal(buffer, before[name]) for name, buffer in encoder.named_buffers())
