"""Pictures and clips, by an adapter on a frozen CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast

from torch import Tensor, nn
from torch.optim import Optimizer

from affectkit.adapters import ClipAdapter, TipAdapter, make_adapter
from affectkit.data.batch import AffectBatch
from affectkit.encoders import IdentityEncoder
from affectkit.encoders.clip import clip_base
from affectkit.fusion import ConcatFusion, GatedFusion, MeanFusion, SumFusion
from affectkit.heads import PerceptualHead
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss
from affectkit.tasks.clip_task import ClipTask, unfreeze
from affectkit.tasks.example_cache import ExampleCache
from affectkit.tasks.head_agreement import check_head
from affectkit.tasks.label_presence import check_labelled
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.optimizer_config import OptimizerConfig
from affectkit.tasks.prompt_objectives import (
    OBJECTIVES,
    VALUE_OBJECTIVES,
    Objective,
    objective_loss,
    objective_metrics,
)
from affectkit.tasks.rate_schedule import Schedule
from affectkit.tasks.vote_agreement import check_votes_learned
from affectkit.temporal import FrameMean, TemporalTransformer
from affectkit.types import Encoder, Fusion, Head, Loss

# In this order: the command line takes the first that fits, and text fits everything.
Option: TypeAlias = bool | int | float | list[int | str] | dict[str, str] | str | None


class PromptTuningTask(ClipTask):
    r"""Emotion of pictures or clips from CLIP and a small part that is trained.

    The adapter says what is trained: prompts, low-rank updates, a layer on features, a cache of
    examples. Clips run through the same tower frame by frame and then through a temporal
    transformer for each stream (e.g. face and context), whose results are fused. Batches hold
    bytes; the task normalises them as its weights want, so a checkpoint carries the normalisation.

    Every value is plain, so a checkpoint builds the task again without arguments. It holds what was
    trained, with the name and digest of the base; the frozen weights are taken from the base that
    is named, or from ``base_weights``.

    Args:
        label_space: Name of the label order, e.g. ``"affectnet7.official"``; None where values alone
            are predicted.
        base: Name of the CLIP model, see :func:`~affectkit.encoders.clip.clip_base`; ``"tiny"`` is
            random and needs nothing.
        base_pretrained: Tag of published weights; downloads them unless they are there.
        base_weights: File of weights.
        base_activation: Activation of the weights in a bare file, ``"gelu"`` or ``"quick_gelu"``.
        adapter: Name of the adapter; `affectkit list` shows them.
        adapter_options: Its options by name.
        cache_passes: Random views of each training picture that ``"tip_adapter"`` averages.
        class_names: Words for the labels; None takes the names of the label space.
        streams: Names of the inputs: ``["visual"]`` or, for clips, e.g. ``["face", "context"]``.
        frames: Frames of a clip; 0 = still pictures.
        temporal_layers: Layers of the temporal transformer; 0 = the mean over frames.
        temporal_heads: Attention heads of 64 features each.
        temporal_hidden_dim: Width of its perceptrons.
        temporal_pool: ``"cls"``, ``"mean"``, or ``"tokens"``: the mean, and every frame beside it for a
            head that reads them.
        temporal_init_scale: Deviation of its class token and places at the start.
        dropout: Dropout of the temporal transformer.
        fusion: How several streams become one: ``"concat"`` and a linear layer, ``"sum"`` or ``"gate"``.
        finetune: Patterns of names of base parameters that are trained too, e.g. ``["^image"]``.
        normalization: What pixels are brought to: what the weights record (``"weights"``), or ``"clip"``,
            ``"imagenet"``, ``"half"`` (-1..1) or ``"none"`` (0..1) where a paper did so.
        head_dims: Hidden widths of a :class:`~affectkit.heads.PerceptualHead` on the features as they
            the adapter makes them, instead of its classifier; the published one has ``[512, 256]``.
        head_dropout: Dropout of that head.
        objective: What is learned: ``"classification"``, the ``"distribution"`` of votes, or the values
            of ``axes`` by ``"mse"``, ``"pearson"`` or ``"ccc"``.
        class_weights: Weight of the classes by their counts in the training split.
        label_smoothing: Mass spread over the classes.
        axes: Names of the values that the head predicts, for their metrics.
        optimizer: ``"adamw"`` or ``"sgd"`` (momentum 0.9).
        lr: Learning rate.
        lr_by_name: Pattern of parameter names -> learning rate, e.g. ``{"^head.base": 1e-5}``.
        weight_decay: Weight decay.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        milestones: Shares of the training at which ``"step"`` divides the rate by ten.
        warmup: Share of all steps over which the rate rises.
        warmup_factor: Constant share of the rate during the warm-up, for ``"sgd"``.
        seed: Seed of the random numbers of training.
        head: A head of your own for features of width E; the adapter's classifier is then not used. As
            with ``head_dims``, the adapter must be one that changes these features (``"clip_lora"``,
            ``"maple"``), or one that trains nothing (``"zero_shot"``).
        loss: A loss of your own; ``objective`` then only says what the metrics read.

    Raises:
        ValueError: If an option has an unknown name, or one contradicts a part that was given.
        LabelSpaceMismatchError: If a head of your own was made for other labels or values.

    References:
        K. Zhou et al. Learning to Prompt for Vision-Language Models. IJCV 2022. arXiv:2109.01134; the
        papers of the other adapters stand at :mod:`affectkit.adapters`.

    Examples:
        >>> import torch
        >>> task = PromptTuningTask("meld7.official", adapter="coop").eval()
        >>> size = task.adapter.base.image.image_size
        >>> pixels = torch.zeros(2, 3, *size, dtype=torch.uint8)
        >>> task(AffectBatch(inputs={"visual": pixels}, valid=torch.ones(2, dtype=torch.bool))).logits.shape
        torch.Size([2, 7])
    """

    def __init__(
        self,
        label_space: str | None,
        *,
        base: str = "tiny",
        base_pretrained: str | None = None,
        base_weights: str | None = None,
        base_activation: Literal["gelu", "quick_gelu"] | None = None,
        adapter: str = "coop",
        adapter_options: dict[str, Option] | None = None,
        cache_passes: int = 1,
        class_names: list[str] | None = None,
        streams: list[str] | None = None,
        frames: int = 0,
        temporal_layers: int = 1,
        temporal_heads: int = 8,
        temporal_hidden_dim: int = 1024,
        temporal_pool: Literal["cls", "mean", "tokens"] = "cls",
        temporal_init_scale: float = 0.02,
        dropout: float = 0.1,
        fusion: Literal["concat", "sum", "gate"] = "concat",
        finetune: list[str] | None = None,
        normalization: Literal["weights", "clip", "imagenet", "half", "none"] = "weights",
        head_dims: list[int] | None = None,
        head_dropout: float = 0.5,
        objective: Objective = "classification",
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        label_smoothing: float = 0.0,
        axes: list[str] | None = None,
        optimizer: OptimizerName = "adamw",
        lr: float = 1e-3,
        lr_by_name: dict[str, float] | None = None,
        weight_decay: float = 0.01,
        schedule: Schedule = "cosine",
        milestones: list[float] | None = None,
        warmup: float = 0.0,
        warmup_factor: float | None = None,
        seed: int = 0,
        head: Head | None = None,
        loss: Loss | None = None,
    ) -> None:
        for name, value, known in (
            ("fusion", fusion, ("concat", "sum", "gate")),
            ("objective", objective, OBJECTIVES),
            ("class_weights", class_weights, ("none", "balanced", "sqrt")),
        ):
            if value not in known:
                raise ValueError(
                    f"PromptTuningTask got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        plain_loss = class_weights == "none" and not label_smoothing
        if not plain_loss and (loss is not None or objective != "classification"):
            raise ValueError(
                "PromptTuningTask got class_weights or label_smoothing, which only the objective "
                "'classification' reads: leave them out, or leave out your loss."
            )
        space = None if label_space is None else named_label_space(label_space)
        of_values = objective in VALUE_OBJECTIVES
        if of_values and ((head is None and head_dims is None) or not axes):
            raise ValueError(
                f"PromptTuningTask got objective={objective!r}, but an adapter predicts classes alone: give "
                "head_dims, e.g. [512, 256], or a head, and the names of the values as axes."
            )
        if space is None and not of_values:
            raise ValueError(
                f"PromptTuningTask got objective={objective!r} without a label space: name one, or choose "
                f"among {', '.join(VALUE_OBJECTIVES)}."
            )
        clip = clip_base(
            base,
            pretrained=base_pretrained,
            weights=base_weights,
            activation=base_activation,
            normalization=None if normalization == "weights" else normalization,
        )
        words = class_names or list(axes or () if space is None else space.labels)
        if space is not None and len(words) != len(space):
            raise ValueError(
                f"PromptTuningTask got {len(words)} class_names for the {len(space)} labels of "
                f"{space.name!r}: give one for each label, in their order."
            )
        part = make_adapter(adapter, clip, words, **(adapter_options or {}))
        if head is not None or head_dims is not None:
            _require_adapted_pictures(part, adapter)
        unfreeze(part.base, finetune or [], task="PromptTuningTask")
        width, names = clip.embed_dim, list(streams or ["visual"])
        check_head(head, axes=axes, owner="PromptTuningTask")
        own_head = head
        if head is None and head_dims is not None:
            own_head = PerceptualHead(
                width,
                num_classes=0 if of_values else len(words),
                num_dims=len(axes or ()) if of_values else 0,
                hidden_dims=head_dims,
                dropout=head_dropout,
            )

        def in_time() -> Encoder:
            if not frames:
                return IdentityEncoder(width)
            if not temporal_layers:
                return FrameMean(width)
            return TemporalTransformer(
                width,
                num_frames=frames,
                depth=temporal_layers,
                heads=temporal_heads,
                hidden_dim=temporal_hidden_dim,
                pool=temporal_pool,
                init_scale=temporal_init_scale,
                dropout=dropout,
            )

        super().__init__(
            part,
            adapter_name=adapter,
            # Sorted, so that the random start never depends on the order of a list.
            encoders={name: in_time() for name in sorted(names)},
            fusion=_fusion(names, width, kind=fusion),
            head=own_head,
            frames=frames,
            loss=loss or objective_loss(objective, len(words), label_smoothing=label_smoothing),
            metrics=objective_metrics(objective, len(words), axes or []),
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
        self._learns_labels = loss is None and objective == "classification"
        self._cache_passes = cache_passes
        self._examples: ExampleCache | None = None
        self.save_hyperparameters()

    def setup(self, stage: str) -> None:
        """Compare with the data; when fitting, fill a cache of examples before the first step."""
        super().setup(stage)
        if stage == "fit" and self._learns_labels:
            data: object = getattr(self.trainer, "datamodule", None)
            check_labelled(data, task=type(self).__name__)
            check_votes_learned(
                self.head,
                data,
                task=type(self).__name__,
                remedy="set objective to 'distribution', or give ClassificationLoss as loss to learn the "
                "labels",
            )
        adapter = self.adapter
        if stage != "fit" or not isinstance(adapter, TipAdapter):
            return
        # Before DistributedDataParallel looks at the parameters, whose number depends on the examples.
        self.to(self.trainer.strategy.root_device)
        self.eval()
        examples = ExampleCache(adapter, self.encode, passes=self._cache_passes)
        data = getattr(self.trainer, "datamodule", None)
        examples.read_validation(data)
        if self.trainer.ckpt_path is None:
            examples.fill(data)
            examples.search()
        self._examples = examples
        self.train()

    def on_train_epoch_start(self) -> None:
        """Begin the sums of a new epoch; examples are weighted as the adapter was built."""
        super().on_train_epoch_start()
        if self._examples is not None:
            self._examples.reset()

    def on_validation_start(self) -> None:
        """Choose how examples are weighted; the validation split alone is looked at."""
        if self._examples is not None:
            self._examples.search()

    def configure_optimizers(self) -> Optimizer | OptimizerConfig | None:
        """Ask the optimizer factory; an adapter that only looks examples up needs none."""
        return None if self._looks_up_only() else super().configure_optimizers()

    def training_step(self, batch: AffectBatch, batch_idx: int) -> Tensor | None:
        """Return this batch's share of the global sum of losses; None where nothing is trained."""
        return None if self._looks_up_only() else super().training_step(batch, batch_idx)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Divide the gradients by the weight of the global batch, where there are any."""
        if not self._looks_up_only():
            super().on_before_optimizer_step(optimizer)

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        if self._class_weights != "none" and isinstance(self.loss, ClassificationLoss):
            self.loss.set_class_weights(counts, self._class_weights)

    def _looks_up_only(self) -> bool:
        return isinstance(self.adapter, TipAdapter) and not any(p.requires_grad for p in self.parameters())


def _require_adapted_pictures(adapter: ClipAdapter, name: str) -> None:
    # Before `finetune`, which trains the tower and still leaves such an adapter as it was.
    trains = any(parameter.requires_grad for parameter in cast(nn.Module, adapter).parameters())
    if (trains or isinstance(adapter, TipAdapter)) and not adapter.adapts_images:
        raise ValueError(
            f"PromptTuningTask got a head on the features of pictures, which does not read what the adapter "
            f"{name!r} learns: choose 'clip_lora' or 'maple', or 'zero_shot' for features as they are, or "
            "leave out head and head_dims."
        )


def _fusion(names: Sequence[str], width: int, *, kind: Literal["concat", "sum", "gate"]) -> Fusion:
    widths = dict.fromkeys(names, width)
    if len(names) == 1:
        # Nothing to mix, so nothing to train.
        return MeanFusion(widths)
    if kind == "sum":
        return SumFusion(widths)
    if kind == "gate":
        return GatedFusion(widths, width)
    return ConcatFusion(widths, out_dim=width)
