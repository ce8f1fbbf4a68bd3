"""Whether a text can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from affectkit.adapters.visualness import Threshold, VisualnessScorer, threshold_search
from affectkit.data.batch import AffectBatch
from affectkit.data.decode.normalize_pixels import NormalizePixels
from affectkit.distributed import all_gather_rows
from affectkit.encoders import IdentityEncoder
from affectkit.encoders.clip import clip_base
from affectkit.fusion import MeanFusion
from affectkit.losses import NullTargetContrastiveLoss
from affectkit.metrics import classification_metrics
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.rate_schedule import Schedule
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms

#: Non-visual is 0, visual is 1: what the loss and the threshold go by.
LABEL_SPACE = "visualness2.timed"


class VisualnessTask(AffectTask):
    r"""The visualness of texts, by contrast of their pictures with one picture of nothing.

    Batches come from :class:`~affectkit.data.modules.VisualTextDataModule`. Training compares texts
    with their pictures, and non-visual texts with the NULL picture; a prediction needs the text
    alone. Each validation chooses the threshold that separates its scores best, keeps it in the
    model for test and predictions, and logs it with what it reaches there (``val/threshold``,
    ``val/macro_f1_at_threshold``); the other ``val/...`` still go by the one before.

    Args:
        base: Name of the CLIP model, see :func:`~affectkit.encoders.clip.clip_base`.
        base_pretrained: Tag of published weights; downloads them unless they are there.
        base_weights: File of weights.
        base_activation: Activation of the weights in a bare file, ``"gelu"`` or ``"quick_gelu"``.
        null: The NULL picture: ``"noise"``, ``"black"``, or ``"vector"``, a learned embedding.
        null_seed: Seed of the NULL picture.
        positives: Form of the loss; see :class:`~affectkit.losses.NullTargetContrastiveLoss`.
        trained: Which of the towers ``"text"`` and ``"image"`` and the temperature ``"scale"`` are
            trained.
        metric: What the threshold is chosen by, ``"macro_f1"`` or ``"accuracy"``.
        normalization: What pixels are brought to: what the weights record (``"weights"``), or
            ``"clip"``, ``"imagenet"``, ``"half"`` or ``"none"``.
        optimizer: ``"adamw"`` or ``"sgd"``.
        lr: Learning rate.
        lr_by_name: Pattern of parameter names -> learning rate.
        weight_decay: Weight decay.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        warmup: Share of all steps over which the rate rises.
        seed: Seed of the random numbers of training.

    Raises:
        ValueError: If an option has an unknown name.

    References:
        TIP-CLIP, on the visualness of text.

    Examples:
        >>> task = VisualnessTask().eval()
        >>> batch = AffectBatch(
        ...     inputs={}, valid=torch.ones(2, dtype=torch.bool), meta={"text": ["a red hat", "why not"]}
        ... )
        >>> task(batch).dims.shape
        torch.Size([2, 1])
    """

    def __init__(
        self,
        *,
        base: str = "tiny",
        base_pretrained: str | None = None,
        base_weights: str | None = None,
        base_activation: Literal["gelu", "quick_gelu"] | None = None,
        null: Literal["noise", "black", "vector"] = "noise",
        null_seed: int = 0,
        positives: Literal["logsumexp", "literal"] = "logsumexp",
        trained: Sequence[Literal["text", "image", "scale"]] = ("text", "image", "scale"),
        metric: Literal["macro_f1", "accuracy"] = "macro_f1",
        normalization: Literal["weights", "clip", "imagenet", "half", "none"] = "weights",
        optimizer: OptimizerName = "adamw",
        lr: float = 1e-6,
        lr_by_name: dict[str, float] | None = None,
        weight_decay: float = 0.01,
        schedule: Schedule = "cosine",
        warmup: float = 0.0,
        seed: int = 0,
    ) -> None:
        if metric not in ("macro_f1", "accuracy"):
            raise ValueError(f"VisualnessTask got metric={metric!r}: give 'macro_f1' or 'accuracy'.")
        clip = clip_base(
            base,
            pretrained=base_pretrained,
            weights=base_weights,
            activation=base_activation,
            normalization=None if normalization == "weights" else normalization,
        )
        super().__init__(
            # Texts are strings: the scorer tokenises and encodes them itself.
            {"text": IdentityEncoder(clip.embed_dim)},
            fusion=MeanFusion({"text": clip.embed_dim}),
            head=VisualnessScorer(clip, null=null, seed=null_seed, trained=trained),
            loss=NullTargetContrastiveLoss(positives=positives),
            metrics=classification_metrics(2),
            optimizer=named_optimizer(
                optimizer,
                lr=lr,
                weight_decay=weight_decay,
                schedule=schedule,
                warmup=warmup,
                warmup_factor=None,
                milestones=(0.5, 0.75),
                rates=lr_by_name or {},
            ),
            label_space=LABEL_SPACE,
            seed=seed,
        )
        self.normalize = NormalizePixels(*clip.normalization)
        self._metric: Literal["macro_f1", "accuracy"] = metric
        self._seen: list[tuple[Tensor, Tensor]] = []
        self.save_hyperparameters()

    @property
    def scorer(self) -> VisualnessScorer:
        """The part that scores texts, for use without a batch: ``task.scorer.score(texts)``."""
        return cast(VisualnessScorer, self.head)

    @property
    def input_dims(self) -> Mapping[str, int | None]:
        """Nothing that is stored as features."""
        return {}

    def forward(self, batch: AffectBatch) -> AffectOutput:
        """Score the texts of a batch; with pictures, also give what the loss compares.

        Raises:
            KeyError: If the batch holds no texts.
            ValueError: If pixels come normalised already.
        """
        if "text" not in batch.meta:
            raise KeyError(
                "VisualnessTask reads batch.meta['text'], which this batch lacks: use VisualTextDataModule."
            )
        texts = cast(Sequence[str], batch.meta["text"])
        if "visual" not in batch.inputs:
            scored: AffectOutput = self.scorer(self.scorer.encode_texts(texts))
            return scored
        pixels = batch.inputs["visual"]
        if pixels.dtype != torch.uint8:
            raise ValueError(
                f"VisualnessTask got pixels as {pixels.dtype}: set the data module's normalize to false, "
                "since the task brings bytes to what its weights want."
            )
        present = batch.present.get("visual", torch.ones_like(batch.valid))
        return self.scorer.contrast(texts, self.normalize(pixels), present)

    def compute_loss(self, batch: AffectBatch, output: AffectOutput) -> LossTerms:
        """Contrast texts and pictures; a visual text without its picture is left out."""
        label = batch.target.label
        present = batch.present.get("visual")
        if label is not None and present is not None:
            label = label.masked_fill((label == 1) & ~present, IGNORE_LABEL)
        return self.loss(output, batch.target._replace(label=label))

    def on_validation_epoch_start(self) -> None:
        """Begin a new collection of validation scores."""
        self._seen = []

    def update_metrics(self, metrics: MetricCollection, batch: AffectBatch, output: AffectOutput) -> None:
        """Add a batch to the metrics, and keep what the threshold is chosen by in validation."""
        super().update_metrics(metrics, batch, output)
        label = batch.target.label
        if metrics is self.val_metrics and label is not None and output.dims is not None:
            known = batch.valid if batch.target.weight is None else batch.target.weight > 0
            self._seen.append((output.dims[:, 0].detach(), label.masked_fill(~known, IGNORE_LABEL)))

    def on_validation_epoch_end(self) -> None:
        """Choose the threshold on the scores of all ranks, keep it, and log what it reaches."""
        super().on_validation_epoch_end()
        scores = all_gather_rows(torch.cat([score for score, _ in self._seen]).float())
        label = all_gather_rows(torch.cat([label for _, label in self._seen]))
        self._seen = []
        if not {0, 1} <= set(label.tolist()):
            return  # a check on two batches, or a split of one class, tells nothing
        found: Threshold = threshold_search(scores, label, metric=self._metric)
        self.scorer.set_threshold(found.threshold)
        values = {"val/threshold": found.threshold, f"val/{self._metric}_at_threshold": found.value}
        self.log_dict(values, batch_size=len(label))
