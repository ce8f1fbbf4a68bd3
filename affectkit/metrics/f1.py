"""F1, averaged over classes in one of three ways."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from affectkit.functional import f1_score
from affectkit.functional.f1 import F1Average, F1Classes
from affectkit.metrics.confusion import ConfusionMetric


class F1(ConfusionMetric):
    r"""F1 over classes.

    .. math:: F_c = \frac{2\,TP_c}{2\,TP_c + FP_c + FN_c}, \qquad
        F_\mathrm{weighted} = \sum_c \frac{n_c}{N} F_c, \quad
        F_\mathrm{macro} = \frac1C \sum_c F_c, \quad
        F_\mathrm{micro} = \frac{2 \sum_c TP_c}{\sum_c (2\,TP_c + FP_c + FN_c)}

    Args:
        num_classes: Number of classes C.
        average: ``weighted`` by true rows (MELD, IEMOCAP); ``macro`` over ``classes``; ``micro`` over the
            pooled counts.
        exclude: Indices of classes whose own score does not count, e.g. neutral for DailyDialog's
            micro F1. Their rows stay, and can still be false positives of other classes.
        classes: Classes of a ``macro`` average: ``seen``, those that are true or predicted somewhere, or
            ``all``, an unseen one with a score of 0. They differ on sets that lack some labels.

    Examples:
        >>> import torch
        >>> f1 = F1(3, average="micro", exclude=[0])
        >>> f1.update(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 2]))
        >>> f1.protocol, f1.key, float(f1.compute())
        ('f1[micro,exclude=0]', 'micro_f1_without_0', 0.8)
    """

    def __init__(
        self,
        num_classes: int,
        *,
        average: F1Average = "weighted",
        exclude: Sequence[int] = (),
        classes: F1Classes = "seen",
    ) -> None:
        super().__init__(num_classes)
        if classes not in ("seen", "all") or (classes == "all" and average != "macro"):
            raise ValueError(
                f"F1 got average={average!r}, classes={classes!r}: use 'seen', or 'all' for a macro average."
            )
        if average not in ("weighted", "macro", "micro"):
            raise ValueError(f"F1 does not know average={average!r}; use 'weighted', 'macro' or 'micro'.")
        if any(not 0 <= index < num_classes for index in exclude):
            raise ValueError(
                f"F1 got exclude={list(exclude)} for {num_classes} classes; give 0..{num_classes - 1}."
            )
        self.average: F1Average = average
        self.exclude = tuple(sorted(set(exclude)))
        self.classes: F1Classes = classes

    @property
    def key(self) -> str:
        """E.g. ``weighted_f1``, ``macro_f1_all`` or ``micro_f1_without_0``."""
        scope = ["all"] if self.classes == "all" else []
        without = ["without", *map(str, self.exclude)] if self.exclude else []
        return "_".join([self.average, "f1", *scope, *without])

    @property
    def protocol(self) -> str:
        """E.g. ``f1[weighted]`` or ``f1[micro,exclude=0]``."""
        excluded = f",exclude={'+'.join(map(str, self.exclude))}" if self.exclude else ""
        scope = ",all" if self.classes == "all" else ""
        return f"f1[{self.average}{scope}{excluded}]"

    def compute(self) -> Tensor:
        """Scalar float64; 0 without any row."""
        return f1_score(self.counts, average=self.average, exclude=self.exclude, classes=self.classes)
