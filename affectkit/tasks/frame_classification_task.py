"""The class of a clip from its frames."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.data.batch import AffectBatch
from affectkit.functional import ClipRule
from affectkit.fusion import ConcatFusion, FusionName, FusionOption, ModalityDropout, named_fusion
from affectkit.heads import ClassificationHead, CompoundFromBasic
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss
from affectkit.metrics import classification_metrics
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.temporal import FrameToClip, TemporalConvNet
from affectkit.types import IGNORE_LABEL, AffectOutput, Fusion, Head


class FrameClassificationTask(AffectTask):
    r"""Every frame is classified from all modalities around it, and the frames decide over their clip.

    Stored features of each modality go through a temporal convolution, are fused at every frame and
    classified. The loss is over frames, each with the label of its clip; scores and predictions are of
    clips. A clip is read as a conversation whose utterances are its frames. Every value is plain, so a
    checkpoint builds the task again without arguments.

    Args:
        label_space: Name of the label order, e.g. ``"cexprdb7.abaw"``.
        inputs: Width of the stored features of each modality, e.g. ``{"visual": 512, "text": 768}``.
        channels: Width of each block of the temporal convolutions.
        kernel_size: Frames that each of them sees.
        context: ``"past"``: a frame sees itself and what came before; ``"both"``: as much on either side.
        fusion: Name of a fusion, see :func:`~affectkit.fusion.named_fusion`.
        fusion_options: Its options, e.g. ``{"leader": "visual", "follower_dim": 32}``.
        fusion_dim: Width that the fusion is asked for.
        modality_dropout: Probability of hiding a modality of a frame in training, never all.
        head_dim: Width of a hidden layer in the head; 0 = none.
        basic: Space of basic emotions that are predicted in place of compound ones, which are then
            put together by ``rule``; see :class:`~affectkit.heads.CompoundFromBasic`.
        rule: ``"product"``, ``"sum"`` or ``"min"``.
        decision: How frames decide: ``"vote"``, ``"mean_prob"`` or ``"mean_logit"``.
        dropout: Dropout in the convolutions, the fusion and the head.
        label_smoothing: Mass spread over the classes.
        optimizer: ``"sgd"`` (momentum 0.9) or ``"adamw"``.
        nesterov: Whether the momentum looks ahead; only ``"sgd"`` has one.
        lr: Learning rate.
        weight_decay: Weight decay.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        milestones: Progress at which ``"step"`` falls, each in (0, 1); None = 0.5 and 0.75.
        decay: What the rate is multiplied by at a milestone; only with ``"sgd"``.
        seed: Seed of the random numbers of training.

    Raises:
        ValueError: If an option has an unknown name or a number is out of range.
        UnknownLabelError: If a label is not made of two of the basic emotions.

    References:
        Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the Wild,
        official code. ECCV 2024 workshops. arXiv:2407.12927.

    Examples:
        >>> mask = torch.ones(2, 30, dtype=torch.bool)
        >>> task = FrameClassificationTask("cexprdb7.abaw", {"visual": 8}, channels=[4]).eval()
        >>> clips = AffectBatch(
        ...     inputs={"visual": torch.zeros(2, 30, 8)}, valid=mask[:, 0], masks={"utterance": mask}
        ... )
        >>> task(clips).logits.shape, task.decide(clips, task(clips)).logits.shape
        (torch.Size([2, 30, 7]), torch.Size([2, 7]))
    """

    def __init__(
        self,
        label_space: str,
        inputs: dict[str, int],
        *,
        channels: list[int] | None = None,
        kernel_size: int = 3,
        context: Literal["past", "both"] = "past",
        fusion: FusionName = "leader_follower",
        fusion_options: dict[str, FusionOption] | None = None,
        fusion_dim: int = 128,
        modality_dropout: float = 0.0,
        head_dim: int = 0,
        basic: str | None = None,
        rule: Literal["product", "sum", "min"] = "product",
        decision: ClipRule = "mean_logit",
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        optimizer: OptimizerName = "sgd",
        nesterov: bool = False,
        lr: float = 1e-4,
        weight_decay: float = 1e-4,
        schedule: Literal["constant", "cosine", "linear", "step"] = "constant",
        milestones: list[float] | None = None,
        decay: float = 0.1,
        seed: int = 0,
    ) -> None:
        space = named_label_space(label_space)
        widths = [128] if channels is None else channels
        parts = {
            name: TemporalConvNet(
                inputs[name], widths, kernel_size=kernel_size, context=context, dropout=dropout
            )
            for name in sorted(inputs)
        }
        dims = {name: part.out_dim for name, part in parts.items()}
        mixer: Fusion = ConcatFusion(dims)
        if len(dims) > 1:
            mixer = named_fusion(
                fusion, dims, fusion_dim, dropout=dropout, context=context, options=fusion_options
            )
        if modality_dropout:
            mixer = ModalityDropout(mixer, rate=modality_dropout)
        count = len(space if basic is None else named_label_space(basic))
        head: Head = ClassificationHead(mixer.out_dim, count, hidden_dim=head_dim, dropout=dropout)
        if basic is not None:
            head = CompoundFromBasic(head, basic, space, rule=rule)
        super().__init__(
            parts,
            fusion=mixer,
            head=head,
            loss=ClassificationLoss(len(space), label_smoothing=label_smoothing),
            metrics=classification_metrics(len(space)),
            optimizer=named_optimizer(
                optimizer,
                lr=lr,
                weight_decay=weight_decay,
                schedule=schedule,
                warmup=0.0,
                warmup_factor=None,
                milestones=tuple(milestones or (0.5, 0.75)),
                rates={},
                decay=decay,
                nesterov=nesterov,
            ),
            label_space=space,
            seed=seed,
        )
        self.decision = FrameToClip(decision)
        self._inputs = dict(inputs)
        self.save_hyperparameters()

    @property
    def input_dims(self) -> dict[str, int | None]:
        """Width of the stored features of each modality."""
        return dict(self._inputs)

    def decide(self, batch: AffectBatch, output: AffectOutput) -> AffectOutput:
        """Let the real frames decide over their clips."""
        decided: AffectOutput = self.decision(output, batch.masks.get("utterance"))
        return decided

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add the clips of a batch to the metrics of a stage."""
        label = _clip_label(batch)
        if label is not None:
            metrics.update(self.decide(batch, output).logits, label, batch.valid.float())

    def prediction(self, batch: AffectBatch, output: AffectOutput) -> AffectPrediction:
        """Take the real clips of a batch and what was decided for them, on the host."""
        found = super().prediction(batch, output)
        logits = self.decide(batch, output).logits
        label = _clip_label(batch)
        rows = batch.valid.cpu()
        assert logits is not None, "the head gives logits"
        scores = logits.detach().float().cpu()[rows]
        return found._replace(
            valid=torch.ones(len(scores), dtype=torch.bool),
            logits=scores,
            label=scores.argmax(dim=-1),
            target=None if label is None else label.cpu()[rows],
            speaker=None,
            shares=None,
        )

    def report_facts(self) -> dict[str, str | int | float]:
        """Add how frames decide."""
        return {**super().report_facts(), "decision": self.decision.rule}


def _clip_label(batch: AffectBatch) -> Tensor | None:
    """The label that the frames of each clip share; that of the first that has one."""
    label = batch.target.label
    if label is None:
        return None
    if batch.target.weight is not None:
        label = label.masked_fill(batch.target.weight == 0, IGNORE_LABEL)
    return label.gather(1, (label != IGNORE_LABEL).int().argmax(dim=1, keepdim=True)).squeeze(1)
