"""Cross entropy against labels that begin as alike emotions and end as themselves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from affectkit.functional import similarity_targets
from affectkit.labels import LabelSpace, ValenceArousalWheel
from affectkit.labels import label_space as registered_space
from affectkit.losses.classification import ClassificationLoss
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class SimilaritySmoothingLoss(ClassificationLoss):
    r"""Label smoothing by similarity, sharpened while training progresses.

    .. math:: L = -\frac{1}{N} \sum_i \sum_c w_c\, q_{ic} \log p_{ic}, \qquad
        q_{ik} = (1 - \lambda) \frac{s_{y_i k}}{\sum_j s_{y_i j}} + \lambda\,[k = y_i], \qquad
        \lambda = \min(1, t / T)

    Confusable emotions are one at first, and are told apart later: a curriculum of utterances, beside
    any curriculum of conversations. In evaluation the labels are themselves.

    Args:
        label_space: The label order, or its name, e.g. ``"meld7.official"``; its similarity is that of the
            valence-arousal wheel. None where ``similarity`` is given.
        similarity: Similarity s of each pair of classes, a row each, not negative; the diagonal counts
            as 1.
        sharp_at: Progress T in (0, 1] from which every label is itself.
        class_weight: Weight w of each class; may also be set later by :meth:`set_class_weights`.

    Shape:
        - output.logits: (B, C) or (B, U, C)
        - target.label: (B,) or (B, U)

    Raises:
        ValueError: If not exactly one of ``label_space`` and ``similarity`` is given, a number is out of
            range, or output or target lack what is compared.

    References:
        L. Yang, Y. Shen, Y. Mao, L. Cai. Hybrid Curriculum Learning for Emotion Recognition in
        Conversation. AAAI 2022. arXiv:2112.11718 (the utterance-level curriculum).

    Deviation from the paper:
        The schedule is ours: linear over the first half of training.

    Examples:
        >>> import torch
        >>> loss = SimilaritySmoothingLoss(similarity=[[1.0, 1.0], [1.0, 1.0]])
        >>> output = AffectOutput(logits=torch.tensor([[2.0, 0.0]]))
        >>> target = Target(label=torch.tensor([0]))
        >>> early = loss(output, target).total.item()
        >>> loss.set_progress(0.5)
        >>> round(early, 3), round(loss(output, target).total.item(), 3)
        (1.127, 0.127)
    """

    similarity: Tensor

    def __init__(
        self,
        label_space: str | LabelSpace | None = None,
        *,
        similarity: Sequence[Sequence[float]] | None = None,
        sharp_at: float = 0.5,
        class_weight: Sequence[float] | None = None,
    ) -> None:
        if (label_space is None) == (similarity is None):
            raise ValueError(
                "SimilaritySmoothingLoss needs to know which classes are alike: give either label_space or "
                "similarity."
            )
        space = registered_space(label_space) if isinstance(label_space, str) else label_space
        rows = similarity or ValenceArousalWheel().similarity(space or ())
        if any(len(row) != len(rows) or min(row) < 0 for row in rows) or not 0.0 < sharp_at <= 1.0:
            raise ValueError(
                f"SimilaritySmoothingLoss got sharp_at={sharp_at} and similarities in rows of "
                f"{[len(row) for row in rows]}: give a progress in (0, 1], and as many rows as columns of "
                "numbers that are not negative."
            )
        super().__init__(len(rows), class_weight=class_weight)
        self.register_buffer(
            "similarity", torch.tensor([list(row) for row in rows], dtype=torch.float32), persistent=False
        )
        self.sharp_at = sharp_at
        self.progress = 0.0

    @property
    def sharpness(self) -> float:
        """How much of a label is itself at the present progress."""
        return min(1.0, self.progress / self.sharp_at) if self.training else 1.0

    def set_progress(self, progress: float) -> None:
        """Tell how far training is, in [0, 1]."""
        self.progress = progress

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Compare logits with labels; -100 and rows of weight 0 add nothing."""
        logits, label = output.logits, target.label
        if logits is None or label is None or logits.shape != (*label.shape, self.num_classes):
            raise ValueError(
                "SimilaritySmoothingLoss compares logits with labels, but got the shapes "
                f"{None if logits is None else tuple(logits.shape)} and "
                f"{None if label is None else tuple(label.shape)}; give both, with {self.num_classes} logits "
                "for each label."
            )
        counted = real_rows(target, label) & (label != IGNORE_LABEL)
        goal = similarity_targets(
            label.masked_fill(~counted, IGNORE_LABEL), self.similarity, sharpness=self.sharpness
        )
        scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
        # Filling, not multiplying by 0, keeps a NaN of an ignored row out of value and gradient.
        scores = scores.masked_fill(~counted.unsqueeze(-1), 0.0)
        rows = -(self.class_weight * goal * scores.log_softmax(-1)).sum(-1)
        total, number = mean_over_rows(rows, counted, target.weight)
        return LossTerms(total, {"classification": total.detach()}, number)
