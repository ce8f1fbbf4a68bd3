"""How a model does where a speaker's emotion changes."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torchmetrics import Metric

from affectkit.functional import emotion_shift_labels
from affectkit.types import IGNORE_LABEL


class EmotionShiftMetric(Metric, ABC):
    """A score of turns that have a turn of the same speaker before them, from their counts.

    A turn shifts where its label differs from that of the same speaker's labelled turn before; it is
    predicted to shift where the predictions of the two differ. Counts are integers and are summed over
    ranks, so a score is exact for any number of ranks. All subclasses hold the same state.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    #: (2, 2, 2): it shifts, it is predicted to shift, the prediction is right. The name is its own: a
    #: collection shares the state of metrics whose states look alike.
    turns_by_shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        zeros = torch.zeros(2, 2, 2, dtype=torch.int64)
        self.add_state("turns_by_shift", default=zeros, dist_reduce_fx="sum")

    @property
    @abstractmethod
    def key(self) -> str:
        """Plain name for log keys and file names."""

    @property
    @abstractmethod
    def protocol(self) -> str:
        """Name with everything that changes the number."""

    def update(
        self, prediction: Tensor, target: Tensor, weight: Tensor | None = None, speaker: Tensor | None = None
    ) -> None:
        """Count the turns of whole conversations.

        Args:
            prediction: Logits (B, U, C) or class indices (B, U).
            target: Class indices (B, U), -100 for a turn without label.
            weight: Turns (B, U) of weight 0 are padding; a positive weight only keeps its turn.
            speaker: Who speaks (B, U).

        Raises:
            ValueError: If there are no speakers, or shapes do not match.
        """
        guess = prediction.argmax(-1) if prediction.dim() == target.dim() + 1 else prediction
        shapes = {tuple(guess.shape), tuple(target.shape)}
        if speaker is None or target.dim() != 2 or shapes != {tuple(speaker.shape)}:
            who = "no speakers" if speaker is None else f"speakers {tuple(speaker.shape)}"
            raise ValueError(
                f"{type(self).__name__} got predictions {tuple(prediction.shape)}, targets "
                f"{tuple(target.shape)} and {who}: give conversations, (B, U), with a speaker for each turn."
            )
        known = target != IGNORE_LABEL
        if weight is not None:
            known = known & (weight > 0)
        shifts = emotion_shift_labels(target, speaker, known)
        said = emotion_shift_labels(guess, speaker, known)
        counted = shifts != IGNORE_LABEL
        cell = 4 * shifts + 2 * said + (guess == target)
        self.turns_by_shift += torch.bincount(cell[counted], minlength=8).view(2, 2, 2)


class EmotionShiftAccuracy(EmotionShiftMetric):
    r"""Share of right predictions on the turns where the speaker's emotion shifts, or where it stays.

    .. math:: \frac{1}{|S|} \sum_{t \in S} [\hat y_t = y_t], \qquad S = \{t : y_t \ne y_{b(t)}\}

    with b(t) the same speaker's turn before; with ``shifted=False`` the turns where the two are equal.

    Args:
        shifted: True: turns that shift; False: turns that stay.

    Examples:
        >>> speaker = torch.tensor([[0, 1, 0, 1]])
        >>> accuracy = EmotionShiftAccuracy()
        >>> accuracy.update(torch.tensor([[0, 1, 0, 2]]), torch.tensor([[0, 1, 3, 2]]), speaker=speaker)
        >>> accuracy.key, float(accuracy.compute())
        ('shift_accuracy', 0.5)
    """

    def __init__(self, *, shifted: bool = True) -> None:
        super().__init__()
        self.shifted = shifted

    @property
    def key(self) -> str:
        """``shift_accuracy`` or ``steady_accuracy``."""
        return "shift_accuracy" if self.shifted else "steady_accuracy"

    @property
    def protocol(self) -> str:
        """``war[emotion shift]`` or ``war[no emotion shift]``."""
        return "war[emotion shift]" if self.shifted else "war[no emotion shift]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any such turn."""
        turns = self.turns_by_shift[int(self.shifted)].to(torch.float64)
        return turns[:, 1].sum() / turns.sum().clamp(min=1)


class EmotionShiftF1(EmotionShiftMetric):
    r"""F1 of finding the turns where the speaker's emotion shifts, whatever it shifts to.

    .. math:: F_1 = \frac{2\,|S \cap \hat S|}{|S| + |\hat S|}, \qquad S = \{t : y_t \ne y_{b(t)}\}, \quad
        \hat S = \{t : \hat y_t \ne \hat y_{b(t)}\}

    with b(t) the same speaker's turn before.

    Examples:
        >>> speaker = torch.tensor([[0, 0, 0, 0]])
        >>> f1 = EmotionShiftF1()
        >>> f1.update(torch.tensor([[0, 1, 1, 2]]), torch.tensor([[0, 2, 2, 2]]), speaker=speaker)
        >>> f1.key, round(float(f1.compute()), 4)
        ('shift_f1', 0.6667)
    """

    @property
    def key(self) -> str:
        """``shift_f1``."""
        return "shift_f1"

    @property
    def protocol(self) -> str:
        """``f1[emotion shift]``."""
        return "f1[emotion shift]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any shift, true or predicted."""
        turns = self.turns_by_shift.sum(-1).to(torch.float64)
        return 2 * turns[1, 1] / (turns[1].sum() + turns[:, 1].sum()).clamp(min=1)
