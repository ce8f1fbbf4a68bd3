"""One trunk, several data sets, a head for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from affectkit.types import AffectOutput, Encoding, Head


class PerDatasetHeads(nn.Module):
    r"""A head for each data set over one encoding; every result is in ``extra`` by the data set's name.

    .. math:: z_k = f_k(x) \quad \text{for every data set } k

    Targets of data set ``name`` go to ``Target.extra[name]``, absent (-100, or NaN for values) in the
    rows of the others; :func:`per_dataset_target` puts them there. Each loss names its data set:
    ``ClassificationLoss(8, head=name)``, ``MSELoss(head=name)``, ``PearsonLoss(head=name)``. A row then
    adds exactly nothing to the heads of the other data sets.

    Args:
        heads: Head of each data set.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``extra[name]``: the logits, or else the values, of that head.

    Raises:
        TypeError: If a head is not an ``nn.Module``.
        ValueError: If there is no head, or one predicts neither or both.

    Examples:
        >>> import torch
        >>> from affectkit.heads import PerceptualHead
        >>> head = PerDatasetHeads(
        ...     {"emoset": PerceptualHead(8, num_classes=8), "koniq": PerceptualHead(8, num_dims=1)}
        ... )
        >>> {name: tuple(part.shape) for name, part in head(Encoding(torch.zeros(2, 8))).extra.items()}
        {'emoset': (2, 8), 'koniq': (2, 1)}
    """

    def __init__(self, heads: Mapping[str, Head]) -> None:
        super().__init__()
        if not heads:
            raise ValueError("PerDatasetHeads got no head: give at least one data set.")
        for name, head in heads.items():
            if not isinstance(head, nn.Module):
                raise TypeError(
                    f"PerDatasetHeads got {type(head).__name__} as head {name!r}: give an nn.Module with "
                    "forward."
                )
        self.heads = nn.ModuleDict({name: cast(nn.Module, heads[name]) for name in sorted(heads)})

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict with every head."""
        extra: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            output: AffectOutput = head(features)
            result = output.dims if output.logits is None else output.logits
            if result is None or (output.logits is not None and output.dims is not None):
                raise ValueError(
                    f"PerDatasetHeads' head {name!r} predicts neither or both of logits and values: give it "
                    "one of them, since one data set has one place in the result."
                )
            extra[name] = result
        return AffectOutput(extra=extra)
