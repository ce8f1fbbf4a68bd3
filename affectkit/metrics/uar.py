"""Unweighted average recall."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from affectkit.functional import unweighted_average_recall
from affectkit.metrics.confusion import ConfusionMetric


class UAR(ConfusionMetric):
    r"""Mean of the class recalls: UAR, UA, balanced accuracy.

    .. math:: \frac1C \sum_c \frac{|\{i : \hat y_i = y_i = c\}|}{|\{i : y_i = c\}|}

    Args:
        num_classes: Number of classes C.
        classes: ``present`` averages over the classes that have true rows; ``all`` counts an
            absent class as 0. They differ on small splits, folds and groups.

    Examples:
        >>> import torch
        >>> uar = UAR(3)
        >>> uar.update(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))
        >>> uar.protocol, float(uar.compute())
        ('uar[present]', 0.75)
    """

    def __init__(self, num_classes: int, *, classes: Literal["present", "all"] = "present") -> None:
        super().__init__(num_classes)
        if classes not in ("present", "all"):
            raise ValueError(f"UAR does not know classes={classes!r}; use 'present' or 'all'.")
        self.classes: Literal["present", "all"] = classes

    @property
    def key(self) -> str:
        """``uar_present`` or ``uar_all``."""
        return f"uar_{self.classes}"

    @property
    def protocol(self) -> str:
        """``uar[present]`` or ``uar[all]``."""
        return f"uar[{self.classes}]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return unweighted_average_recall(self.counts, classes=self.classes)
