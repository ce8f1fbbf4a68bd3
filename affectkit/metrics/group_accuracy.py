"""Accuracy of a part of the rows."""

from __future__ import annotations

import torch
from torch import Tensor

from affectkit.metrics.accuracy import Accuracy


class GroupAccuracy(Accuracy):
    r"""Share of the rows of one group whose class is right; NaN where the group has no row.

    .. math:: \frac{1}{|G|} \sum_{i \in G} [\hat y_i = y_i]

    ``weight`` says who is in the group: the rows that are not have weight 0.

    Args:
        num_classes: Number of classes C.
        group: Name of the group, e.g. ``"gender=male"``.

    Examples:
        >>> accuracy = GroupAccuracy(2, group="gender=male")
        >>> male = torch.tensor([1.0, 1.0, 0.0])
        >>> accuracy.update(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 0]), male)
        >>> accuracy.key, accuracy.protocol, accuracy.compute().item()
        ('accuracy_gender_male', 'war[group=gender=male]', 0.5)
    """

    def __init__(self, num_classes: int, *, group: str) -> None:
        super().__init__(num_classes)
        self.group = group

    @property
    def key(self) -> str:
        """E.g. ``accuracy_gender_male``."""
        return f"accuracy_{self.group.replace('=', '_')}"

    @property
    def protocol(self) -> str:
        """E.g. ``war[group=gender=male]``."""
        return f"war[group={self.group}]"

    def compute(self) -> Tensor:
        """Scalar float64; NaN without any row."""
        return torch.where(self.counts.sum() > 0, super().compute(), torch.nan)
