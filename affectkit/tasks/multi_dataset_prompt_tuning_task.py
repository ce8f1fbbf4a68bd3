"""Pictures of several data sets: one adapted CLIP, a head for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from affectkit.adapters import ClipAdapter, make_adapter
from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.encoders import IdentityEncoder
from affectkit.encoders.clip import clip_base
from affectkit.functional import has_votes
from affectkit.fusion import MeanFusion
from affectkit.heads import PerDatasetHeads
from affectkit.labels import LabelSpace
from affectkit.losses import ClassificationLoss, UncertaintyWeightedSum, WeightedSum
from affectkit.metrics import ConfusionMetric, DimensionMetric
from affectkit.tasks.checkpoint_record import KEY
from affectkit.tasks.clip_task import ClipTask, unfreeze
from affectkit.tasks.data_agreement import DescribesData, keeps_own_targets, loader_sources
from affectkit.tasks.dataset_agreement import check_datasets
from affectkit.tasks.dataset_spec import DatasetError, DatasetOptions, DatasetSpec, dataset_specs
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.prompt_tuning_task import Option
from affectkit.tasks.rate_schedule import Schedule
from affectkit.tasks.stage_scores import StageScores
from affectkit.types import IGNORE_LABEL, AffectOutput, Target


class MultiDatasetPromptTuningTask(ClipTask):
    r"""One adapted CLIP trained on several data sets at once, each with labels or values of its own.

    Every data set has a head and an objective, and their losses are added over one divisor, so a row
    adds exactly nothing to the heads of other data sets. The data are those of a
    :class:`~affectkit.data.modules.MixedDataModule` with ``own_targets``, whose sources have the names
    of the data sets. Each is scored on its own: ``val/DATASET/METRIC``.

    A picture that belongs to none of them, e.g. one for ``affectkit predict``, gets the label of the one
    head that predicts classes, or of ``answer`` where there are several, and the values of all others.

    Every value is plain, so a checkpoint builds the task again without arguments.

    Args:
        datasets: What each data set has and learns, by its name: ``{"label_space": NAME}`` or ``{"axes":
            [NAME, ...]}``; with ``"objective"``, ``"classification"`` or ``"distribution"`` of labels and
            ``"mse"``, ``"pearson"`` or ``"ccc"`` of values, the first unless given; and ``"weight"``, 1
            unless given.
        base: Name of the CLIP model, see :func:`~affectkit.encoders.clip.clip_base`; ``"tiny"`` is
            random and needs nothing.
        base_pretrained: Tag of published weights; downloads them unless they are there.
        base_weights: File of weights.
        base_activation: Activation of the weights in a bare file, ``"gelu"`` or ``"quick_gelu"``.
        adapter: Name of an adapter that changes the image tower, such as ``"clip_lora"`` or ``"maple"``;
            ``"zero_shot"`` leaves it frozen.
        adapter_options: Its options by name; None adapts nothing but the image tower of ``"clip_lora"``.
        finetune: Patterns of names of base parameters that are trained too, e.g. ``["^image"]``.
        normalization: What pixels are brought to: what the weights record (``"weights"``), or ``"clip"``,
            ``"imagenet"``, ``"half"`` (-1..1) or ``"none"`` (0..1) where a paper did so.
        head_dims: Hidden widths of each :class:`~affectkit.heads.PerceptualHead`; None makes them linear.
        head_dropout: Dropout of the heads.
        weighting: ``"static"``, by the weights of the data sets, or ``"learnt"``, by uncertainties.
        class_weights: Weight of the classes of each data set by their counts in its training split.
        label_smoothing: Mass spread over the classes.
        answer: Data set whose labels are given to pictures of none of them.
        optimizer: ``"adamw"`` or ``"sgd"`` (momentum 0.9).
        lr: Learning rate.
        lr_by_name: Pattern of parameter names -> learning rate, e.g. ``{"^head": 1e-3}``.
        weight_decay: Weight decay.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        milestones: Shares of the training at which ``"step"`` divides the rate by ten.
        warmup: Share of all steps over which the rate rises.
        warmup_factor: Constant share of the rate during the warm-up, for ``"sgd"``.
        seed: Seed of the random numbers of training.

    Raises:
        DatasetError: If a data set cannot be as it is stated, or options do not fit the data sets.
        ValueError: If an option has an unknown name.

    References:
        PerceptCLIP ("Don't Judge Before You CLIP"), whose trunk is shared and whose heads are not;
        Kendall et al., CVPR 2018, arXiv:1705.07115, for the learnt weights.

    Examples:
        >>> task = MultiDatasetPromptTuningTask(
        ...     {"faces": {"label_space": "meld7.official"}, "koniq": {"axes": ["quality"]}}
        ... ).eval()
        >>> pixels = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
        >>> output = task(AffectBatch(inputs={"visual": pixels}, valid=torch.ones(2, dtype=torch.bool)))
        >>> {name: tuple(result.shape) for name, result in output.extra.items()}
        {'faces': (2, 7), 'koniq': (2, 1)}
    """

    def __init__(
        self,
        datasets: dict[str, DatasetOptions],
        *,
        base: str = "tiny",
        base_pretrained: str | None = None,
        base_weights: str | None = None,
        base_activation: Literal["gelu", "quick_gelu"] | None = None,
        adapter: str = "clip_lora",
        adapter_options: dict[str, Option] | None = None,
        finetune: list[str] | None = None,
        normalization: Literal["weights", "clip", "imagenet", "half", "none"] = "weights",
        head_dims: list[int] | None = None,
        head_dropout: float = 0.5,
        weighting: Literal["static", "learnt"] = "static",
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        label_smoothing: float = 0.0,
        answer: str | None = None,
        optimizer: OptimizerName = "adamw",
        lr: float = 1e-4,
        lr_by_name: dict[str, float] | None = None,
        weight_decay: float = 0.01,
        schedule: Schedule = "cosine",
        milestones: list[float] | None = None,
        warmup: float = 0.0,
        warmup_factor: float | None = None,
        seed: int = 0,
    ) -> None:
        specs = dataset_specs(datasets)
        _check_options(specs, weighting, class_weights, label_smoothing, answer)
        clip = clip_base(
            base,
            pretrained=base_pretrained,
            weights=base_weights,
            activation=base_activation,
            normalization=None if normalization == "weights" else normalization,
        )
        options = adapter_options
        if options is None:
            options = {"towers": "image"} if adapter == "clip_lora" else {}
        # The heads read features, never the adapter's classifier: its names are only names.
        part = make_adapter(adapter, clip, list(specs), **options)
        unfreeze(part.base, finetune or [], task="MultiDatasetPromptTuningTask")
        _check_adapter(part, adapter)
        width = clip.embed_dim
        losses = {name: spec.loss(label_smoothing=label_smoothing) for name, spec in specs.items()}
        squares = [name for name, spec in specs.items() if spec.objective == "mse"]
        super().__init__(
            part,
            adapter_name=adapter,
            encoders={"visual": IdentityEncoder(width)},
            fusion=MeanFusion({"visual": width}),
            head=PerDatasetHeads(
                {
                    name: spec.head(width, hidden_dims=head_dims or (), dropout=head_dropout)
                    for name, spec in specs.items()
                }
            ),
            loss=UncertaintyWeightedSum(losses, regressions=squares)
            if weighting == "learnt"
            else WeightedSum(losses, {name: spec.weight for name, spec in specs.items()}),
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
            label_space=_answering(specs, answer),
            seed=seed,
        )
        self.datasets: Mapping[str, DatasetSpec] = specs
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self._answer = answer
        self.save_hyperparameters()

    @property
    def source_spaces(self) -> dict[str, LabelSpace | None]:
        """Label order of each data set; None where values are predicted."""
        return {name: spec.space for name, spec in self.datasets.items()}

    @property
    def source_axes(self) -> dict[str, tuple[str, ...]]:
        """Names of the values of each data set; none where classes are predicted."""
        return {name: spec.axes for name, spec in self.datasets.items()}

    def source_protocols(self) -> dict[str, str]:
        """What each metric of each data set counts, by ``DATASET/METRIC``."""
        return {
            f"{name}/{key}": metric.protocol
            for name, spec in self.datasets.items()
            for key, metric in spec.metrics().items()
            if isinstance(metric, (ConfusionMetric, DimensionMetric))
        }

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the values that a picture of none of the data sets gets, in their order."""
        every = [axis for spec in self.datasets.values() for axis in spec.axes]
        return tuple(
            axis if every.count(axis) == 1 else f"{name}.{axis}"
            for name, spec in self.datasets.items()
            for axis in spec.axes
        )

    def setup(self, stage: str) -> None:
        """Compare the data sets with the data's sources, and make the scores of each."""
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, DescribesData):
            return
        check_datasets(self.datasets, data, task=type(self).__name__, fitting=stage == "fit")
        for part in ("val", "test"):
            for number, name in enumerate(loader_sources(self.trainer, part)):
                self.source_scores[f"{part}{number}"] = StageScores(self.datasets[name].metrics())
        if stage == "fit" and self._class_weights != "none" and keeps_own_targets(data):
            counts = data.source_class_counts("train")
            for name, loss in self._losses().items():
                if isinstance(loss, ClassificationLoss):
                    loss.set_class_weights(counts[name], self._class_weights)

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics of its data set; absent targets count for nothing."""
        name = batch.meta.get("source")
        target = (batch.target.extra or {}).get(str(name))
        if not len(metrics) or target is None:
            return
        if self.datasets[str(name)].objective == "distribution":
            target = _majority(target)
        metrics.update((output.extra or {})[str(name)], target, batch.target.weight)

    def prediction(self, batch: AffectBatch, output: AffectOutput) -> AffectPrediction:
        """Take what the head of the batch's data set said, or all heads where it is of none.

        Raises:
            DatasetError: If the batch is of none, and several heads predict classes.
        """
        source, extra = batch.meta.get("source"), output.extra or {}
        chosen = self._answering_heads() if source is None else [self.datasets[str(source)]]
        logits = [extra[spec.name] for spec in chosen if spec.space is not None]
        values = [extra[spec.name] for spec in chosen if spec.axes]
        found = AffectOutput(
            logits=logits[0] if logits else None, dims=torch.cat(values, dim=-1) if values else None
        )
        label = None
        if source is not None and logits:
            label = (batch.target.extra or {}).get(str(source))
            if label is not None and chosen[0].objective == "distribution":
                label = _majority(label)
        target = Target(label=label, weight=batch.target.weight)
        return super().prediction(replace(batch, target=target), found)

    def report_facts(self) -> dict[str, str | int | float]:
        """Add the data sets, each with what it learns."""
        learned = {
            name: ", ".join(spec.axes) if spec.space is None else spec.space.name
            for name, spec in self.datasets.items()
        }
        objectives = {name: spec.objective for name, spec in self.datasets.items()}
        return {
            **super().report_facts(),
            "label_space": "",
            "datasets": "; ".join(f"{name}: {learned[name]} ({objectives[name]})" for name in learned),
        }

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Add what the outputs of each head are."""
        super().on_save_checkpoint(checkpoint)
        record = cast("dict[str, object]", checkpoint[KEY])
        # That of `answer`, which may be changed when the task is built again.
        record["label_space"] = None
        record["datasets"] = {name: spec.to_plain() for name, spec in self.datasets.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Refuse heads whose outputs are others, or stand in another order."""
        super().on_load_checkpoint(checkpoint)
        record = checkpoint.get(KEY)
        stored = record.get("datasets") if isinstance(record, Mapping) else None
        for name, spec in self.datasets.items():
            before = stored.get(name) if isinstance(stored, Mapping) else None
            if before != spec.to_plain():
                outputs = before.get("outputs") if isinstance(before, Mapping) else None
                raise DatasetError(
                    f"The head {name!r} of the checkpoint predicts "
                    f"{'nothing' if outputs is None else ', '.join(outputs)}, that of the task "
                    f"{', '.join(spec.outputs)}: build the task with the datasets of its training."
                )

    def _answering_heads(self) -> list[DatasetSpec]:
        classes = [spec for spec in self.datasets.values() if spec.space is not None]
        if self._answer is None and len(classes) > 1:
            raise DatasetError(
                f"Several heads predict classes ({', '.join(spec.name for spec in classes)}), and a picture "
                "has one label: choose whose, `--option answer=NAME` or load_from_checkpoint(path, "
                "answer=NAME)."
            )
        return [
            spec
            for spec in self.datasets.values()
            if spec.axes or self._answer is None or spec.name == self._answer
        ]

    def _losses(self) -> Mapping[str, object]:
        return self.loss.losses if isinstance(self.loss, (WeightedSum, UncertaintyWeightedSum)) else {}


def _majority(votes: Tensor) -> Tensor:
    """The class with the most votes, the first of equal ones; -100 without any."""
    return votes.nan_to_num().argmax(dim=-1).masked_fill(~has_votes(votes), IGNORE_LABEL)


def _answering(specs: Mapping[str, DatasetSpec], answer: str | None) -> LabelSpace | None:
    """Order of the labels of pictures that belong to no data set."""
    spaces = [spec.space for spec in specs.values() if spec.space is not None]
    if answer is not None:
        return specs[answer].space
    return spaces[0] if len(spaces) == 1 else None


def _check_options(
    specs: Mapping[str, DatasetSpec],
    weighting: str,
    class_weights: str,
    label_smoothing: float,
    answer: str | None,
) -> None:
    for option, value, known in (
        ("weighting", weighting, ("static", "learnt")),
        ("class_weights", class_weights, ("none", "balanced", "sqrt")),
    ):
        if value not in known:
            raise DatasetError(
                f"MultiDatasetPromptTuningTask got {option}={value!r}: give {' or '.join(map(repr, known))}."
            )
    weighted = [name for name, spec in specs.items() if spec.weight != 1.0]
    if weighting == "learnt" and weighted:
        raise DatasetError(
            f"The data set {weighted[0]!r} has a weight, and the weights are learnt: leave it out, or set "
            "weighting to 'static'."
        )
    labelled = [name for name, spec in specs.items() if spec.space is not None]
    if (class_weights != "none" or label_smoothing) and not any(
        spec.objective == "classification" for spec in specs.values()
    ):
        raise DatasetError(
            "MultiDatasetPromptTuningTask got class_weights or label_smoothing, which only the objective "
            "'classification' reads, and no data set has it: leave them out."
        )
    if answer is not None and answer not in labelled:
        raise DatasetError(
            f"MultiDatasetPromptTuningTask got answer={answer!r}, which is no data set with labels: give "
            f"{' or '.join(map(repr, labelled)) or 'none'}."
        )


def _check_adapter(adapter: ClipAdapter, name: str) -> None:
    trained = any(parameter.requires_grad for parameter in cast(nn.Module, adapter).parameters())
    if trained and not adapter.adapts_images:
        raise DatasetError(
            f"The adapter {name!r} trains what heads on the features of pictures do not read: choose "
            "'clip_lora' or 'maple', or 'zero_shot' to train heads alone."
        )
