"""Pixels and local binary patterns, from bytes to classes."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn

from affectkit.data.batch import AffectBatch
from affectkit.functional import local_binary_pattern
from affectkit.fusion import AttentionalSelectiveFusion
from affectkit.heads import TokenTransformerHead
from affectkit.losses import ClassificationLoss
from affectkit.tasks import TwoViewPictureTask
from affectkit.types import AffectOutput, Encoding, Target

SMALL = {"image_size": 32, "dim": 8, "depth": 1, "heads": 2, "hidden_dim": 8, "reduction": 4}


def made(**options: object) -> TwoViewPictureTask:
    torch.manual_seed(0)
    return TwoViewPictureTask("rafdb7.official", **{**SMALL, **options})  # type: ignore[arg-type]


def faces(size: int = 32) -> AffectBatch:
    random = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (4, 3, size, size), generator=random, dtype=torch.uint8)
    return AffectBatch(
        inputs={"visual": pixels, "visual_lbp": local_binary_pattern(pixels)},
        valid=torch.ones(4, dtype=torch.bool),
        target=Target(label=torch.tensor([0, 3, -100, 6])),
    )


def logits(task: TwoViewPictureTask, batch: AffectBatch) -> Tensor:
    output: AffectOutput = task(batch)
    assert output.logits is not None
    return output.logits


def test_the_parts_one_after_the_other() -> None:
    task, batch = made().eval(), faces()
    encoders = cast("dict[str, nn.Module]", dict(task.encoders.items()))
    maps: dict[str, Encoding] = {name: encoder(batch.inputs[name]) for name, encoder in encoders.items()}
    fusion, head = task.fusion, task.head
    assert isinstance(fusion, AttentionalSelectiveFusion) and fusion.gated == "visual_lbp"
    assert isinstance(head, TokenTransformerHead)
    # Stage 3 of a ResNet divides by 16.
    assert maps["visual"].tokens is not None and maps["visual"].tokens.shape == (4, 4, 32)
    expected: AffectOutput = head(fusion(maps))
    torch.testing.assert_close(logits(task, batch), expected.logits)
    # Each view has weights of its own.
    assert not torch.equal(*(next(encoder.parameters()) for encoder in encoders.values()))


def test_every_weight_learns() -> None:
    task, batch = made(inner_sigmoid=False, class_weights="balanced").train(), faces()
    task.use_class_counts(torch.tensor([9, 9, 9, 1, 9, 9, 9]))
    loss = task.loss
    assert isinstance(loss, ClassificationLoss) and loss.class_weight is not None
    assert int(loss.class_weight.argmax()) == 3
    torch.autograd.backward(task.compute_loss(batch, task(batch)).total)
    still = [name for name, p in task.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert not still


def test_a_view_that_a_row_lacks_is_never_seen() -> None:
    task, batch = made().eval(), faces()
    batch.present["visual_lbp"] = torch.tensor([True, False, True, True])
    one = logits(task, batch)
    batch.inputs["visual_lbp"] = batch.inputs["visual_lbp"].clone()
    batch.inputs["visual_lbp"][1] = 77
    torch.testing.assert_close(one, logits(task, batch))
    assert not torch.allclose(one[1], logits(task, faces())[1])


def test_what_does_not_fit_is_named() -> None:
    bare = faces()
    del bare.inputs["visual_lbp"]
    with pytest.raises(KeyError, match=r"reads 'visual_lbp', and the batch holds visual: set patterns"):
        made().eval()(bare)
    with pytest.raises(ValueError, match=r"maps of 4 places .* got tokens of shape \(4, 9, 32\)"):
        made().eval()(faces(48))
    with pytest.raises(ValueError, match=r"views=\['a', 'a'\]"):
        made(views=["a", "a"])
    with pytest.raises(ValueError, match="name one of face, other"):
        made(views=["face", "other"], gated="visual")
    with pytest.raises(ValueError, match="class_weights='most'"):
        made(class_weights="most")
    with pytest.raises(ValueError, match="loss of your own together with class_weights"):
        made(loss=ClassificationLoss(7), class_weights="sqrt")
