"""Texts that nothing can be seen of, matched with one common picture of nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.distributed import all_gather_rows, gather_row_counts, rank
from affectkit.functional import multi_positive_info_nce_rows
from affectkit.losses.rows import mean_over_rows, real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class NullTargetContrastiveLoss(nn.Module):
    r"""Symmetric contrast of texts and pictures in which every non-visual text has the NULL picture.

    .. math:: z_{ij} = t_i^\top I_j / \tau, \qquad
        L = \frac{1}{2N} \sum_i \left[ -\log \sum_{j \in P(i)} \mathrm{softmax}(z_{i\cdot})_j
        - \log \sum_{j \in P(i)} \mathrm{softmax}(z_{\cdot i})_j \right]

    with :math:`I_j` the picture of a visual text and the NULL picture of the others, and
    :math:`P(i) = \{i\}` for a visual text, all non-visual ones for a non-visual text. Rows that are
    padding or without label are neither anchors nor candidates. Where every text is non-visual, or
    there is one row, the loss is 0 and teaches nothing: mix batches.

    Args:
        positives: ``"logsumexp"``, as above; ``"literal"``, only the own row: the other NULL columns
            then are negatives of a text although they are the same vector.
        temperature: :math:`\tau`; None takes :math:`1/\tau` from ``output.views["scale"]``, CLIP's
            own.
        gather: Whether the texts and pictures of all ranks are candidates. Then the loss is
            collective: all ranks must come to it equally often, in validation as well.

    Shape:
        - output.views["text"]: (B, D), at unit length.
        - output.views["image"]: (B, D), at unit length; rows of non-visual texts may hold anything.
        - output.views["null"]: (D,), at unit length.
        - output.views["scale"]: (), if ``temperature`` is None.
        - target.label: (B,), 1 = visual, 0 = non-visual, -100 = absent.

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        TIP-CLIP, on the visualness of text.

    Deviation from the paper:
        Read literally, identity targets make the same NULL vector a positive and a negative of one
        text, so the loss cannot reach 0; a uniform target over the NULL columns is the same loss by
        algebra. The default sums over the positives within the logarithm and can. ``"literal"``
        gives the other.

    Examples:
        >>> views = {"text": torch.eye(2), "image": torch.eye(2), "null": torch.tensor([0.0, 1.0])}
        >>> loss = NullTargetContrastiveLoss(temperature=0.1)
        >>> terms = loss(AffectOutput(views=views), Target(label=torch.tensor([1, 0])))
        >>> round(float(terms.total), 4)
        0.0
    """

    def __init__(
        self,
        *,
        positives: Literal["logsumexp", "literal"] = "logsumexp",
        temperature: float | None = None,
        gather: bool = True,
    ) -> None:
        super().__init__()
        if positives not in ("logsumexp", "literal") or (temperature is not None and not temperature > 0):
            raise ValueError(
                f"NullTargetContrastiveLoss got positives={positives!r}, temperature={temperature}: use "
                "'logsumexp' or 'literal', and a temperature above 0 or None."
            )
        self.positives = positives
        self.temperature = temperature
        self.gather = gather

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Contrast the texts and pictures of ``output.views``."""
        views = output.views or {}
        text, image, null = (_view(views, name) for name in ("text", "image", "null"))
        label = target.label
        if label is None or text.shape != image.shape or label.shape != text.shape[:1]:
            raise ValueError(
                f"NullTargetContrastiveLoss got texts of shape {tuple(text.shape)}, pictures of shape "
                f"{tuple(image.shape)} and labels of shape {None if label is None else tuple(label.shape)}: "
                "give one text, picture and label (1 = visual) for each row."
            )
        counted = real_rows(target, label) & (label != IGNORE_LABEL)
        visual = label == 1
        # Filled before the contrast, so that what a row without picture holds reaches nothing.
        goal = torch.where(visual.unsqueeze(-1), image, null.to(image.dtype))
        text, goal = (part.masked_fill(~counted.unsqueeze(-1), 0.0) for part in (text, goal))
        anchors, pictures = text, goal
        own = torch.arange(len(text), device=text.device)
        kinds, candidate = visual, counted
        if self.gather:
            own = own + sum(gather_row_counts(text)[: rank()])
            text, goal = all_gather_rows(text), all_gather_rows(goal)
            kinds, candidate = all_gather_rows(visual), all_gather_rows(counted)
        positive = own.unsqueeze(1) == torch.arange(len(text), device=text.device)
        if self.positives == "logsumexp":
            positive = positive | ~(visual.unsqueeze(1) | kinds)
        positive = positive & counted.unsqueeze(1)
        scale = _view(views, "scale").to(anchors) if self.temperature is None else 1 / self.temperature
        rows = multi_positive_info_nce_rows(scale * anchors @ goal.T, positive, candidate)
        columns = multi_positive_info_nce_rows(scale * pictures @ text.T, positive, candidate)
        total, number = mean_over_rows((rows + columns) / 2, counted, target.weight)
        return LossTerms(total, {"null_contrast": total.detach()}, number)


def _view(views: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in views:
        raise ValueError(
            f"NullTargetContrastiveLoss got no views[{name!r}] (only {', '.join(sorted(views)) or 'none'}): "
            "use VisualnessScorer as the head, or put it into AffectOutput.views."
        )
    return views[name]
