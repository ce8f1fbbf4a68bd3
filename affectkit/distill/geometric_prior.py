"""Chosen classes kept compact and apart from each other."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn import functional as F

from affectkit.distributed import all_gather_rows
from affectkit.functional import class_geometry
from affectkit.losses.rows import real_rows
from affectkit.types import IGNORE_LABEL, AffectOutput, LossTerms, Target


class GeometricPriorLoss(nn.Module):
    r"""Spread of chosen classes above a cap, and nearness of their means below a margin.

    .. math:: L = \operatorname*{mean}_{c \in P} \left[\operatorname*{mean}_{y_i = c}
        \lVert z_i - \mu_c \rVert^2 - \mathrm{cap}\right]_+
        + \operatorname*{mean}_{a < b \in P} \left[\mathrm{margin} - \lVert \mu_a - \mu_b \rVert\right]_+

    over the classes P of which the batch has a row. Like :class:`~affectkit.losses.CCCLoss` it is a
    function of the moments of the batch: ``gather`` makes it that of the whole batch over ranks, and
    accumulated batches stay batches of their own size. Give it a small weight that grows late, e.g.
    ``WeightSchedule(0.012, begin=20, finish=60, total=100)``.

    Args:
        classes: The classes P, by number.
        cap: Mean square distance to a class's mean that costs nothing.
        margin: Distance of two means from which on they cost nothing.
        gather: Whether the rows are those of all ranks. Then the loss is collective: all ranks must come
            to it equally often, in validation as well.
        normalized: Whether embeddings are brought to unit length first.
        min_confidence: Rows whose highest probability is lower are left out; 0 keeps all and then no
            logits are needed.

    Shape:
        - output.embedding: (B, D) or (B, U, D)
        - output.logits: (B, C) or (B, U, C), with ``min_confidence``
        - target.label: (B,) or (B, U), -100 = absent

    Raises:
        ValueError: If an option is out of range, or output or target lack what is compared.

    References:
        NeuroGaze-Distill, its D-Geo term over happiness and surprise, and its key ``hard_gate`` of 0.2.

    Deviation from the paper:
        Cap, margin and what the gate is compared with are this library's, as no public text states them.

    Examples:
        >>> import torch
        >>> loss = GeometricPriorLoss([0, 1], gather=False)
        >>> output = AffectOutput(embedding=torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
        >>> terms = loss(output, Target(label=torch.tensor([0, 0, 1])))
        >>> round(terms.total.item(), 4)  # spreads of 0.5 and 0, means 0.71 apart
        0.15
    """

    def __init__(
        self,
        classes: Sequence[int],
        *,
        cap: float = 0.2,
        margin: float = 0.5,
        gather: bool = True,
        normalized: bool = True,
        min_confidence: float = 0.0,
    ) -> None:
        super().__init__()
        if not classes or min(classes) < 0 or len(set(classes)) != len(classes):
            raise ValueError(
                f"GeometricPriorLoss got the classes {list(classes)}: give different class numbers from 0 on."
            )
        if cap < 0 or margin < 0 or not 0 <= min_confidence < 1:
            raise ValueError(
                f"GeometricPriorLoss got cap={cap}, margin={margin}, min_confidence={min_confidence}: use a "
                "cap and margin of 0 or more, and a confidence in [0, 1)."
            )
        self.classes = tuple(classes)
        self.cap = cap
        self.margin = margin
        self.gather = gather
        self.normalized = normalized
        self.min_confidence = min_confidence

    def forward(self, output: AffectOutput, target: Target) -> LossTerms:
        """Measure the classes in ``output.embedding``."""
        features, label = output.embedding, target.label
        if features is None or label is None or features.shape[:-1] != label.shape:
            raise ValueError(
                "GeometricPriorLoss compares embeddings with labels, but got the shapes "
                f"{None if features is None else tuple(features.shape)} and "
                f"{None if label is None else tuple(label.shape)}; give one embedding and one label a row."
            )
        real = real_rows(target, label)
        counted = real & (label != IGNORE_LABEL)
        if self.min_confidence > 0:
            if output.logits is None:
                raise ValueError(
                    "GeometricPriorLoss leaves out rows by min_confidence, which needs logits: use a head "
                    "that emits them, or min_confidence=0."
                )
            sure = output.logits.detach().float().softmax(-1).amax(-1) >= self.min_confidence
            counted = counted & sure
        chosen = label.masked_fill(~counted, IGNORE_LABEL).reshape(-1)
        rows = features.masked_fill(~counted.unsqueeze(-1), 0.0).reshape(-1, features.shape[-1])
        if self.normalized:
            rows = F.normalize(rows, dim=-1)
        if self.gather:
            rows, chosen = all_gather_rows(rows), all_gather_rows(chosen)
        intra, inter = class_geometry(rows, chosen, self.classes, cap=self.cap, margin=self.margin)
        total = intra + inter
        # As in CCCLoss: nothing is divided by rows, but their number keeps the value's size in sums.
        number = (real.sum() * (chosen != IGNORE_LABEL).any()).to(total.dtype)
        terms = {"geometry": total.detach(), "spread": intra.detach(), "nearness": inter.detach()}
        return LossTerms(total, terms, number)
