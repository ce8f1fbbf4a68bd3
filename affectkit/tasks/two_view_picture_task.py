"""Pictures in two views, fused place by place, and a transformer over what comes out."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.encoders import TimmStageEncoder
from affectkit.fusion import AttentionalSelectiveFusion
from affectkit.heads import TokenTransformerHead
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss
from affectkit.metrics import classification_metrics
from affectkit.tasks.backbone_task import BackboneTask
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.tasks.rate_schedule import Schedule
from affectkit.types import Encoding, Loss


class TwoViewPictureTask(BackboneTask):
    r"""The emotion of a picture, from maps of two views of it, e.g. of its pixels and local binary patterns.

    Each view has a network of its own, :class:`~affectkit.fusion.AttentionalSelectiveFusion` mixes the maps
    of one stage at every place and channel, and :class:`~affectkit.heads.TokenTransformerHead` reads them.

    The views come from ``ImageDataModule(patterns=True, normalize=False)``. Every value is plain, so a
    checkpoint builds the task again without arguments.

    Args:
        label_space: Name of the label order.
        views: Names of the two inputs, as bytes; None = ``visual`` and ``visual_lbp``.
        gated: View that the gate lifts; None = the second.
        image_size: Height and width of the pictures; the head has a place for each of the map's.
        backbone: Network of timm; ``"tiny"`` is small and random.
        backbone_pretrained: Whether its published weights are loaded, and downloaded unless they are there.
        backbone_weights: File of its weights.
        stage: Stage whose maps are fused, from 0; negative ones count from the end.
        reduction: Divisor of the channels inside the gates.
        gate: ``"sigmoid"`` or ``"raw"``; see the fusion.
        inner_sigmoid: Whether the two parts of the gate go through a sigmoid of their own.
        norm: ``"batch"`` or ``"layer"`` inside the gates.
        dim: Width of the transformer.
        depth: Number of its layers.
        heads: Number of its attention heads.
        hidden_dim: Inner width of its perceptrons.
        dropout: Dropout within its layers.
        class_weights: Weight of the classes by their counts in the training split.
        label_smoothing: Mass spread over the classes.
        optimizer: ``"adamw"`` or ``"sgd"`` (momentum 0.9).
        lr: Learning rate.
        lr_by_name: Pattern of parameter names -> learning rate, e.g. ``{"^encoders": 1e-5}``.
        weight_decay: Weight decay.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        milestones: Shares of the training at which ``"step"`` divides the rate by ten.
        warmup: Share of all steps over which the rate rises.
        warmup_factor: Constant share of the rate during the warm-up, for ``"sgd"``.
        seed: Seed of the random numbers of training.
        loss: A loss of your own; replaces its options.

    Raises:
        ValueError: If there are not two views, or an option is out of range.
        KeyError: If a batch lacks a view.

    References:
        VTFF, Visual Transformers with Feature Fusion for facial expression recognition; there is no
        official code.

    Deviation from the paper:
        Rebuilt from its abstract and two re-implementations that differ; see the parts.

    Examples:
        >>> task = TwoViewPictureTask("rafdb7.official", image_size=32, dim=8, heads=2, hidden_dim=8)
        >>> pixels = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
        >>> inputs = {"visual": pixels, "visual_lbp": pixels}
        >>> batch = AffectBatch(inputs=inputs, valid=torch.ones(2, dtype=torch.bool))
        >>> task.eval()(batch).logits.shape
        torch.Size([2, 7])
    """

    def __init__(
        self,
        label_space: str,
        *,
        views: list[str] | None = None,
        gated: str | None = None,
        image_size: int = 224,
        backbone: str = "tiny",
        backbone_pretrained: bool = False,
        backbone_weights: str | None = None,
        stage: int = 3,
        reduction: int = 8,
        gate: Literal["sigmoid", "raw"] = "sigmoid",
        inner_sigmoid: bool = True,
        norm: Literal["batch", "layer"] = "batch",
        dim: int = 768,
        depth: int = 4,
        heads: int = 8,
        hidden_dim: int = 3072,
        dropout: float = 0.1,
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        label_smoothing: float = 0.0,
        optimizer: OptimizerName = "adamw",
        lr: float = 1e-3,
        lr_by_name: dict[str, float] | None = None,
        weight_decay: float = 0.01,
        schedule: Schedule = "constant",
        milestones: list[float] | None = None,
        warmup: float = 0.0,
        warmup_factor: float | None = None,
        seed: int = 0,
        loss: Loss | None = None,
    ) -> None:
        names = ["visual", "visual_lbp"] if views is None else views
        if len(names) != 2 or names[0] == names[1] or image_size < 1:
            raise ValueError(
                f"TwoViewPictureTask got views={names} and image_size={image_size}: give two different "
                "inputs, and the size of the data module's pictures."
            )
        if class_weights not in ("none", "balanced", "sqrt"):
            raise ValueError(
                f"TwoViewPictureTask got class_weights={class_weights!r}: give 'none', 'balanced' or 'sqrt'."
            )
        if loss is not None and (class_weights != "none" or label_smoothing):
            raise ValueError(
                "TwoViewPictureTask got a loss of your own together with class_weights or label_smoothing: "
                "set these in that loss, and leave them out here."
            )
        space = named_label_space(label_space)
        networks = {
            name: TimmStageEncoder(
                backbone,
                stages=(stage,),
                pretrained=backbone_pretrained,
                weights=backbone_weights,
                image_size=image_size,
                tokens=True,
            )
            for name in names
        }
        width = networks[names[0]].out_dim
        super().__init__(
            {name: PixelEncoder(network) for name, network in networks.items()},
            fusion=AttentionalSelectiveFusion(
                dict.fromkeys(names, width),
                gated=names[1] if gated is None else gated,
                reduction=reduction,
                gate=gate,
                inner_sigmoid=inner_sigmoid,
                norm=norm,
            ),
            head=TokenTransformerHead(
                width,
                len(space),
                num_tokens=_places(networks[names[0]], image_size),
                dim=dim,
                depth=depth,
                heads=heads,
                hidden_dim=hidden_dim,
                dropout=dropout,
            ),
            loss=loss or ClassificationLoss(len(space), label_smoothing=label_smoothing),
            metrics=classification_metrics(len(space)),
            optimizer=named_optimizer(
                optimizer,
                lr=lr,
                weight_decay=weight_decay,
                schedule=schedule,
                warmup=warmup,
                warmup_factor=warmup_factor,
                milestones=tuple(milestones or (0.5, 0.75)),
                rates=lr_by_name or {},
            ),
            label_space=space,
            seed=seed,
        )
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self.save_hyperparameters()

    def encode_parts(self, batch: AffectBatch) -> tuple[dict[str, Encoding], dict[str, Tensor]]:
        """Encode both views; with which rows have which."""
        lacking = [name for name in self.encoders if name not in batch.inputs]
        if lacking:
            raise KeyError(
                f"TwoViewPictureTask reads {lacking[0]!r}, and the batch holds "
                f"{', '.join(sorted(batch.inputs)) or 'nothing'}: set patterns of the data module to true, "
                "or name other views."
            )
        return super().encode_parts(batch)

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        if self._class_weights != "none" and isinstance(self.loss, ClassificationLoss):
            self.loss.set_class_weights(counts, self._class_weights)


def _places(encoder: TimmStageEncoder, image_size: int) -> int:
    """Places of the map of a picture, found by looking at one."""
    training = encoder.training
    with torch.no_grad():
        found: Encoding = encoder.eval()(torch.zeros(1, 3, image_size, image_size))
    encoder.train(training)
    assert found.tokens is not None
    return found.tokens.shape[1]
