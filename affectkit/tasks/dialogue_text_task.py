"""Emotion of an utterance from its dialogue, by a text encoder that is trained."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from affectkit.data.batch import AffectBatch
from affectkit.encoders import TransformersTokenEncoder
from affectkit.encoders.pooled_tokens import Pooling, pooled_tokens
from affectkit.fusion import ConcatFusion
from affectkit.heads import ClassificationHead
from affectkit.labels import label_space as named_label_space
from affectkit.losses import ClassificationLoss, SimilaritySmoothingLoss
from affectkit.metrics import classification_metrics
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.layer_rates import layer_rates
from affectkit.types import Encoding, Head, Loss

_INPUT = "text"
_CURRENT = "current"


class DialogueTextTask(AffectTask):
    r"""A fine-tuned text encoder reads an utterance between what was said before and after it.

    .. math:: H = \mathrm{transformer}(\text{past, current, future}), \qquad
        z = \mathrm{pool}_{t \in \text{current}} H_t

    Reads the batches of :class:`~affectkit.data.modules.DialogueTextDataModule`, or any token ids: without
    ``masks["current"]`` all tokens are pooled. Its checkpoints hold all weights; to build it from one, the
    encoder's folder must be there, for the form of the network.

    Args:
        label_space: Name of the label order, e.g. ``"meld7.official"``.
        backbone: Folder or hub name of the encoder; ``"tiny"`` is small and random.
        pooling: How the tokens of the utterance become one vector: ``"mean"``, ``"max"`` or ``"cls"``, the
            first token of the whole window.
        trained_layers: Only so many of the last layers are trained; None = everything.
        head_dim: Width of a hidden layer in the head; 0 = none.
        dropout: Dropout on the head's input, and on that of its hidden layer.
        class_weights: Weight of the classes by their counts in the training split.
        label_smoothing: Mass spread over the classes.
        soft_labels: Share of training over which labels grow from alike emotions to themselves; see
            :class:`~affectkit.losses.SimilaritySmoothingLoss`. 0 = themselves from the start.
        lr: Learning rate of the head.
        backbone_lr: Learning rate of the encoder's last layer.
        layer_decay: What the rate of each layer before it is multiplied by; see
            :func:`~affectkit.tasks.layer_rates.layer_rates`.
        weight_decay: Weight decay of matrices.
        schedule: ``"constant"``, ``"cosine"`` or ``"linear"`` decay to 0.
        warmup: Share of all steps over which the rates rise.
        seed: Seed of the random numbers of training.
        head: A head of your own, for features of the encoder's width.
        loss: A loss of your own; replaces the three loss options.

    Raises:
        MissingExtraError: If transformers is not installed.
        ValueError: If an option is out of range, or contradicts a loss that was given.

    References:
        T. Kim, P. Vossen. EmoBERTa: Speaker-Aware Emotion Recognition in Conversation with RoBERTa. 2021.
        arXiv:2108.12009.

    Deviation from the paper:
        EmoBERTa classifies the first token of the window; here the tokens of the utterance are pooled
        (``pooling="cls"`` is the paper's), and rates fall with the depth.

    Examples:
        >>> import torch
        >>> task = DialogueTextTask("meld7.official", "tiny").eval()
        >>> ids = torch.full((2, 9), 5)
        >>> task(AffectBatch(inputs={"text": ids}, valid=torch.ones(2, dtype=torch.bool))).logits.shape
        torch.Size([2, 7])
    """

    def __init__(
        self,
        label_space: str,
        backbone: str,
        *,
        pooling: Pooling = "mean",
        trained_layers: int | None = None,
        head_dim: int = 0,
        dropout: float = 0.1,
        class_weights: Literal["none", "balanced", "sqrt"] = "none",
        label_smoothing: float = 0.0,
        soft_labels: float = 0.0,
        lr: float = 1e-3,
        backbone_lr: float = 5e-5,
        layer_decay: float = 0.9,
        weight_decay: float = 0.01,
        schedule: Literal["constant", "cosine", "linear"] = "linear",
        warmup: float = 0.1,
        seed: int = 0,
        head: Head | None = None,
        loss: Loss | None = None,
    ) -> None:
        if class_weights not in ("none", "balanced", "sqrt"):
            raise ValueError(
                f"DialogueTextTask got class_weights={class_weights!r}: give 'none', 'balanced' or 'sqrt'."
            )
        if loss is not None and (class_weights != "none" or label_smoothing or soft_labels):
            raise ValueError(
                "DialogueTextTask got a loss of your own together with class_weights, label_smoothing or "
                "soft_labels: set these in that loss, and leave them out here."
            )
        if label_smoothing and soft_labels:
            raise ValueError(
                f"DialogueTextTask got soft_labels={soft_labels} together with label_smoothing: both change "
                "what a label is, so give one of them."
            )
        space = named_label_space(label_space)
        encoder = TransformersTokenEncoder(backbone, trained_layers=trained_layers)
        emotion = (
            SimilaritySmoothingLoss(label_space, sharp_at=soft_labels)
            if soft_labels
            else ClassificationLoss(len(space), label_smoothing=label_smoothing)
        )
        super().__init__(
            {_INPUT: encoder},
            fusion=ConcatFusion({_INPUT: encoder.out_dim}),
            head=head
            or ClassificationHead(encoder.out_dim, len(space), hidden_dim=head_dim, dropout=dropout),
            loss=loss or emotion,
            metrics=classification_metrics(len(space)),
            optimizer=AdamWFactory(
                lr=lr,
                weight_decay=weight_decay,
                schedule=schedule,
                warmup=warmup,
                rates=layer_rates(encoder, backbone_lr, decay=layer_decay, prefix=f"encoders.{_INPUT}."),
            ),
            label_space=space,
            seed=seed,
        )
        self._pooling: Pooling = pooling
        self._class_weights: Literal["none", "balanced", "sqrt"] = class_weights
        self.save_hyperparameters()

    def encode_modality(self, name: str, batch: AffectBatch) -> Encoding:
        """Encode the window, and pool the tokens of the utterance itself."""
        found = super().encode_modality(name, batch)
        current = batch.masks.get(_CURRENT)
        if found.tokens is None or found.mask is None:
            return found
        pooled = found.mask if current is None or self._pooling == "cls" else current & found.mask
        return found._replace(pooled=pooled_tokens(found.tokens, pooled, self._pooling))

    def use_class_counts(self, counts: Tensor) -> None:
        """Weight the classes by their counts in the training split."""
        if self._class_weights != "none" and isinstance(self.loss, ClassificationLoss):
            self.loss.set_class_weights(counts, self._class_weights)
