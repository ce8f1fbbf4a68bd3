"""Overlays of every kind of picture network: what was seen, what counted, and that nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from affectkit.data.batch import AffectBatch
from affectkit.encoders import TimmImageEncoder, TimmStageEncoder
from affectkit.fusion import ConcatFusion
from affectkit.heads import ClassificationHead
from affectkit.losses import ClassificationLoss
from affectkit.report.overlays import (
    PictureRelevance,
    covered_probabilities,
    picture_networks,
    picture_relevance,
)
from affectkit.report.overlays.covered import _most
from affectkit.tasks import AffectTask, PromptTuningTask
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.types import AffectOutput, Encoding

SIZE = 64


def pictures(rows: int = 1, size: int = SIZE) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (rows, 3, size, size), generator=generator, dtype=torch.uint8)


def batch_of(pixels: Tensor) -> AffectBatch:
    return AffectBatch(inputs={"visual": pixels}, valid=torch.ones(len(pixels), dtype=torch.bool))


def timm_task(encoder: TimmImageEncoder | TimmStageEncoder) -> AffectTask:
    return AffectTask(
        {"visual": PixelEncoder(encoder)},
        fusion=ConcatFusion({"visual": encoder.out_dim}, out_dim=16),
        head=ClassificationHead(16, num_classes=5),
        loss=ClassificationLoss(5),
    )


def trained(module: nn.Module) -> bool:
    return all(parameter.requires_grad for parameter in module.parameters())


def state(task: AffectTask) -> list[tuple[int, int, bool, bool]]:
    return [
        (
            len(m._forward_hooks),
            len(m._forward_pre_hooks),
            m.training,
            all(p.requires_grad for p in m.parameters()),
        )
        for m in task.modules()
    ]


def explained(task: AffectTask, pixels: Tensor, *, label: int = 1) -> list[PictureRelevance]:
    task.eval()
    before = state(task)
    found = picture_relevance(task, batch_of(pixels), label, networks=picture_networks(task))
    assert state(task) == before
    for one in found:
        assert torch.isfinite(one.relevance).all() and (one.relevance >= 0).all()
    return found


@pytest.mark.parametrize("name", ["resnet", "resnet-max", "stages", "vit", "vit-mean", "swin"])
def test_networks_of_timm_show_what_they_saw(name: str) -> None:
    torch.manual_seed(0)
    swin = {
        "img_size": 64,
        "patch_size": 2,
        "embed_dim": 12,
        "depths": (1, 1),
        "num_heads": (2, 2),
        "window_size": 4,
    }
    makers: dict[str, Callable[[], TimmImageEncoder | TimmStageEncoder]] = {
        "resnet": lambda: TimmImageEncoder("tiny"),
        "resnet-max": lambda: TimmImageEncoder("tiny", pooling="max"),
        "stages": lambda: TimmStageEncoder("tiny", stages=(1, 2)),
        "vit": lambda: TimmImageEncoder("tiny-vit"),
        "vit-mean": lambda: TimmImageEncoder("tiny-vit", pooling="avg"),
        "swin": lambda: TimmImageEncoder("swin_tiny_patch4_window7_224", image_size=64, options=swin),
    }
    encoder = makers[name]()
    size = encoder.image_size or SIZE
    pixels = pictures(size=size)
    (found,) = explained(timm_task(encoder), pixels)
    method, places = {
        "vit": ("token relevance", 4),
        "vit-mean": ("token relevance", 4),
        "stages": ("Grad-CAM", 8),
        "swin": ("Grad-CAM", 16),
    }.get(name, ("Grad-CAM", 4))
    assert found.method == method and found.relevance.shape == (1, places, places)
    assert found.relevance.max() > 0
    torch.testing.assert_close(found.pixels, pixels / 255, atol=1e-5, rtol=0)


@pytest.mark.parametrize("adapter", ["zero_shot", "coop", "cocoop", "maple", "clip_lora"])
def test_towers_of_clip_show_what_they_saw_under_each_adapter(adapter: str) -> None:
    task = PromptTuningTask("meld7.official", base="tiny", adapter=adapter)
    pixels = pictures(size=32)
    (found,) = explained(task, pixels)
    assert found.method == "token relevance" and found.relevance.shape == (1, 4, 4)
    assert found.relevance.max() > 0
    torch.testing.assert_close(found.pixels, pixels / 255, atol=1e-5, rtol=0)


@pytest.mark.parametrize("base", ["tiny-resnet", "tiny-siglip", "tiny-coca"])
def test_other_towers_of_clip(base: str) -> None:
    task = PromptTuningTask("meld7.official", base=base, adapter="zero_shot")
    pixels = pictures(size=task.adapter.base.image.image_size[0])
    # A map may speak against a label everywhere.
    found = [part for label in range(3) for part in explained(task, pixels, label=label)]
    assert {one.method for one in found} == {"Grad-CAM" if base == "tiny-resnet" else "token relevance"}
    assert {tuple(one.relevance.shape) for one in found} == {(1, 4, 4)}
    assert max(one.relevance.max().item() for one in found) > 0


def test_a_clip_has_a_map_of_each_frame_of_each_stream() -> None:
    task = PromptTuningTask("meld7.official", frames=3, streams=["face", "context"], temporal_heads=2)
    clip = pictures(rows=6, size=32)
    inputs = {"face": clip[None, :3], "context": clip[None, 3:]}
    batch = AffectBatch(inputs=inputs, valid=torch.ones(1, dtype=torch.bool))
    found = picture_relevance(task, batch, 0, networks=picture_networks(task))
    frames = torch.cat([one.pixels for one in found])
    assert len(frames) == 6 and sum(len(one.relevance) for one in found) == 6
    assert {tuple(frame.flatten()[:4].mul(255).round().tolist()) for frame in frames} == {
        tuple(frame.flatten()[:4].float().tolist()) for frame in clip
    }


def test_labels_differ_and_several_samples_are_refused() -> None:
    torch.manual_seed(0)
    task = timm_task(TimmImageEncoder("tiny"))
    (one,), (other,) = explained(task, pictures(), label=0), explained(task, pictures(), label=1)
    assert not torch.equal(one.relevance, other.relevance)
    with pytest.raises(ValueError, match="give one sample"):
        picture_relevance(task, batch_of(pictures(2)), 0, networks=picture_networks(task))


class Corner(nn.Module):
    """Two logits: how bright the first place of the network's map is, and its opposite."""

    def forward(self, features: Encoding) -> AffectOutput:
        assert features.tokens is not None
        bright = features.tokens[:, 0].sum(-1)
        return AffectOutput(logits=torch.stack([bright, -bright], -1))


class Cells(nn.Module):
    """A network whose map is the mean of 16 x 16 pixels."""

    feature_info = ({"module": "pool"},)

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.Conv2d(3, 3, 16, stride=16, groups=3, bias=False)
        nn.init.constant_(self.pool.weight, 1 / 256)

    def forward_features(self, x: Tensor) -> Tensor:
        found: Tensor = self.pool(x)
        return found

    def forward_head(self, x: Tensor, pre_logits: bool) -> Tensor:
        return x.mean((2, 3))


class Only(nn.Module):
    """The one input, as it is."""

    out_dim = 3

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        return parts["visual"]


def corner_task() -> AffectTask:
    encoder = TimmImageEncoder("tiny", tokens=True)
    encoder.network, encoder._width = Cells(), 3
    return AffectTask(
        {"visual": PixelEncoder(encoder)}, fusion=Only(), head=Corner(), loss=ClassificationLoss(2)
    )


def test_covering_what_counts_costs_and_covering_the_rest_does_not() -> None:
    task = corner_task()
    pixels = torch.full((1, 3, SIZE, SIZE), 100, dtype=torch.uint8)
    pixels[..., :16, :16] = 255
    batch, networks = batch_of(pixels), picture_networks(task)
    shown = picture_relevance(task, batch, 0, networks=networks)
    (found,) = shown
    # Grad-CAM weights all places alike: the bright one is the greatest.
    assert found.relevance.flatten().argmax() == 0
    covered = covered_probabilities(task, batch, 0, shown, networks=networks)
    output: AffectOutput = task(batch)
    assert output.logits is not None
    whole = output.logits.softmax(-1)[0, 0].item()
    assert covered.whole == pytest.approx(whole) and covered.least == pytest.approx(whole)
    assert covered.most < whole - 0.01
    # The head reads the first of the 4 x 4 places alone: painted over, it has the mean of the picture.
    painted = pixels.clone()
    painted[..., :16, :16] = pixels.float().mean().round()
    said: AffectOutput = task(batch_of(painted))
    assert said.logits is not None
    assert covered.most == pytest.approx(said.logits.softmax(-1)[0, 0].item(), abs=0.01)


def test_of_places_that_are_alike_some_are_drawn_in_each_picture() -> None:
    relevance = torch.zeros(2, 10, 10)
    relevance[:, 4, 4] = 1.0
    most, least = _most(relevance), _most(-relevance)
    assert most.flatten(1).sum(1).tolist() == least.flatten(1).sum(1).tolist() == [20, 20]
    assert bool(most[:, 4, 4].all()) and not bool(least[:, 4, 4].any())
    # Not the first rows of the first picture, which would be a band at its top.
    assert int(least[:, :2].sum()) < 20 and int(least[:, 5:].sum()) > 8
