"""A student of pictures that learns from labels, a teacher and prototypes of valence and arousal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Literal, Self, cast

import torch
from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.distill import VAPrototypeGrid, teacher_views
from affectkit.distill.prototype_distillation import PrototypeTarget
from affectkit.encoders import TimmImageEncoder
from affectkit.encoders.timm_image import PicturePooling
from affectkit.functional.logit_distillation import LogitDistance
from affectkit.heads import ProjectedHead
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss
from affectkit.metrics import label_scope_metrics, tell_present
from affectkit.tasks.backbone_task import BackboneTask
from affectkit.tasks.checkpoint_record import KEY
from affectkit.tasks.data_agreement import DescribesData, loader_sources
from affectkit.tasks.distill_loss import DistillTerms, TruthObjective, distill_loss
from affectkit.tasks.frozen_teacher import FrozenTeacher, TeacherError
from affectkit.tasks.joint_fusion import FUSIONS, FusionName, joint_fusion
from affectkit.tasks.label_presence import check_labelled
from affectkit.tasks.map_location import MapLocation
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.tasks.rate_schedule import Schedule
from affectkit.tasks.stage_scores import StageScores
from affectkit.tasks.vote_agreement import check_votes
from affectkit.types import AffectOutput, Encoder, Fusion, LossTerms, Target

#: Buffers that the file of prototypes makes: they come from there, not from a checkpoint.
_FROM_GRID = ("prototypes", "centres", "class_target")


class PrototypeDistillTask(BackboneTask):
    r"""Emotions of pictures by any network, taught by labels, a teacher and frozen prototypes.

    .. math:: L = L_{CE} + \lambda_{KD} L_{KD} + \lambda_{p} L_{proto} + \lambda_{g}(t)\, L_{geo}

    A teacher answers in each training step (``teacher``, a run of affectkit), or its answers are stored
    with the pictures (``affectkit teach``) and come with the batch. Prototypes are a file of
    :class:`~affectkit.distill.VAPrototypeGrid`. Evaluation needs neither: its loss is the plain cross
    entropy of the labels, and its scores are all-class and present-only, so that data with fewer labels
    than the student knows give both figures side by side.

    A checkpoint of plain values builds the task again without arguments; where the teacher or the
    prototypes are no longer in their place it does so without them, which is enough to predict.

    Args:
        label_space: Name of the label order, e.g. ``"ferplus8.official"``.
        backbone: Name of the student in timm, see :class:`~affectkit.encoders.TimmImageEncoder`.
        backbone_pretrained: Whether published weights are loaded, and downloaded unless they are there;
            not read where ``encoders`` has the input ``stream``.
        backbone_weights: File of weights.
        backbone_options: Further arguments of the network.
        image_size: Height and width of pictures, for networks that are built for one size.
        pooling: ``"native"``, ``"avg"`` or ``"max"``.
        stream: Name of the input that the backbone reads.
        fusion: How several inputs become one: ``"concat"``, ``"gate"``, ``"mean"``, ``"sum"`` or a fusion of
            your own; one input passes through as it is.
        fusion_dim: Width of the projections of a fusion by name.
        embedding_dim: Width of the student's projection; None = that of the prototypes, else no projection.
        dropout: Dropout before the classifier.
        objective: ``"classification"``, or ``"votes"`` for the distribution of the annotators' votes.
        label_smoothing: Mass spread over the classes.
        class_weights: Weight of the classes by their counts in the training split.
        teacher: Run folder or checkpoint of a teacher that answers in each step; None = its answers are
            stored with the data, or no term needs them.
        teacher_dim: Width of the teacher's features, where they are compared.
        kd_weight: Weight of the teacher's scores.
        kd_distance: ``"mse"`` of the logits, or ``"kl"`` at ``kd_temperature``.
        kd_temperature: Temperature of the divergence.
        feature_weight: Weight of the teacher's features.
        prototypes: File of the prototypes; None leaves their term out.
        prototype_weight: Weight of the prototypes.
        prototype_target: ``"anchor"``, ``"nearest"`` or ``"teacher"``; see
            :class:`~affectkit.distill.PrototypeDistillationLoss`.
        prototype_temperature: Temperature of the student's likeness to the prototypes.
        prototype_bandwidth: Width of the goal around an anchor, in -1..1.
        teacher_scale: Name of the affect scale of the teacher's values, for the target ``"teacher"``.
        anchors: Valence and arousal of each label, in -1..1; None takes the places on the wheel.
        geometry_weight: Weight of the geometric prior once it has set in; 0 leaves it out.
        geometry_ramp: Shares of the training between which that weight grows.
        geometry_classes: Labels that it keeps compact and apart; None = happiness and surprise.
        geometry_cap: Spread that costs nothing.
        geometry_margin: Distance of two means from which on they cost nothing.
        geometry_confidence: Rows whose highest probability is lower are left out of it.
        optimizer: ``"adamw"`` or ``"sgd"`` (momentum 0.9).
        lr: Learning rate.
        lr_by_name: Pattern of parameter names -> learning rate.
        weight_decay: Weight decay.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        milestones: Shares of the training at which ``"step"`` divides the rate by ten.
        warmup: Share of all steps over which the rate rises.
        seed: Seed of the random numbers of training.
        encoders: Further inputs by their names, each with an encoder; one of the name of ``stream`` takes the
            place of the backbone, e.g. :class:`~affectkit.adapters.AdaptedClipEncoder`.

    Raises:
        TeacherError: If the teacher is no run of affectkit, or answers with features of another width.
        PrototypeGridError: If the file holds no prototypes.
        LabelSpaceMismatchError: If the teacher's labels are not the student's.
        ValueError: If an option is out of range.

    References:
        NeuroGaze-Distill, README and configuration keys of its official code.

    Deviation from the paper:
        Its teacher is trained on EEG; here it is whatever made the prototypes. The rule for the goal over
        prototypes, cap, margin and gate are this library's, as no public text states them.

    Examples:
        >>> task = PrototypeDistillTask("ferplus8.official", kd_weight=0.0).eval()
        >>> pixels = torch.zeros(2, 3, 48, 48, dtype=torch.uint8)
        >>> task(AffectBatch(inputs={"visual": pixels}, valid=torch.ones(2, dtype=torch.bool))).logits.shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        label_space: str,
        *,
        backbone: str = "tiny",
        backbone_pretrained: bool = False,
        backbone_weights: str | None = None,
        backbone_options: dict[str, bool | int | float | list[int] | str] | None = None,
        image_size: int | None = None,
        pooling: PicturePooling = "native",
        stream: str = "visual",
        fusion: FusionName | Fusion = "gate",
        fusion_dim: int = 128,
        embedding_dim: int | None = None,
        dropout: float = 0.0,
        objective: TruthObjective = "classification",
        label_smoothing: float = 0.055,
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        teacher: str | None = None,
        teacher_dim: int | None = None,
        kd_weight: float = 0.3,
        kd_distance: LogitDistance = "mse",
        kd_temperature: float = 5.0,
        feature_weight: float = 0.0,
        prototypes: str | None = None,
        prototype_weight: float = 0.12,
        prototype_target: PrototypeTarget = "anchor",
        prototype_temperature: float = 0.9,
        prototype_bandwidth: float = 0.35,
        teacher_scale: str = "va.unit",
        anchors: dict[str, list[float]] | None = None,
        geometry_weight: float = 0.012,
        geometry_ramp: list[float] | None = None,
        geometry_classes: list[str] | None = None,
        geometry_cap: float = 0.2,
        geometry_margin: float = 0.5,
        geometry_confidence: float = 0.2,
        optimizer: OptimizerName = "adamw",
        lr: float = 2e-4,
        lr_by_name: dict[str, float] | None = None,
        weight_decay: float = 0.05,
        schedule: Schedule = "cosine",
        milestones: list[float] | None = None,
        warmup: float = 0.0,
        seed: int = 0,
        encoders: dict[str, Encoder] | None = None,
    ) -> None:
        for name, value, known in (
            ("objective", objective, ("classification", "votes")),
            ("class_weights", class_weights, ("none", "balanced", "sqrt")),
            ("fusion", fusion, FUSIONS),
        ):
            if isinstance(value, str) and value not in known:
                raise ValueError(
                    f"PrototypeDistillTask got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        if objective == "votes" and class_weights != "none":
            raise ValueError(
                "PrototypeDistillTask got class_weights, which the objective 'votes' does not read: leave "
                "one of them out."
            )
        space = named_label_space(label_space)
        parts: dict[str, Encoder] = dict(encoders or {})
        self.check_backbone(stream, parts, backbone_weights)
        if stream not in parts:
            parts[stream] = PixelEncoder(
                TimmImageEncoder(
                    backbone,
                    pretrained=backbone_pretrained,
                    weights=backbone_weights,
                    pooling=pooling,
                    image_size=image_size,
                    options=backbone_options,
                )
            )
        widths = {name: part.out_dim for name, part in parts.items()}
        mixer = (
            joint_fusion(fusion, widths, out_dim=fusion_dim, dropout=0.0)
            if isinstance(fusion, str)
            else fusion
        )
        grid = None if prototypes is None else VAPrototypeGrid.load(prototypes)
        if embedding_dim is None:
            embedding_dim = 0 if grid is None else grid.feature_dim
        head = ProjectedHead(mixer.out_dim, len(space), embedding_dim=embedding_dim, dropout=dropout)
        if grid is not None and prototype_weight > 0 and grid.feature_dim != head.embedding_dim:
            raise TeacherError(
                f"The prototypes {prototypes!r} are of a teacher with features of width {grid.feature_dim}, "
                f"and the student's embedding has width {head.embedding_dim}: set embedding_dim to "
                f"{grid.feature_dim}, or leave it out."
            )
        terms = DistillTerms(
            objective=objective,
            label_smoothing=label_smoothing,
            kd_weight=kd_weight,
            kd_distance=kd_distance,
            kd_temperature=kd_temperature,
            feature_weight=feature_weight,
            teacher_dim=teacher_dim,
            prototype_weight=prototype_weight,
            prototype_target=prototype_target,
            prototype_temperature=prototype_temperature,
            prototype_bandwidth=prototype_bandwidth,
            teacher_scale=teacher_scale,
            anchors=anchors,
            geometry_weight=geometry_weight,
            geometry_ramp=geometry_ramp or (0.2, 0.6),
            geometry_classes=geometry_classes or ("happiness", "surprise"),
            geometry_cap=geometry_cap,
            geometry_margin=geometry_margin,
            geometry_confidence=geometry_confidence,
        )
        super().__init__(
            parts,
            fusion=mixer,
            head=head,
            loss=distill_loss(terms, space, embedding_dim=head.embedding_dim, grid=grid),
            metrics=label_scope_metrics(len(space)),
            optimizer=named_optimizer(
                optimizer,
                lr=lr,
                weight_decay=weight_decay,
                schedule=schedule,
                warmup=warmup,
                warmup_factor=None,
                milestones=tuple(milestones or (0.5, 0.75)),
                rates=lr_by_name or {},
            ),
            label_space=space,
            seed=seed,
        )
        self.evaluation_loss = ClassificationLoss(len(space))
        self.teacher = (
            FrozenTeacher(teacher, space=space) if teacher is not None and terms.reads_teacher else None
        )
        self.grid_version = None if grid is None else grid.version
        self._terms = terms
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self._backbone = backbone if stream not in (encoders or {}) else type(parts[stream]).__name__
        self.save_hyperparameters()

    def setup(self, stage: str) -> None:
        """Compare with the data, and tell the present-only scores which labels each split has."""
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and self._terms.objective == "votes":
            check_votes(data, task=type(self).__name__)
        elif stage == "fit":
            check_labelled(data, task=type(self).__name__)
        if not isinstance(data, DescribesData) or data.label_space is None:
            return
        for part, metrics in (("val", self.val_metrics), ("test", self.test_metrics)):
            if part == "test" and stage != "test":
                continue
            counts = _counts(data, part)
            if counts is not None:
                tell_present(metrics, counts)
            by_source: object = getattr(data, "source_class_counts", None)
            if not callable(by_source):
                continue
            found = cast("Mapping[str, Tensor]", by_source(part))
            for number, name in enumerate(loader_sources(self.trainer, part)):
                if name in found:
                    scores = cast(StageScores, self.source_scores[f"{part}{number}"])
                    tell_present(scores.metrics, found[name])

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """In training the sum of all terms; in evaluation the plain cross entropy of the labels."""
        if not self.training:
            plain: LossTerms = self.evaluation_loss(output, batch.target)
            return plain
        if self.teacher is not None:
            views = teacher_views(self.teacher(batch))
            output = output._replace(views={**(output.views or {}), **views})
        elif self._terms.reads_teacher:
            self._check_stored(batch.target)
        self._check_width(output, batch.target)
        target = batch.target
        if self._terms.objective == "votes" and target.distribution is None and output.logits is not None:
            # Chance, or the rank, gave this batch no row with votes: the other terms count all the same.
            target = target._replace(distribution=torch.full_like(output.logits, torch.nan))
        return self.loss(output, target)

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        truth = cast("Mapping[str, object]", getattr(self.loss, "losses", {})).get("emotion")
        if self._class_weights != "none" and isinstance(truth, ClassificationLoss):
            truth.set_class_weights(counts, self._class_weights)

    def report_facts(self) -> dict[str, str | int | float]:
        """Add the student, its teacher and its prototypes."""
        return {
            **super().report_facts(),
            "backbone": self._backbone,
            "teacher": "live" if self.teacher is not None else "stored" if self._terms.reads_teacher else "",
            "prototypes": self.grid_version or "",
            "objective": self._terms.objective,
        }

    # --------------------------------------------------------------------------------- checkpoints

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Leave out what the file of prototypes holds, and name its version."""
        state = cast("dict[str, Tensor]", checkpoint["state_dict"])
        checkpoint["state_dict"] = {
            name: value for name, value in state.items() if name not in self._grid_state()
        }
        values = cast("dict[str, object]", checkpoint.get("hyper_parameters"))
        # Stated, so that the task is built as wide as it was also where the prototypes are gone.
        values["embedding_dim"] = cast(ProjectedHead, self.head).projection_dim
        super().on_save_checkpoint(checkpoint)
        cast("dict[str, object]", checkpoint[KEY])["prototypes"] = self.grid_version

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Refuse other prototypes, and take their numbers from the file at hand."""
        super().on_load_checkpoint(checkpoint)
        record = checkpoint.get(KEY)
        stored = record.get("prototypes") if isinstance(record, Mapping) else None
        if self.grid_version is not None and stored is not None and stored != self.grid_version:
            raise TeacherError(
                f"The checkpoint was trained with version {stored} of its prototypes, and the file here is "
                f"version {self.grid_version}: give the file that it was trained with, or none to predict."
            )
        state = cast("dict[str, Tensor]", checkpoint["state_dict"])
        projection = state.get("head.projection.weight")
        width, own = (
            0 if projection is None else len(projection),
            cast(ProjectedHead, self.head).projection_dim,
        )
        if width != own:
            raise TeacherError(
                f"The checkpoint's student projects its features to width {width} (0 = not at all), and the "
                f"task here to {own}: set embedding_dim to {width}, or give the prototypes of its training."
            )
        checkpoint["state_dict"] = {**self._grid_state(), **state}

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path | IO[bytes],
        map_location: MapLocation = None,
        hparams_file: str | Path | None = None,
        strict: bool | None = None,
        weights_only: bool | None = True,
        **kwargs: object,
    ) -> Self:
        """Build the task from a checkpoint, without teacher or prototypes that are no longer there."""
        if isinstance(checkpoint_path, (str, Path)) and Path(checkpoint_path).is_file():
            stored = torch.load(checkpoint_path, map_location="cpu", weights_only=True, mmap=True)
            values = stored.get("hyper_parameters", {})
            for name in ("teacher", "prototypes"):
                place = values.get(name)
                if name not in kwargs and isinstance(place, str) and not Path(place).exists():
                    kwargs[name] = None
                    warnings.warn(
                        f"The {name} {place!r} of the checkpoint cannot be found: the task is built "
                        "without, which is enough to evaluate and predict, not to train on.",
                        stacklevel=2,
                    )
        return super().load_from_checkpoint(
            checkpoint_path, map_location, hparams_file, strict, weights_only, **kwargs
        )

    def _grid_state(self) -> dict[str, Tensor]:
        place = "loss.loss_prototypes."
        return {
            name: value
            for name, value in self.state_dict().items()
            if name.startswith(place) and name.removeprefix(place) in _FROM_GRID
        }

    def _check_stored(self, target: Target) -> None:
        wanted = {
            "teacher_logits": self._terms.kd_weight > 0,
            "teacher_embedding": self._terms.feature_weight > 0,
            "teacher_dims": self._terms.prototype_weight > 0 and self._terms.prototype_target == "teacher",
        }
        absent = [name for name, needed in wanted.items() if needed and name not in (target.extra or {})]
        if absent:
            raise TeacherError(
                f"PrototypeDistillTask has no teacher, and its data hold no {absent[0]!r}: give teacher=RUN, "
                "store the answers of one with `affectkit teach`, or set the weight of that term to 0."
            )

    def _check_width(self, output: AffectOutput, target: Target) -> None:
        if self._terms.feature_weight == 0:
            return
        found = (output.views or {}).get("teacher_embedding")
        found = (target.extra or {}).get("teacher_embedding") if found is None else found
        width = self._terms.teacher_dim or cast(ProjectedHead, self.head).embedding_dim
        if found is not None and found.shape[-1] != width:
            raise TeacherError(
                f"The teacher gives features of width {found.shape[-1]}, and the student was built for "
                f"{width}: set teacher_dim to {found.shape[-1]}."
            )


def _counts(data: DescribesData, split: str) -> Tensor | None:
    try:
        return data.class_counts(split)
    except ValueError:
        # No such split, or no labels in it: then nothing is restricted.
        return None
