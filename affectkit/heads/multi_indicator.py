"""Several indicators of how people react, each by a tower of its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.types import AffectOutput, Encoding


class MultiIndicatorHead(nn.Module):
    r"""Numbers or classes by name, e.g. eye movement ratio, engagement and emotion, from one tower each.

    .. math::
        h_0 &= W_0\, \sigma(x) + b_0, \quad n = \mathrm{LN}(h_0) \\
        y &= \tfrac12 \bigl(n + \mathrm{gelu}(\mathrm{LN}(V\, \mathrm{gelu}(U n)))\bigr) \\
        z &= W\, \tfrac12 (y + h_0) + b

    An indicator of width 1 is a number for :class:`~affectkit.losses.MSELoss` with ``head=name``, a wider
    one holds the logits of its classes for :class:`~affectkit.losses.ClassificationLoss`.

    Args:
        in_dim: Width D of the features.
        indicators: Width of each indicator: 1, or its number of classes.
        main: Indicator that the result also holds as ``logits`` (as ``dims`` where it is a number).
        hidden_dim: Width of :math:`h_0`.
        ffn_dim: Width of :math:`U n`; 2048 as published.
        dropout: Dropout on :math:`h_0`.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: ``extra[name]`` (..., width); ``logits`` or ``dims`` of ``main``; ``embedding``, the towers'
          last features side by side in order of the names.

    Raises:
        ValueError: If a number is out of range, ``main`` is no indicator, or the features have another width.

    References:
        The towers of HMLLM's official code (SRI-ADV).

    Deviation from the paper:
        The width of :math:`h_0` is this library's.

    Examples:
        >>> head = MultiIndicatorHead(16, {"emr": 1, "emotion": 3}, main="emotion", ffn_dim=32)
        >>> output = head(Encoding(torch.zeros(2, 16)))
        >>> {name: tuple(part.shape) for name, part in output.extra.items()}
        {'emotion': (2, 3), 'emr': (2, 1)}
        >>> bool(output.logits.equal(output.extra["emotion"]))
        True
    """

    def __init__(
        self,
        in_dim: int,
        indicators: Mapping[str, int],
        *,
        main: str | None = None,
        hidden_dim: int = 64,
        ffn_dim: int = 2048,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = (in_dim, hidden_dim, ffn_dim, *indicators.values())
        if not indicators or min(widths) < 1 or not 0.0 <= dropout < 1.0:
            raise ValueError(
                f"MultiIndicatorHead got the indicators {dict(indicators)}, in_dim={in_dim}, "
                f"hidden_dim={hidden_dim}, ffn_dim={ffn_dim}, dropout={dropout}: give at least one "
                "indicator, widths of 1 or more and a share in [0, 1)."
            )
        if main is not None and main not in indicators:
            raise ValueError(
                f"MultiIndicatorHead got main={main!r}, which is none of {', '.join(sorted(indicators))}: "
                "name one of them."
            )
        self.in_dim = in_dim
        self.main = main
        # Sorted, so that the random start never depends on the order of a dict.
        self.towers = nn.ModuleDict(
            {name: _Tower(in_dim, hidden_dim, ffn_dim, dropout=dropout) for name in sorted(indicators)}
        )
        self.outputs = nn.ModuleDict(
            {name: nn.Linear(hidden_dim, indicators[name]) for name in sorted(indicators)}
        )

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.pooled``."""
        if features.pooled.shape[-1] != self.in_dim:
            raise ValueError(
                f"MultiIndicatorHead built with in_dim={self.in_dim} got features of width "
                f"{features.pooled.shape[-1]}: build it with the out_dim of the part before it."
            )
        found: dict[str, Tensor] = {name: tower(features.pooled) for name, tower in self.towers.items()}
        extra: dict[str, Tensor] = {name: layer(found[name]) for name, layer in self.outputs.items()}
        main = None if self.main is None else extra[self.main]
        number = main is not None and main.shape[-1] == 1
        return AffectOutput(
            logits=None if number else main,
            dims=main if number else None,
            embedding=torch.cat(list(found.values()), -1),
            extra=extra,
        )


class _Tower(nn.Module):
    def __init__(self, in_dim: int, hidden_dim: int, ffn_dim: int, *, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(in_dim, hidden_dim)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(hidden_dim)
        self.up = nn.Linear(hidden_dim, ffn_dim)
        self.down = nn.Linear(ffn_dim, hidden_dim)
        self.inner_norm = nn.LayerNorm(hidden_dim)

    def forward(self, x: Tensor) -> Tensor:
        start: Tensor = self.dropout(self.first(x.sigmoid()))
        normed: Tensor = self.norm(start)
        inner: Tensor = F.gelu(self.inner_norm(self.down(F.gelu(self.up(normed)))))
        return 0.5 * (0.5 * (normed + inner) + start)
