"""An emotion and the attributes of what evokes it, from pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Literal, cast

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from affectkit.data.batch import AffectBatch
from affectkit.encoders import TimmStageEncoder
from affectkit.heads import MultiAttributeHead
from affectkit.labels import LabelSpace
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss, MultilabelLoss, WeightedSum
from affectkit.metrics import UAR, Accuracy, MultilabelF1, classification_metrics
from affectkit.tasks.attribute_agreement import (
    DescribesAttributes,
    check_attribute_orders,
    check_attributes,
)
from affectkit.tasks.backbone_task import BackboneTask
from affectkit.tasks.checkpoint_record import KEY
from affectkit.tasks.joint_fusion import FUSIONS, FusionName, joint_fusion
from affectkit.tasks.label_presence import check_annotated, check_labelled
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.tasks.rate_schedule import Schedule
from affectkit.tasks.source_fields import source_fields
from affectkit.types import IGNORE_LABEL, AffectOutput, Encoder, Fusion, Loss, LossTerms

#: Name of the emotion's term in the log, which no attribute may have.
EMOTION = "emotion"


class MultiAttributeTask(BackboneTask):
    r"""An emotion and named attributes, each from the stage of a network that shows it best.

    .. math:: L = \frac{1}{N} \Bigl( n_0 L_0 + \frac{\lambda}{K} \sum_{k=1}^{K} n_k L_k \Bigr)

    with :math:`L_k` the cross entropy of attribute k over the :math:`n_k` rows of N that have it (binary
    where a row may have several values). An attribute that a row lacks adds nothing; one that no training
    row has is an error.

    A checkpoint of plain values builds the task again without arguments.

    Args:
        label_space: Name of the label order of the emotion.
        attributes: Number of values of each attribute, by its name in ``Target.extra``.
        several: Attributes of which a picture may have several, such as its objects.
        pictures: Name of the input that holds pictures, as bytes.
        backbone: Network of timm; ``"tiny"`` is small and random.
        backbone_pretrained: Whether its published weights are loaded, and downloaded unless they are there;
            not read where ``encoders`` has the input ``pictures``.
        backbone_weights: File of its weights.
        stages: Stage of the backbone that an attribute reads, from 0; the last where it is not named.
        emotion_stage: Stage that the emotion reads; negative ones count from the end.
        fusion: How several inputs become one: ``"concat"``, ``"gate"``, ``"mean"``, ``"sum"`` or a fusion of
            your own. One input passes through as it is; of several, all attributes read what they become.
        fusion_dim: Width of the projections of a fusion by name.
        feature_dim: Width of what is found about each attribute.
        use_attributes: Whether the emotion reads it too.
        dropout: Dropout before each linear layer.
        attribute_weight: Weight :math:`\lambda` of the mean over attributes.
        class_weights: Weight of the emotions by their counts in the training split.
        label_smoothing: Mass spread over the emotions.
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
        encoders: Further inputs by their names, each with an encoder; one of the name of ``pictures`` takes
            the place of the backbone, e.g. :class:`~affectkit.adapters.AdaptedClipEncoder`.

    Raises:
        ValueError: If there is no attribute, an option names none, a number is out of range, or stages are
            named where no attribute reads the backbone alone.

    References:
        EmoSet: the attributes and their numbers of values are those of its official code.

    Deviation from the paper:
        The authors' module is not part of their code: stages, weight and width are ours. The sum divides
        by the rows of the batch, so that ranks and accumulated batches add up.

    Examples:
        >>> import torch
        >>> task = MultiAttributeTask("emoset8.official", {"brightness": 11, "object": 5}, several=["object"])
        >>> pixels = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
        >>> batch = AffectBatch(inputs={"visual": pixels}, valid=torch.ones(2, dtype=torch.bool))
        >>> output = task.eval()(batch)
        >>> tuple(output.logits.shape), tuple(output.extra["object"].shape)
        ((2, 8), (2, 5))
    """

    def __init__(
        self,
        label_space: str,
        attributes: dict[str, int],
        *,
        several: list[str] | None = None,
        pictures: str = "visual",
        backbone: str = "tiny",
        backbone_pretrained: bool = False,
        backbone_weights: str | None = None,
        stages: dict[str, int] | None = None,
        emotion_stage: int = -1,
        fusion: FusionName | Fusion = "gate",
        fusion_dim: int = 128,
        feature_dim: int = 64,
        use_attributes: bool = True,
        dropout: float = 0.0,
        attribute_weight: float = 1.0,
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
        encoders: dict[str, Encoder] | None = None,
    ) -> None:
        for name, value, known in (
            ("class_weights", class_weights, ("none", "balanced", "sqrt")),
            ("fusion", fusion, FUSIONS),
        ):
            if isinstance(value, str) and value not in known:
                raise ValueError(
                    f"MultiAttributeTask got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        if loss is not None and (class_weights != "none" or label_smoothing):
            raise ValueError(
                "MultiAttributeTask got a loss of your own together with class_weights or label_smoothing: "
                "set these in that loss, and leave them out here."
            )
        plural = frozenset(several or ())
        unknown = sorted((plural | set(stages or {})) - set(attributes))
        if unknown or not attributes or EMOTION in attributes or attribute_weight < 0:
            raise ValueError(
                f"MultiAttributeTask got the attributes {', '.join(sorted(attributes)) or 'none'}, options "
                f"of {', '.join(unknown) or 'no other'} and attribute_weight={attribute_weight}: give at "
                f"least one attribute, none called {EMOTION!r}, options of these alone, and a weight of 0 "
                "or more."
            )
        parts: dict[str, Encoder] = dict(encoders or {})
        self.check_backbone(pictures, parts, backbone_weights)
        if parts and (stages or emotion_stage != -1):
            raise ValueError(
                f"MultiAttributeTask got stages of its backbone together with encoders for "
                f"{', '.join(sorted(parts))}: every attribute then reads what these become together, so set "
                "stages to null and emotion_stage to -1, or leave out encoders."
            )
        space = named_label_space(label_space)
        chosen = {name: (stages or {}).get(name, -1) for name in attributes}
        columns: dict[str, tuple[int, int]] = {}
        emotion_columns: tuple[int, int] | None = None
        if pictures not in parts:
            network, spans = _stage_network(
                backbone,
                [emotion_stage, *chosen.values()],
                pretrained=backbone_pretrained,
                weights=backbone_weights,
            )
            if not parts:
                columns = {name: spans[stage] for name, stage in chosen.items()}
                emotion_columns = spans[emotion_stage]
            parts[pictures] = PixelEncoder(network)
        widths = {name: part.out_dim for name, part in parts.items()}
        mixer = (
            joint_fusion(fusion, widths, out_dim=fusion_dim, dropout=0.0)
            if isinstance(fusion, str)
            else fusion
        )
        main = ClassificationLoss(len(space), label_smoothing=label_smoothing)
        super().__init__(
            parts,
            fusion=mixer,
            head=MultiAttributeHead(
                mixer.out_dim,
                len(space),
                attributes,
                columns=columns,
                emotion_columns=emotion_columns,
                feature_dim=feature_dim,
                use_attributes=use_attributes,
                dropout=dropout,
            ),
            loss=loss or _loss(main, attributes, plural, weight=attribute_weight),
            metrics=_metrics(len(space), attributes, plural),
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
        self._attributes = dict(attributes)
        self._several = plural
        # The values of the attributes in their order: as they were learned, and as the data have them.
        self._learned: dict[str, LabelSpace] = {}
        self._stated: dict[str, LabelSpace] = {}
        self._emotion_loss = main
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self._fields: dict[str, frozenset[str]] = {}
        self.save_hyperparameters()

    def setup(self, stage: str) -> None:
        """Compare labels and attributes with those of the data, and with those of the training."""
        data: object = getattr(self.trainer, "datamodule", None)
        self._stated = {}
        if isinstance(data, DescribesAttributes):
            check_attributes(
                data, attributes=self._attributes, several=self._several, task=type(self).__name__
            )
            spaces = data.extra_spaces
            self._stated = {name: spaces[name] for name in self._attributes}
            check_attribute_orders(self._learned, self._stated, task=type(self).__name__)
            if stage == "fit":
                check_labelled(data, task=type(self).__name__)
                check_annotated(data, self._attributes, task=type(self).__name__)
                self._learned = self._stated
        super().setup(stage)
        self._fields = source_fields(self.trainer)

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """Compare with what the batch knows; attributes that it says nothing of count as absent."""
        target, found = batch.target, output.extra or {}
        extra = {name: self._absent(name, logits) for name, logits in found.items()}
        label = target.label
        if label is None and output.logits is not None:
            label = torch.full_like(output.logits[..., 0], IGNORE_LABEL, dtype=torch.int64)
        return self.loss(output, target._replace(label=label, extra={**extra, **(target.extra or {})}))

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics of the emotion and of each attribute."""
        target = batch.target
        found, truths = output.extra or {}, target.extra or {}
        for key, metric in metrics.items(keep_base=True, copy_state=False):
            attribute = key.partition("_of_")[2]
            prediction = found.get(attribute) if attribute else output.logits
            truth = truths.get(attribute) if attribute else target.label
            if prediction is not None and truth is not None:
                metric.update(prediction, truth, target.weight)

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the emotions by their counts in the training split."""
        if self._class_weights != "none":
            self._emotion_loss.set_class_weights(counts, self._class_weights)

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Add the values of each attribute in their order."""
        super().on_save_checkpoint(checkpoint)
        record = cast("dict[str, object]", checkpoint[KEY])
        record["attributes"] = {name: space.to_dict() for name, space in self._learned.items()}

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Refuse weights that learned an attribute in another order than the data put it."""
        super().on_load_checkpoint(checkpoint)
        record = checkpoint.get(KEY)
        stored = record.get("attributes") if isinstance(record, Mapping) else None
        if isinstance(stored, Mapping):
            learned = {str(name): LabelSpace.from_dict(space) for name, space in stored.items()}
            check_attribute_orders(learned, self._stated, task=type(self).__name__)
            self._learned = learned

    def _log_sums(self, name: str, metric: Metric, batch: AffectBatch) -> None:
        # A source without an attribute has no score of it: nothing is logged, rather than a 0.
        place, _, key = name.rpartition("/")
        attribute = key.partition("_of_")[2]
        field = f"extra.{attribute}" if attribute else "label"
        if key not in self.val_metrics or field in self._fields.get(place, {field}):
            super()._log_sums(name, metric, batch)

    def _absent(self, name: str, logits: Tensor) -> Tensor:
        if name in self._several:
            return torch.full_like(logits, torch.nan)
        return torch.full_like(logits[..., 0], IGNORE_LABEL, dtype=torch.int64)

    def report_facts(self) -> dict[str, str | int | float]:
        """Add the attributes."""
        return {**super().report_facts(), "attributes": "+".join(sorted(self._attributes))}


def _stage_network(
    backbone: str, stages: Sequence[int], *, pretrained: bool, weights: str | None
) -> tuple[TimmStageEncoder, dict[int, tuple[int, int]]]:
    """A network that gives the chosen stages side by side, and which columns are whose."""
    count = _stage_count(backbone) if min(stages) < 0 else 0
    numbers = {stage: stage + count if stage < 0 else stage for stage in stages}
    wanted = sorted(set(numbers.values()))
    network = TimmStageEncoder(backbone, stages=wanted, pretrained=pretrained, weights=weights)
    ends = list(accumulate(network.stage_dims.values()))
    spans = dict(zip(wanted, pairwise([0, *ends]), strict=True))
    return network, {stage: spans[number] for stage, number in numbers.items()}


def _stage_count(backbone: str) -> int:
    """How many stages a network has, from the number of its last one."""
    (last,) = TimmStageEncoder(backbone, stages=(-1,)).stage_dims
    return int(last.removeprefix("stage")) + 1


def _loss(
    emotion: ClassificationLoss, attributes: Mapping[str, int], several: frozenset[str], *, weight: float
) -> Loss:
    parts: dict[str, Loss] = {EMOTION: emotion}
    for name, size in attributes.items():
        parts[name] = MultilabelLoss(head=name) if name in several else ClassificationLoss(size, head=name)
    return WeightedSum(parts, dict.fromkeys(attributes, weight / len(attributes)))


def _metrics(num_classes: int, attributes: Mapping[str, int], several: frozenset[str]) -> MetricCollection:
    found: dict[str, Metric | MetricCollection] = dict(
        classification_metrics(num_classes).items(keep_base=True, copy_state=False)
    )
    for name, size in attributes.items():
        if name in several:
            for average in ("macro", "micro"):
                found[f"{average}_f1_of_{name}"] = MultilabelF1(size, average=average)
        else:
            found[f"accuracy_of_{name}"], found[f"uar_present_of_{name}"] = Accuracy(size), UAR(size)
    # Groups of one state are found by one update with the same arguments for all, which these lack.
    return MetricCollection(found, compute_groups=False)
