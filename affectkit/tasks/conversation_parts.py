"""What a conversation task is made of, from plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from torchmetrics import MetricCollection

from affectkit.conversation import MODALITY_CONTEXTS
from affectkit.conversation.streaming import reads_speakers
from affectkit.fusion import ConcatFusion, FusionName, FusionOption, GatedFusion, named_fusion
from affectkit.labels import LabelSpace
from affectkit.losses import ClassificationLoss, SimilaritySmoothingLoss, WeightedSum
from affectkit.metrics import classification_metrics, emotion_shift_metrics
from affectkit.types import Context, Encoder, Fusion, Loss, ModalityContext

#: Name of the main term where a loss has several.
MAIN_TERM: Final = "emotion"


def wants_modalities(model: str | Context | ModalityContext) -> bool:
    """Whether a context model, or the one of a name, stands in the place of the fusion."""
    if isinstance(model, str):
        return model in MODALITY_CONTEXTS
    return reads_speakers(model)


def model_name(model: str | Context | ModalityContext) -> str:
    """What a context model is called in a message."""
    return model if isinstance(model, str) else type(model).__name__


def check_modalities(inputs: Mapping[str, int], extractors: Mapping[str, Encoder]) -> None:
    """Refuse a task that reads nothing, or one modality in two ways.

    Raises:
        ValueError: If so.
    """
    twice = sorted(inputs.keys() & extractors.keys())
    if twice:
        raise ValueError(
            f"ConversationTask got {twice[0]!r} as stored features and with an extractor: leave it out of "
            "inputs or of extractors."
        )
    if not inputs and not extractors:
        raise ValueError(
            "ConversationTask got no modality: give inputs, e.g. {'text': 384}, or extractors of raw turns."
        )


def chosen_fusion(
    chosen: FusionName | Fusion | None,
    inputs: Sequence[str],
    width: int,
    *,
    dropout: float,
    context: Literal["past", "both"],
    options: dict[str, FusionOption] | None,
) -> Fusion:
    """The fusion that is given or named, or the usual one."""
    widths = dict.fromkeys(inputs, width)
    if isinstance(chosen, str):
        return named_fusion(chosen, widths, width, dropout=dropout, context=context, options=options)
    if options:
        raise ValueError(
            "ConversationTask got fusion_options without the name of a fusion: set fusion to a name, or set "
            "the options in the fusion that you give."
        )
    if chosen is not None:
        return chosen
    if len(inputs) == 1:
        # A gate over one modality would only be a further layer.
        return ConcatFusion(widths)
    return GatedFusion(widths, width, dropout=dropout)


def emotion_loss(
    space: LabelSpace, label_smoothing: float, *, gamma: float, soft_labels: float
) -> ClassificationLoss:
    """The loss of the emotion, on labels that may be softened."""
    if not soft_labels:
        return ClassificationLoss(len(space), label_smoothing=label_smoothing, gamma=gamma)
    if label_smoothing or gamma:
        raise ValueError(
            f"ConversationTask got soft_labels={soft_labels} together with label_smoothing or focal_gamma: "
            "both change what a label is, so give one of them."
        )
    return SimilaritySmoothingLoss(space, sharp_at=soft_labels)


def conversation_metrics(num_classes: int, *, shifts: bool) -> MetricCollection:
    """The metrics of an evaluation."""
    metrics = classification_metrics(num_classes)
    if shifts:
        metrics.add_metrics(emotion_shift_metrics())
    return metrics


def with_auxiliary(loss: Loss, auxiliary: dict[str, int], *, weight: float) -> Loss:
    """The loss of the emotion and, weighted, those of further labels."""
    if not auxiliary:
        return loss
    if MAIN_TERM in auxiliary:
        raise ValueError(f"ConversationTask got an auxiliary label named {MAIN_TERM!r}: choose another name.")
    further = {name: ClassificationLoss(count, head=name) for name, count in auxiliary.items()}
    return WeightedSum({MAIN_TERM: loss, **further}, dict.fromkeys(auxiliary, weight))
