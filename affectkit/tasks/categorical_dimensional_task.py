"""Categories and affect dimensions together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeVar, cast

from torch import Tensor
from torchmetrics import Metric, MetricCollection

from affectkit.data.batch import AffectBatch
from affectkit.encoders import ProjectionEncoder, TimmImageEncoder
from affectkit.encoders.timm_image import PicturePooling
from affectkit.functional import GraphNormalization, category_shares
from affectkit.graph import find_label_graph, graph_to_text
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.labels import AffectScale, LabelSpace, affect_scale
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss
from affectkit.tasks.backbone_task import BackboneTask
from affectkit.tasks.checkpoint_record import KEY
from affectkit.tasks.head_agreement import check_head
from affectkit.tasks.joint_fusion import FUSIONS, FusionName, joint_fusion
from affectkit.tasks.joint_head import JOINT_HEADS, GraphOptions, JointHeadName, joint_head
from affectkit.tasks.joint_loss import DimensionLoss, TaskWeights, category_loss, joint_loss
from affectkit.tasks.joint_metrics import complete_target, joint_metrics, target_field, update_joint
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.tasks.rate_schedule import Schedule
from affectkit.tasks.source_fields import source_fields
from affectkit.tasks.take_statistics import take_statistics
from affectkit.tasks.target_agreement import DescribesTargets, check_targets, range_of
from affectkit.tasks.vote_agreement import check_votes_learned, predicts_distribution
from affectkit.types import AffectOutput, Encoder, Fusion, Head, Loss, LossTerms

_Named = TypeVar("_Named", LabelSpace, AffectScale)
_EXAMPLES: Final = {"label_space": "'affectnet7.official'", "scale": "'va.unit'"}


class CategoricalDimensionalTask(BackboneTask):
    r"""An emotion and its place on affect dimensions, from pictures, stored features or both.

    .. math:: L = L_{\mathrm{categories}} + \lambda L_{\mathrm{dimensions}}

    Rows may know one of the two alone, as in a mixture of a set with labels and one with ratings: what is
    absent adds nothing. Label spaces of several labels a row are trained by binary cross entropy.

    Every value is plain, so a checkpoint builds the task again without arguments and without the files of
    graph and label vectors, which it holds; a part that is given ready must be given again.

    Args:
        label_space: Name of the label order; None takes that of the graph, which may be of your own.
        scale: Name of the affect scale, e.g. ``"va.unit"``; None takes that of the graph.
        inputs: Width of the stored features of each modality, e.g. ``{"text": 384}``.
        pictures: Name of the input that holds pictures, as bytes, e.g. ``"visual"``.
        backbone: Network of timm that reads them; ``"tiny"`` is small and random.
        backbone_pretrained: Whether its published weights are loaded, and downloaded unless they are there.
        backbone_weights: File of its weights.
        pooling: ``"native"``, ``"avg"`` or ``"max"``, see :class:`~affectkit.encoders.TimmImageEncoder`.
        hidden_dim: Width of projected features, and of a fusion that projects.
        standardize: Bring stored features to mean 0 and deviation 1 by the numbers of the training
            split, which a checkpoint keeps.
        input_dropout: Dropout on the stored features.
        layer_norm: Normalise the projected features.
        dropout: Dropout on projections and fusion.
        fusion: How several modalities become one: ``"concat"``, ``"gate"``, ``"mean"`` or ``"sum"``; or a
            fusion of your own.
        head: ``"graph"``: classifiers and regressors generated from a label graph; its peers
            ``"separate"``, ``"multi_task"``, ``"label_distribution"`` (dimensions are the mean of the
            labels' anchors; a row with votes is compared with these, another one with its label) and
            ``"ordinal"`` (labels are levels, lowest first, of one dimension); or a head of your own.
        head_dim: Width of a hidden layer in the head; 0 = none. Not of the graph head.
        head_dropout: Dropout in the head. Not of the graph head.
        graph: Graph of the labels: a file that ``affectkit graph make`` wrote, or ``"affectnet7"``.
        graph_dims: Widths between its graph convolutions.
        graph_normalization: ``"symmetric"`` as published, ``"receiver"``: a node takes the mean of what it
            receives, or ``"none"``; see :func:`affectkit.functional.normalized_propagation`.
        graph_bias: Whether each label and each dimension has a learnt bias, as in the other heads; the
            published head has none.
        sparse_graph: Whether torch-geometric passes its messages; the same numbers.
        learnable_graph: Whether the links are learnt, from the graph's weights.
        label_vectors: File with a vector for each label and dimension, e.g. GloVe's; None draws them.
        label_vector_dim: Width of the vectors; None takes the file's, or 300.
        label_vector_seed: Seed of vectors that are drawn.
        learnable_vectors: Whether the vectors are learnt.
        bounded: Keep dimensions within the scale.
        dimension_loss: ``"ccc"``, ``"ccc_mixed"`` (moments of Emotion-GCN's code), ``"mse"`` or
            ``"pearson"``.
        task_weights: ``"static"``, or ``"uncertainty"``: learnt.
        dimension_weight: Static weight :math:`\lambda` of the dimensions.
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
        encoders: Encoders of your own, by input, beside or instead of the others.
        loss: A loss of your own; replaces the options of the loss.

    Raises:
        ValueError: If an option has an unknown name, contradicts another, or does not fit labels or scale.
        LabelGraphError: If the graph cannot be read, or is over other labels or dimensions.
        LabelSpaceMismatchError: If a head of your own was made for other labels or dimensions.

    References:
        Emotion-GCN, official code PanosAntoniadis/emotion-gcn.

    Deviation from the paper:
        Class weights divide by rows, not by the sum of their weights, so that ranks and accumulated batches
        add up; with ``"balanced"`` the two agree over the training split.

    Examples:
        >>> import torch
        >>> task = CategoricalDimensionalTask(
        ...     None, inputs={"text": 16}, graph="affectnet7", label_vector_dim=8, graph_dims=[8]
        ... ).eval()
        >>> row = torch.ones(2, dtype=torch.bool)
        >>> output = task(AffectBatch(inputs={"text": torch.zeros(2, 16)}, valid=row))
        >>> tuple(output.logits.shape), tuple(output.dims.shape)
        ((2, 7), (2, 2))
    """

    def __init__(
        self,
        label_space: str | None,
        scale: str | None = None,
        *,
        inputs: dict[str, int] | None = None,
        pictures: str | None = None,
        backbone: str = "tiny",
        backbone_pretrained: bool = False,
        backbone_weights: str | None = None,
        pooling: PicturePooling = "native",
        hidden_dim: int = 128,
        standardize: bool = False,
        input_dropout: float = 0.0,
        layer_norm: bool = True,
        dropout: float = 0.0,
        fusion: FusionName | Fusion = "gate",
        head: JointHeadName | Head = "graph",
        head_dim: int = 0,
        head_dropout: float = 0.0,
        graph: str | None = None,
        graph_dims: list[int] | None = None,
        graph_normalization: GraphNormalization = "symmetric",
        graph_bias: bool = False,
        sparse_graph: bool = False,
        learnable_graph: bool = False,
        label_vectors: str | None = None,
        label_vector_dim: int | None = None,
        label_vector_seed: int = 0,
        learnable_vectors: bool = False,
        bounded: bool = False,
        dimension_loss: DimensionLoss = "ccc",
        task_weights: TaskWeights = "static",
        dimension_weight: float = 1.0,
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
        encoders: dict[str, Encoder] | None = None,
        loss: Loss | None = None,
    ) -> None:
        for name, value, known in (
            ("fusion", fusion, FUSIONS),
            ("head", head, JOINT_HEADS),
            ("dimension_loss", dimension_loss, ("ccc", "ccc_mixed", "mse", "pearson")),
            ("task_weights", task_weights, ("static", "uncertainty")),
            ("class_weights", class_weights, ("none", "balanced", "sqrt")),
        ):
            if isinstance(value, str) and value not in known:
                raise ValueError(
                    f"CategoricalDimensionalTask got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        found = None if graph is None else find_label_graph(graph)
        space = _either(
            None if label_space is None else named_label_space(label_space),
            None if found is None else found.space,
            "label_space",
        )
        wanted = _either(
            None if scale is None else affect_scale(scale), None if found is None else found.scale, "scale"
        )
        if loss is not None and (class_weights != "none" or label_smoothing or task_weights != "static"):
            raise ValueError(
                "CategoricalDimensionalTask got a loss of your own together with class_weights, "
                "label_smoothing or task_weights: set these in that loss, and leave them out here."
            )
        if class_weights != "none" and space.kind == "multilabel":
            raise ValueError(
                f"CategoricalDimensionalTask got class_weights={class_weights!r}, but {space.name!r} allows "
                "several labels a row: set it to 'none', or give a MultilabelLoss with positive_weight."
            )
        parts: dict[str, Encoder] = {
            name: ProjectionEncoder(
                dim,
                hidden_dim,
                dropout=dropout,
                input_dropout=input_dropout,
                layer_norm=layer_norm,
                standardize=standardize,
            )
            # Sorted, so that the random start never depends on the order of a dict.
            for name, dim in sorted((inputs or {}).items())
        }
        if pictures is not None:
            parts[pictures] = PixelEncoder(
                TimmImageEncoder(
                    backbone, pretrained=backbone_pretrained, weights=backbone_weights, pooling=pooling
                )
            )
        parts |= encoders or {}
        if not parts or len(parts) < len(inputs or {}) + (pictures is not None) + len(encoders or {}):
            raise ValueError(
                f"CategoricalDimensionalTask got the inputs {', '.join(sorted(parts)) or 'none'}, of which "
                "one may stand twice: name each input once, in inputs, pictures or encoders."
            )
        widths = {name: encoder.out_dim for name, encoder in parts.items()}
        mixer = (
            joint_fusion(fusion, widths, out_dim=hidden_dim, dropout=dropout)
            if isinstance(fusion, str)
            else fusion
        )
        predictor = (
            joint_head(
                head,
                mixer.out_dim,
                space=space,
                scale=wanted,
                hidden_dim=head_dim,
                dropout=head_dropout,
                bounded=bounded,
                graph=GraphOptions(
                    found,
                    tuple([512] if graph_dims is None else graph_dims),
                    learnable_graph=learnable_graph,
                    vectors=label_vectors,
                    vector_dim=label_vector_dim,
                    learnable_vectors=learnable_vectors,
                    vector_seed=label_vector_seed,
                    normalization=graph_normalization,
                    sparse=sparse_graph,
                    bias=graph_bias,
                ),
            )
            if isinstance(head, str)
            else head
        )
        # Weights and smoothing of classes ask for labels; `setup` refuses votes that they would leave unread.
        learns_votes = (
            loss is None
            and space.kind != "multilabel"
            and predicts_distribution(predictor)
            and class_weights == "none"
            and not label_smoothing
        )
        categories = category_loss(space, label_smoothing=label_smoothing, votes=learns_votes)
        super().__init__(
            parts,
            fusion=mixer,
            head=predictor,
            loss=loss
            or joint_loss(
                categories, dimension_loss, weights=task_weights, dimension_weight=dimension_weight
            ),
            metrics=joint_metrics(space, wanted),
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
        check_head(predictor, scale=wanted, owner=type(self).__name__)
        self.scale = wanted
        self._space = space
        self._stated = found
        self._graph = found if head == "graph" else None
        self._inputs: dict[str, int] = dict(inputs or {})
        self._standardize = standardize
        self._category_loss = categories
        self._learns_votes = learns_votes
        self._own_loss = loss is not None
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self._fields: dict[str, frozenset[str]] = {}
        self.save_hyperparameters()

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the dimensions, in their order."""
        return self.scale.axes

    @property
    def input_dims(self) -> dict[str, int | None]:
        """Width of the stored features of each modality."""
        return {name: self._inputs.get(name) for name in super().input_dims}

    def setup(self, stage: str) -> None:
        """Compare with the data; when fitting, take over class counts and feature statistics."""
        data: object = getattr(self.trainer, "datamodule", None)
        fitting = stage == "fit"
        if isinstance(data, DescribesTargets):
            check_targets(
                data,
                space=self._space,
                scale=self.scale,
                graph=self._graph,
                task=type(self).__name__,
                fitting=fitting,
            )
        super().setup(stage)
        if fitting and isinstance(self._category_loss, ClassificationLoss) and not self._own_loss:
            check_votes_learned(
                self.head,
                data,
                task=type(self).__name__,
                remedy="set class_weights to 'none' and label_smoothing to 0 to learn the votes, or give a "
                "loss with ClassificationLoss to learn the labels",
            )
        self._fields = source_fields(self.trainer)
        if self._standardize and fitting:
            take_statistics(self.encoders, data, task=type(self).__name__)

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """Compare with what the batch knows; the rest counts as absent."""
        target = complete_target(batch.target, output, self._space)
        if self._learns_votes and target.label is not None:
            shares = category_shares(target.label, target.distribution, num_classes=len(self._space))
            target = target._replace(distribution=shares)
        return self.loss(output, target)

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics of categories and of dimensions."""
        update_joint(metrics, output, batch.target, space=self._space)

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        if self._class_weights != "none" and isinstance(self._category_loss, ClassificationLoss):
            self._category_loss.set_class_weights(counts, self._class_weights)

    def report_facts(self) -> dict[str, str | int | float]:
        """Add head, scale and how the graph was made."""
        facts: dict[str, str | int | float] = {"head": type(self.head).__name__, "scale": self.scale.name}
        if self._graph is not None:
            facts["graph"] = self._graph.origin
        return {**super().report_facts(), **facts}

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Keep graph and label vectors themselves in place of their files."""
        super().on_save_checkpoint(checkpoint)
        record = cast("dict[str, object]", checkpoint[KEY])
        record["scale"] = {"axes": list(self.axes), "low": self.scale.low, "high": self.scale.high}
        kept = checkpoint.get("hyper_parameters")
        if not isinstance(kept, dict):
            return
        if self._stated is not None:
            kept["graph"] = graph_to_text(self._stated)
        if self._graph is not None:
            # The vectors are in the state; their width must be known to make room for them.
            head = cast(CategoricalDimensionalGraphHead, self.head)
            kept["label_vectors"], kept["label_vector_dim"] = None, head.network.embeddings.shape[1]

    def on_load_checkpoint(self, checkpoint: dict[str, object]) -> None:
        """Refuse weights whose dimensions are others, or on another range, than this task's."""
        super().on_load_checkpoint(checkpoint)
        record = checkpoint.get(KEY)
        stored = record.get("scale") if isinstance(record, Mapping) else None
        if not isinstance(stored, Mapping):
            return
        trained = AffectScale("checkpoint", tuple(stored["axes"]), stored["low"], stored["high"])
        if (trained.axes, trained.low, trained.high) != (self.axes, self.scale.low, self.scale.high):
            raise ValueError(
                f"The checkpoint was trained on {range_of(trained)}, and the task here has "
                f"{range_of(self.scale)} ({self.scale.name!r}): build it with the scale of the checkpoint."
            )

    def _log_sums(self, name: str, metric: Metric, batch: AffectBatch) -> None:
        # A source of labels alone has no agreement of dimensions: nothing is logged, rather than a 0.
        place, _, key = name.rpartition("/")
        field = target_field(metric, self._space)
        if key not in self.val_metrics or field in self._fields.get(place, {field}):
            super()._log_sums(name, metric, batch)


def _either(named: _Named | None, of_graph: _Named | None, what: str) -> _Named:
    """What was named, else what the graph says."""
    found = of_graph if named is None else named
    if found is None:
        raise ValueError(
            f"CategoricalDimensionalTask got no {what}, and no graph to take it from: name one, e.g. "
            f"{_EXAMPLES[what]}, or give the graph of your labels."
        )
    return found
