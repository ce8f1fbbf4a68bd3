"""Emotions of recordings, from the wave form."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

from affectkit.encoders import LogMelConvEncoder
from affectkit.encoders.spectrogram_conv import FrameNormalization
from affectkit.functional import MelScale
from affectkit.fusion import ConcatFusion
from affectkit.heads import ClassificationHead
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss
from affectkit.metrics import classification_metrics
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.label_presence import check_labelled
from affectkit.tasks.metric_objective import MetricObjective, with_metric_loss
from affectkit.tasks.named_optimizer import OptimizerName, named_optimizer
from affectkit.tasks.rate_schedule import Schedule
from affectkit.tasks.vote_agreement import check_votes_learned
from affectkit.types import Encoder, Head, Loss

#: Name of the waveforms in a batch.
INPUT = "audio"


@runtime_checkable
class StatesRate(Protocol):
    """A data module or an encoder of sound that says how many samples a second has."""

    @property
    def rate(self) -> int:
        """Samples per second."""
        ...


class AudioTask(AffectTask):
    r"""An encoder of waveforms and a classifier, trained with or without a metric loss.

    .. math:: L = L_{\mathrm{classes}} + \lambda L_{\mathrm{metric}}

    The metric loss compares what the classifier's last layer reads. Every value is plain, so a checkpoint
    builds the task again without arguments; a part that is given ready must be given again.

    Args:
        label_space: Name of the label order.
        rate: Samples per second of the waveforms; must be that of the data module.
        num_mels: Bands of the log-mel frames; see :class:`~affectkit.encoders.LogMelConvEncoder`.
        frame_ms: Length of a frame in milliseconds.
        hop_ms: From one frame to the next in milliseconds.
        mel_scale: ``"htk"`` or ``"slaney"``.
        widths: Channels of each layer; None = 16, 32, 64, 96.
        normalization: ``"training"``, ``"recording"`` or ``"none"``.
        time_masks: Stretches of a recording that training does not hear.
        band_masks: Bands of a recording that training does not hear.
        hidden_dim: Width of a hidden layer in the head; 0 = none.
        dropout: Dropout in the head.
        metric_loss: ``"none"``, ``"triplet_batch_hard"``, ``"triplet_semi_hard"``, ``"triplet_batch_all"``
            or ``"supervised_contrastive"``.
        metric_weight: Weight :math:`\lambda` of the metric loss.
        margin: Margin of the triplets.
        temperature: Temperature of the contrast.
        class_weights: Weight of the classes by their counts in the training split.
        label_smoothing: Mass spread over the classes.
        optimizer: ``"adamw"`` or ``"sgd"`` (momentum 0.9).
        lr: Learning rate.
        lr_by_name: Pattern of parameter names -> learning rate, e.g. ``{"^encoders": 1e-5}``.
        weight_decay: Weight decay.
        schedule: ``"constant"``, ``"cosine"``, ``"linear"`` or ``"step"``.
        warmup: Share of all steps over which the rate rises.
        seed: Seed of the random numbers of training.
        encoder: An encoder of waveforms of your own, e.g.
            :class:`~affectkit.encoders.TransformersAudioEncoder`; replaces the options of log-mel frames.
        head: A head of your own.
        loss: A loss of your own; replaces the options of the loss.

    Raises:
        ValueError: If an option has an unknown name, or contradicts another.

    References:
        Florian Schroff, Dmitry Kalenichenko, James Philbin. FaceNet: A Unified Embedding for Face Recognition
        and Clustering. CVPR 2015. arXiv:1503.03832.

    Examples:
        >>> import torch
        >>> from affectkit.data import AffectBatch
        >>> task = AudioTask("emodb7.letters", num_mels=32, widths=[8, 16]).eval()
        >>> row = torch.ones(2, dtype=torch.bool)
        >>> task(AffectBatch(inputs={"audio": torch.zeros(2, 16000)}, valid=row)).logits.shape
        torch.Size([2, 7])
    """

    def __init__(
        self,
        label_space: str,
        *,
        rate: int = 16_000,
        num_mels: int = 40,
        frame_ms: float = 32.0,
        hop_ms: float = 16.0,
        mel_scale: MelScale = "htk",
        widths: list[int] | None = None,
        normalization: FrameNormalization = "training",
        time_masks: int = 1,
        band_masks: int = 1,
        hidden_dim: int = 0,
        dropout: float = 0.3,
        metric_loss: MetricObjective = "none",
        metric_weight: float = 0.5,
        margin: float = 0.2,
        temperature: float = 0.1,
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        label_smoothing: float = 0.0,
        optimizer: OptimizerName = "adamw",
        lr: float = 1e-3,
        lr_by_name: dict[str, float] | None = None,
        weight_decay: float = 0.01,
        schedule: Schedule = "constant",
        warmup: float = 0.0,
        seed: int = 0,
        encoder: Encoder | None = None,
        head: Head | None = None,
        loss: Loss | None = None,
    ) -> None:
        if class_weights not in ("none", "balanced", "sqrt"):
            raise ValueError(
                f"AudioTask got class_weights={class_weights!r}: give 'none', 'balanced' or 'sqrt'."
            )
        if loss is not None and (class_weights != "none" or label_smoothing or metric_loss != "none"):
            raise ValueError(
                "AudioTask got a loss of your own together with class_weights, label_smoothing or "
                "metric_loss: set these in that loss, and leave them out here."
            )
        space = named_label_space(label_space)
        heard: Encoder = encoder or LogMelConvEncoder(
            rate,
            frame_ms=frame_ms,
            hop_ms=hop_ms,
            num_mels=num_mels,
            scale=mel_scale,
            widths=(16, 32, 64, 96) if widths is None else widths,
            normalization=normalization,
            time_masks=time_masks,
            band_masks=band_masks,
        )
        if isinstance(heard, StatesRate) and heard.rate != rate:
            raise ValueError(
                f"AudioTask got rate={rate} and an encoder of sound at {heard.rate} Hz: set rate to "
                f"{heard.rate}, here and in the data module."
            )
        emotion = ClassificationLoss(len(space), label_smoothing=label_smoothing)
        # For a recording without a sample it learns a vector in place of silence.
        mixer = ConcatFusion({INPUT: heard.out_dim})
        super().__init__(
            {INPUT: heard},
            fusion=mixer,
            head=head
            or ClassificationHead(mixer.out_dim, len(space), hidden_dim=hidden_dim, dropout=dropout),
            loss=loss
            or with_metric_loss(
                emotion, metric_loss, weight=metric_weight, margin=margin, temperature=temperature
            ),
            metrics=classification_metrics(len(space)),
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
            label_space=space,
            seed=seed,
        )
        self.rate = rate
        self._emotion_loss = emotion
        self._learns_labels = loss is None
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self.save_hyperparameters()

    def setup(self, stage: str) -> None:
        """Compare labels and rate with the data; when fitting, take over the class counts."""
        super().setup(stage)
        data: object = getattr(self.trainer, "datamodule", None)
        if stage == "fit" and self._learns_labels:
            check_labelled(data, task=type(self).__name__)
            check_votes_learned(
                self.head,
                data,
                task=type(self).__name__,
                remedy="give VoteDistributionLoss as loss, or ClassificationLoss to learn the labels",
            )
        if isinstance(data, StatesRate) and data.rate != self.rate:
            raise ValueError(
                f"{type(self).__name__} hears {self.rate} samples per second, but "
                f"{type(data).__name__} brings recordings to {data.rate}: set the data module's rate to "
                f"{self.rate}."
            )

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        if self._class_weights != "none":
            self._emotion_loss.set_class_weights(counts, self._class_weights)

    def report_facts(self) -> dict[str, str | int | float]:
        """Add encoder and rate."""
        name = type(self.encoders[INPUT]).__name__
        return {**super().report_facts(), "encoder": name, "rate": self.rate}
