"""The systems of ``cat_dim_text.py``: parts of affectkit put together, the task and the data around them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

import torch
from cat_dim_graphs import RATED, RULES, GraphParts, anchor_rows
from torch import Tensor, nn
from torchmetrics import MetricCollection

from affectkit.data import AffectBatch, FeatureDataModule, MixedDataModule, ShardDataModule, TextDataModule
from affectkit.encoders import TransformersTokenEncoder
from affectkit.fusion import MeanFusion
from affectkit.heads import (
    CategoricalDimensionalGraphHead,
    LabelDistributionHead,
    MultiTaskHead,
    SeparateHeads,
)
from affectkit.heads.projection import HiddenProjection
from affectkit.losses import CCCLoss, MSELoss, MultilabelLoss, WeightedSum
from affectkit.metrics import DimensionMetric, MultilabelF1, Pearson
from affectkit.tasks import AdamWFactory, AffectTask
from affectkit.tasks.layer_rates import layer_rates
from affectkit.tasks.stage_scores import StageScores
from affectkit.types import AffectOutput, Encoder, Encoding, Head, Loss

Mode: TypeAlias = Literal["frozen", "finetuned"]
# sources of samples of several kinds: no one type of sample fits
Source: TypeAlias = ShardDataModule[Any]

CATEGORIES: Final = "goemotions"
DIMENSIONS: Final = "emobank"
SPACE: Final = "goemotions28.official"
#: A probability of 0.3 is a yes while training is watched, as in the code of GoEmotions' authors.
WATCHED: Final = math.log(0.3 / 0.7)

SEPARATE: Final = "separate heads"
MULTI_TASK: Final = "multi-task"
ONLY: Final = "categories only"
GRAPH: Final = "graph: "
#: A node takes the mean of what it receives, instead of the published sum.
AVERAGED: Final = ", averaged"
LEARNT: Final = ", learnt"
SYSTEMS: Final = (
    SEPARATE,
    MULTI_TASK,
    *(f"{GRAPH}{rule}" for rule in RULES),
    f"{GRAPH}anchors{AVERAGED}",
    f"{GRAPH}anchors, self weight 0.9{AVERAGED}",
    f"{GRAPH}rank over anchors{AVERAGED}",
    f"{GRAPH}anchors{LEARNT}",
    ONLY,
)


class Settings(NamedTuple):
    """Numbers of a training, the same for all systems of a mode.

    Attributes:
        share: Passes over GoEmotions in an epoch, which goes over EmoBank once.
        category_weight: Weight of the mean cross entropy of 28 labels, beside 1 for the dimensions.
        encoder_rate: Learning rate of the encoder's last layer; None where no encoder is trained.
        layer_decay: Factor between the rates of a layer and of the one before it.
        word_dropout: Share of words hidden in training.
        averaging: Decay of the running mean of the weights that is evaluated and kept; 0 = none.
    """

    epochs: int
    batch: int
    share: float
    lr: float
    hidden: int
    dropout: float
    weight_decay: float
    warmup: float
    category_weight: float
    max_length: int
    encoder_rate: float | None = None
    layer_decay: float = 1.0
    word_dropout: float = 0.0
    averaging: float = 0.0


SETTINGS: Final[Mapping[Mode, Settings]] = {
    "frozen": Settings(
        epochs=6,
        batch=128,
        share=0.3,
        lr=2e-3,
        hidden=256,
        dropout=0.4,
        weight_decay=0.01,
        warmup=0.05,
        category_weight=5.0,
        max_length=0,
    ),
    "finetuned": Settings(
        epochs=4,
        batch=32,
        share=0.1857,
        lr=1e-3,
        hidden=0,
        dropout=0.2,
        weight_decay=0.01,
        warmup=0.1,
        category_weight=3.0,
        max_length=64,
        encoder_rate=2e-4,
        layer_decay=0.8,
        word_dropout=0.15,
        averaging=0.99,
    ),
}


def rule_of(system: str) -> str | None:
    """By what the graph of a system is made; None for a system without one."""
    if not system.startswith(GRAPH):
        return None
    return system.removeprefix(GRAPH).removesuffix(LEARNT).removesuffix(AVERAGED)


def reads_lexicon(system: str) -> bool:
    """Whether a system needs ratings of the labels."""
    return system == ONLY or rule_of(system) in RATED


class Standardized(nn.Module):
    """Stored features at mean 0 and deviation 1; a hidden layer where the head has none of its own.

    Of the hidden states that are stored side by side it reads every second one, from the last down to the
    first layer's.

    Args:
        mean: (L W,), L hidden states of width W.
        deviation: (L W,).
        width: W.
        hidden_dim: Width of the hidden layer; 0 = none.
        dropout: Dropout before and after it.
    """

    mean: Tensor
    deviation: Tensor
    columns: Tensor

    def __init__(
        self, mean: Tensor, deviation: Tensor, *, width: int, hidden_dim: int, dropout: float
    ) -> None:
        super().__init__()
        last = len(mean) // width - 1
        chosen = list(range(last, 0, -2)) or [0]
        columns = torch.cat([torch.arange(layer * width, (layer + 1) * width) for layer in chosen])
        self.register_buffer("columns", columns)
        self.register_buffer("mean", mean.float()[columns])
        self.register_buffer("deviation", deviation.float()[columns].clamp(min=1e-6))
        self.projection = HiddenProjection(len(columns), hidden_dim, dropout=dropout)
        self.out_dim = self.projection.out_dim

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Encode stored features (B, D)."""
        pooled: Tensor = self.projection((x[:, self.columns] - self.mean) / self.deviation)
        return Encoding(pooled)


class TwoSourceTask(AffectTask):
    """Comments are scored by their labels, sentences by their dimensions; both choose the epoch."""

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Give each metric the targets that it is about."""
        target = batch.target
        for metric in metrics.values(copy_state=False):
            if isinstance(metric, DimensionMetric):
                prediction, truth = output.dims, target.dims
            else:
                prediction, truth = output.logits, target.multilabel
            if prediction is not None and truth is not None:
                metric.update(prediction, truth, target.weight)

    def on_validation_epoch_end(self) -> None:
        """Log what the epoch is chosen by: the mean of macro F1 and mean Pearson, or F1 alone."""
        super().on_validation_epoch_end()
        if not len(self.source_scores):
            self.log("val/selection", self.val_metrics["macro_f1"].compute())
            return
        categories, dimensions = (cast(StageScores, self.source_scores[f"val{n}"]).metrics for n in (0, 1))
        scores = [categories["macro_f1"], dimensions["pearson"]]
        self.log("val/selection", torch.stack([score.compute() for score in scores]).mean())


def sources(mode: Mode, roots: Mapping[str, str], *, seed: int, encoder: str) -> dict[str, Source]:
    """Data module of each source."""
    given = SETTINGS[mode]
    found: dict[str, Source] = {}
    for number, (name, root) in enumerate(sorted(roots.items())):
        order = 2 * seed + number
        found[name] = (
            FeatureDataModule(root, batch_size=given.batch, seed=order, verify="size")
            if mode == "frozen"
            else TextDataModule(
                root,
                encoder,
                batch_size=given.batch,
                seed=order,
                max_length=given.max_length,
                word_dropout=given.word_dropout,
                verify="size",
            )
        )
    return found


def mixture(system: str, mode: Mode, found: Mapping[str, Source], *, seed: int) -> MixedDataModule:
    """Sentences once an epoch and a share of the comments; or comments alone."""
    trained = [CATEGORIES] if system == ONLY else [CATEGORIES, DIMENSIONS]
    return MixedDataModule(
        {name: found[name] for name in trained},
        repeats={CATEGORIES: SETTINGS[mode].share},
        evaluate=trained,
        seed=seed,
    )


def head_of(system: str, width: int, parts: GraphParts, *, hidden: int, dropout: float) -> Head:
    """The head of a system over features of a width."""
    classes, dims = len(parts.space), len(parts.scale)
    bounds = (parts.scale.low, parts.scale.high)
    if system == SEPARATE:
        return SeparateHeads(
            width, num_classes=classes, num_dims=dims, hidden_dim=hidden, dropout=dropout, bounds=bounds
        )
    if system == MULTI_TASK:
        return MultiTaskHead(
            width, num_classes=classes, num_dims=dims, hidden_dim=hidden, dropout=dropout, bounds=bounds
        )
    if system == ONLY:
        anchors = parts.scale.low + (parts.scale.high - parts.scale.low) * anchor_rows(parts)
        return LabelDistributionHead(
            width, classes, anchors=anchors.tolist(), hidden_dim=hidden, dropout=dropout
        )
    rule = rule_of(system)
    assert rule is not None
    return CategoricalDimensionalGraphHead(
        width,
        RULES[rule](parts),
        label_embeddings=parts.vectors,
        hidden_dims=(256,),
        normalization="receiver" if system.endswith(AVERAGED) else "symmetric",
        learnable_adjacency=system.endswith(LEARNT),
        bounds=bounds,
    )


def task_of(
    system: str,
    mode: Mode,
    parts: GraphParts,
    *,
    seed: int,
    encoder: str,
    statistics: tuple[Tensor, Tensor] | None,
) -> TwoSourceTask:
    """A system, not yet trained; its random numbers follow from the seed."""
    given = SETTINGS[mode]
    torch.manual_seed(seed)
    read: Encoder
    rates: dict[str, float] = {}
    if statistics is None:
        assert given.encoder_rate is not None
        read = TransformersTokenEncoder(encoder)
        rates = layer_rates(read, given.encoder_rate, decay=given.layer_decay, prefix="encoders.text.")
        hidden = 0
    else:
        # Heads that are made by a graph have no hidden layer of their own, so that all systems have one.
        outside = system.startswith(GRAPH)
        hidden = 0 if outside else given.hidden
        mean, deviation = statistics
        read = Standardized(
            mean,
            deviation,
            width=parts.vectors.shape[1],
            hidden_dim=given.hidden if outside else 0,
            dropout=given.dropout if outside else 0.0,
        )
    losses: dict[str, Loss] = {"categories": MultilabelLoss()}
    if system != ONLY:
        losses |= {"agreement": CCCLoss(), "error": MSELoss()}
    return TwoSourceTask(
        {"text": read},
        fusion=MeanFusion({"text": read.out_dim}),
        head=head_of(system, read.out_dim, parts, hidden=hidden, dropout=given.dropout),
        loss=WeightedSum(losses, {"categories": given.category_weight}),
        metrics={
            "macro_f1": MultilabelF1(len(parts.space), threshold=WATCHED),
            "pearson": Pearson(len(parts.scale)),
        },
        optimizer=AdamWFactory(
            lr=given.lr,
            weight_decay=given.weight_decay,
            schedule="cosine" if mode == "frozen" else "linear",
            warmup=given.warmup,
            rates=rates,
        ),
        label_space=SPACE,
        seed=seed,
    )
