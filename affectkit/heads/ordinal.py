"""Ordered levels, such as those of a rating: one score and the thresholds between the levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.functional import ordinal_log_probabilities
from affectkit.heads.projection import HiddenProjection
from affectkit.types import AffectOutput, Encoding


class OrdinalHead(nn.Module):
    r"""Levels in order by the proportional-odds model, :math:`P(y \le k) = \sigma(b_k - w \cdot x)`.

    The logits are log-probabilities, so that :class:`~affectkit.losses.ClassificationLoss` is the
    likelihood of the model; thresholds stay ascending by construction.

    Args:
        in_dim: Width D of the features.
        num_levels: Number of levels K, lowest first.
        hidden_dim: Width of a hidden ReLU layer; 0 = none.
        dropout: Dropout before each linear layer.
        values: Value of each level on a scale, e.g. -3 to 3; the expected value then stands in ``dims``.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``logits`` (..., K), log-probabilities; ``dims`` (..., 1) where ``values`` are given;
          ``embedding`` = what the last layer reads.

    Raises:
        ValueError: If a number is out of range, or the features have another width.

    References:
        Peter McCullagh. Regression Models for Ordinal Data. Journal of the Royal Statistical Society B
        42(2), 1980.

    Examples:
        >>> head = OrdinalHead(8, 5, values=(1, 2, 3, 4, 5))
        >>> output = head(Encoding(torch.zeros(1, 8)))
        >>> round(output.logits.exp().sum().item(), 4), round(output.dims.item(), 4)
        (1.0, 3.0)
    """

    values: Tensor | None

    def __init__(
        self,
        in_dim: int,
        num_levels: int,
        *,
        hidden_dim: int = 0,
        dropout: float = 0.0,
        values: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if num_levels < 2:
            raise ValueError(f"OrdinalHead got num_levels={num_levels}: give at least 2.")
        if values is not None and (len(values) != num_levels or sorted(set(values)) != list(values)):
            raise ValueError(
                f"OrdinalHead got values={tuple(values)} for {num_levels} levels: give as many ascending "
                "numbers."
            )
        self.num_levels = num_levels
        self.projection = HiddenProjection(in_dim, hidden_dim, dropout=dropout)
        # No bias: the thresholds move together instead.
        self.score = nn.Linear(self.projection.out_dim, 1, bias=False)
        # At score 0 every level is equally likely.
        start = torch.logit(torch.arange(1, num_levels, dtype=torch.float64) / num_levels)
        self.first = nn.Parameter(start[:1].float())
        #: Steps between thresholds, before the softplus that keeps them positive.
        self.steps = nn.Parameter(torch.log(torch.expm1(start.diff())).float()) if num_levels > 2 else None
        known = None if values is None else torch.tensor(values, dtype=torch.float32)
        self.register_buffer("values", known, persistent=False)

    def thresholds(self) -> Tensor:
        """The (K - 1,) thresholds between the levels, ascending."""
        if self.steps is None:
            return self.first
        return torch.cat([self.first, self.first + F.softplus(self.steps).cumsum(0)])

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict log-probabilities of the levels from ``features.pooled``."""
        embedding: Tensor = self.projection(features.pooled)
        score: Tensor = self.score(embedding)
        # A step between levels vanishes in half precision.
        with torch.autocast(score.device.type, enabled=False):
            thresholds = self.thresholds()
            logits = ordinal_log_probabilities(score.squeeze(-1).to(thresholds.dtype), thresholds)
            dims = None if self.values is None else logits.exp() @ self.values.to(logits.dtype).unsqueeze(-1)
        return AffectOutput(logits=logits, dims=dims, embedding=embedding)
