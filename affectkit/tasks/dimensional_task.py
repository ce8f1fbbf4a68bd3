"""Affect dimensions of rows, or of the segments of a sequence."""

from __future__ import annotations

from typing import Final, Literal

from torchmetrics import Metric, MetricCollection

from affectkit.conversation import BcLSTM
from affectkit.encoders import ProjectionEncoder
from affectkit.fusion import ConcatFusion, FusionName, FusionOption, ModalityDropout, named_fusion
from affectkit.heads import BinnedDimensionalHead, DimensionalHead
from affectkit.labels import affect_scale
from affectkit.losses import BinnedDimensionLoss, CCCLoss, MSELoss, PearsonLoss
from affectkit.metrics import BinAccuracy, dimension_metrics
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.take_statistics import take_statistics
from affectkit.tasks.target_agreement import DescribesTargets, range_of
from affectkit.types import Fusion, Head, Loss

_LOSSES: Final = ("mse", "ccc", "pearson")
#: Bins of the metric where the model has none of its own.
_METRIC_BINS: Final = 7


class DimensionalTask(AffectTask):
    r"""Valence, arousal or other dimensions from stored features, of rows or of segments in their order.

    Every type of feature is projected to one width and fused; with ``context_model="bc_lstm"`` a
    recurrence over the segments of a film or conversation follows. Dimensions are regressed, or put
    into ``bins`` of the scale, which is then a classification. Every value is plain, so a checkpoint
    builds the task again without arguments.

    Args:
        scale: Name of the affect scale, e.g. ``"va.unit"``.
        inputs: Width of the stored features of each type, e.g. ``{"appearance": 2048, "sound": 1582}``.
        hidden_dim: Width of the projected features.
        standardize: Bring stored features to mean 0 and deviation 1 by the numbers of the training
            split, which a checkpoint keeps.
        input_dropout: Dropout on the stored features.
        layer_norm: Normalise the projected features.
        dropout: Dropout on projections, context and the head's input.
        fusion: Name of a fusion, see :func:`~affectkit.fusion.named_fusion`.
        fusion_options: Its options, e.g. ``{"num_heads": 2}``.
        modality_dropout: Probability of hiding a type of feature of a segment in training, never all.
        context_model: ``"none"``: each segment by itself; ``"bc_lstm"``: a recurrence over segments.
        context: ``"past"``: a segment sees itself and what came before; ``"both"``: the whole film.
        context_dim: Width of each direction of the context; None takes ``hidden_dim``.
        context_cell: ``"lstm"`` or ``"gru"``.
        head_dim: Width of a hidden layer in the head; 0 = none.
        bins: Equal bins of each dimension that are classified; 0 regresses.
        tolerance: Bins by which a prediction may be off and still count as right in
            ``bin_accuracy_within_N``; a model without bins is scored over seven.
        bounded: Keep regressed values within the scale.
        loss: ``"mse"``, ``"ccc"`` or ``"pearson"``; bins are trained by cross entropy.
        lr: Learning rate of AdamW.
        weight_decay: Weight decay of matrices.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        milestones: Shares of the training at which ``"step"`` divides the rate by ten.
        warmup: Share of all steps over which the rate rises.
        seed: Seed of the random numbers of training.

    Raises:
        ValueError: If an option has an unknown name or a number is out of range.

    References:
        H. T. P. Thao, D. Herremans, G. Roig. Multimodal Deep Models for Predicting Affective Responses
        Evoked by Movies. ICCV 2019 workshops.

    Examples:
        >>> import torch
        >>> from affectkit.data.batch import AffectBatch
        >>> task = DimensionalTask("va.unit", {"sound": 8}, hidden_dim=4, bins=7).eval()
        >>> task(AffectBatch(inputs={"sound": torch.zeros(2, 8)}, valid=torch.ones(2).bool())).dims.shape
        torch.Size([2, 2])
    """

    def __init__(
        self,
        scale: str,
        inputs: dict[str, int],
        *,
        hidden_dim: int = 128,
        standardize: bool = False,
        input_dropout: float = 0.0,
        layer_norm: bool = False,
        dropout: float = 0.0,
        fusion: FusionName = "feature_tokens",
        fusion_options: dict[str, FusionOption] | None = None,
        modality_dropout: float = 0.0,
        context_model: Literal["none", "bc_lstm"] = "none",
        context: Literal["past", "both"] = "past",
        context_dim: int | None = None,
        context_cell: Literal["lstm", "gru"] = "lstm",
        head_dim: int = 0,
        bins: int = 0,
        tolerance: int = 1,
        bounded: bool = False,
        loss: Literal["mse", "ccc", "pearson"] = "mse",
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        schedule: Literal["constant", "cosine", "linear", "step"] = "constant",
        milestones: list[float] | None = None,
        warmup: float = 0.0,
        seed: int = 0,
    ) -> None:
        for name, value, known in (
            ("context_model", context_model, ("none", "bc_lstm")),
            ("loss", loss, _LOSSES),
        ):
            if value not in known:
                raise ValueError(
                    f"DimensionalTask got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        wanted = affect_scale(scale)
        bounds = (wanted.low, wanted.high)
        widths = dict.fromkeys(sorted(inputs), hidden_dim)
        mixer: Fusion = ConcatFusion(widths)
        if len(inputs) > 1:
            mixer = named_fusion(
                fusion, widths, hidden_dim, dropout=dropout, context=context, options=fusion_options
            )
        if modality_dropout:
            mixer = ModalityDropout(mixer, rate=modality_dropout)
        recurrence = None
        if context_model == "bc_lstm":
            recurrence = BcLSTM(
                mixer.out_dim, context_dim or hidden_dim, context=context, cell=context_cell, dropout=dropout
            )
        width = mixer.out_dim if recurrence is None else recurrence.out_dim
        head: Head = (
            BinnedDimensionalHead(
                width, len(wanted), num_bins=bins, bounds=bounds, hidden_dim=head_dim, dropout=dropout
            )
            if bins
            else DimensionalHead(
                width,
                len(wanted),
                hidden_dim=head_dim,
                dropout=dropout,
                bounds=bounds if bounded else None,
            )
        )
        optimised: Loss = BinnedDimensionLoss(bounds) if bins else _named_loss(loss)
        super().__init__(
            {
                name: ProjectionEncoder(
                    inputs[name],
                    hidden_dim,
                    dropout=dropout,
                    input_dropout=input_dropout,
                    layer_norm=layer_norm,
                    standardize=standardize,
                )
                for name in sorted(inputs)
            },
            fusion=mixer,
            context=recurrence,
            head=head,
            loss=optimised,
            metrics=_metrics(wanted.axes, bounds, num_bins=bins or _METRIC_BINS, tolerance=tolerance),
            optimizer=AdamWFactory(
                lr, weight_decay, schedule, warmup, milestones=tuple(milestones or (0.5, 0.75))
            ),
            seed=seed,
        )
        self.scale = wanted
        self._inputs = dict(inputs)
        self._standardize = standardize
        self.save_hyperparameters()

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the dimensions, in their order."""
        return self.scale.axes

    @property
    def input_dims(self) -> dict[str, int | None]:
        """Width of the stored features of each type."""
        return dict(self._inputs)

    def setup(self, stage: str) -> None:
        """Compare with the data; when fitting, take over the statistics of the features."""
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if isinstance(data, DescribesTargets):
            rated = data.affect_scale
            mine = (self.scale.axes, self.scale.low, self.scale.high)
            if rated is None or (rated.axes, rated.low, rated.high) != mine:
                theirs = "none" if rated is None else f"{range_of(rated)} ({rated.name!r})"
                raise ValueError(
                    f"DimensionalTask has the dimensions {range_of(self.scale)}, but its data {theirs}: set "
                    "scale to that of the data, or make the shards on the task's."
                )
            known = data.annotated_dims("train") if stage == "fit" else (True,) * len(self.axes)
            absent = [axis for axis, there in zip(self.axes, known, strict=True) if not there]
            if absent:
                raise ValueError(
                    f"DimensionalTask learns {', '.join(self.axes)}, but no sample of the train split has a "
                    f"value of {absent[0]}: add a source that has it (MixedDataModule), or choose a scale "
                    "without it."
                )
        if self._standardize and stage == "fit":
            take_statistics(self.encoders, data, task="DimensionalTask")

    def report_facts(self) -> dict[str, str | int | float]:
        """Add the scale and whether later segments were read."""
        context = self.context
        direction = context.context if isinstance(context, BcLSTM) else "none"
        return {**super().report_facts(), "scale": self.scale.name, "context": direction}


def _named_loss(name: Literal["mse", "ccc", "pearson"]) -> Loss:
    match name:
        case "mse":
            return MSELoss()
        case "ccc":
            return CCCLoss()
        case "pearson":
            return PearsonLoss()


def _metrics(
    axes: tuple[str, ...], bounds: tuple[float, float], *, num_bins: int, tolerance: int
) -> MetricCollection:
    low, high = bounds
    found: dict[str, Metric | MetricCollection] = dict(
        dimension_metrics(axes).items(keep_base=True, copy_state=False)
    )
    for off in sorted({0, tolerance}):
        metric = BinAccuracy(len(axes), num_bins=num_bins, low=low, high=high, tolerance=off)
        found[metric.key] = metric
    # Two kinds of states with the same update: groups are not looked for.
    return MetricCollection(found, compute_groups=False)
