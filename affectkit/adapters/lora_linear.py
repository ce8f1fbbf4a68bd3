"""A frozen linear layer with a low-rank update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectkit.adapters.low_rank_update import LoRAScaling, LowRankUpdate


class LoRALinear(nn.Module):
    r"""A frozen linear layer plus low-rank updates, :math:`y = W x + b + s\,B A\,\mathrm{drop}(x)`.

    A fused projection holds several matrices in the rows of one, as in the joint query, key and
    value projection of an attention; each of them gets an update of its own, or none.

    :meth:`merge` computes :math:`W + s B A` once for inference. The merged matrix lives beside
    :math:`W` and never in the state dict, so what is saved is the same merged or not, and
    :meth:`unmerge` gives back the exact numbers. Going into training and loading a state unmerge.

    Args:
        linear: The layer to adapt; it is frozen and kept, not copied.
        rank: Rank r of each update.
        alpha: Numerator of the scale.
        scaling: ``"lora"`` = alpha / r, ``"rslora"`` = alpha / sqrt(r).
        dropout: Share of the input dropped before an update in training, drawn for each update.
        parts: Number of equally high matrices in the rows of ``linear``.
        adapted: Which of them get an update.

    Shape:
        - Input: (..., in_features).
        - Output: (..., out_features).

    Raises:
        ValueError: If a number is out of range.

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685.

    Examples:
        >>> import torch
        >>> plain = nn.Linear(6, 5)
        >>> layer = LoRALinear(plain, rank=2)
        >>> bool(torch.equal(layer(torch.ones(3, 6)), plain(torch.ones(3, 6))))
        True
    """

    merged_weight: Tensor | None

    def __init__(
        self,
        linear: nn.Linear,
        *,
        rank: int = 4,
        alpha: float = 4.0,
        scaling: LoRAScaling = "lora",
        dropout: float = 0.0,
        parts: int = 1,
        adapted: Sequence[int] = (0,),
    ) -> None:
        super().__init__()
        if parts < 1 or linear.out_features % parts:
            raise ValueError(
                f"LoRALinear got parts={parts} for a layer of {linear.out_features} outputs: "
                "give a number that divides them."
            )
        if not adapted or not set(adapted) <= set(range(parts)):
            raise ValueError(f"LoRALinear got adapted={tuple(adapted)}: give numbers below parts={parts}.")
        self.linear = linear.requires_grad_(False)
        self.height = linear.out_features // parts
        self.parts = parts
        self.updates = nn.ModuleDict(
            {
                str(part): LowRankUpdate(
                    linear.in_features,
                    self.height,
                    rank=rank,
                    alpha=alpha,
                    scaling=scaling,
                    dropout=dropout,
                    like=linear.weight,
                )
                for part in sorted(set(adapted))
            }
        )
        self.register_buffer("merged_weight", None, persistent=False)

    def _rows(self, part: int) -> slice:
        return slice(part * self.height, (part + 1) * self.height)

    def update_of(self, part: int) -> LowRankUpdate | None:
        """The update of one of the matrices, or None where it has none."""
        name = str(part)
        if name not in self.updates:
            return None
        update = self.updates[name]
        assert isinstance(update, LowRankUpdate)
        return update

    @torch.no_grad()
    def merge(self) -> None:
        """Compute :math:`W + s B A` once; a layer in training refuses, since nothing would learn."""
        if self.training:
            raise RuntimeError(
                "LoRALinear.merge was called in training, where nothing would learn: call eval() first."
            )
        weight = self.linear.weight.clone()
        for part in range(self.parts):
            update = self.update_of(part)
            if update is not None:
                weight[self._rows(part)] += update.delta().to(weight.dtype)
        self.merged_weight = weight

    def unmerge(self) -> None:
        """Forget the merged matrix."""
        self.merged_weight = None

    def train(self, mode: bool = True) -> Self:
        """Set the mode; training unmerges."""
        if mode:
            self.unmerge()
        return super().train(mode)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Tensor],
        prefix: str,
        local_metadata: Mapping[str, object],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        self.unmerge()  # it was made from the numbers that are being replaced
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def project(self, x: Tensor, part: int) -> Tensor:
        """Apply one of the matrices to ``x``, for an attention over other tokens than its queries."""
        weight = self.linear.weight if self.merged_weight is None else self.merged_weight
        bias = None if self.linear.bias is None else self.linear.bias[self._rows(part)]
        result = functional.linear(x, weight[self._rows(part)], bias)
        update = self.update_of(part)
        if update is None or self.merged_weight is not None:
            return result
        added: Tensor = update(x)
        return result + added

    def forward(self, x: Tensor) -> Tensor:
        """Apply the adapted layer."""
        if self.merged_weight is not None:
            return functional.linear(x, self.merged_weight, self.linear.bias)
        result: Tensor = self.linear(x)
        if self.parts == 1:
            added: Tensor = self.updates["0"](x)
            return result + added
        blocks = list(result.chunk(self.parts, dim=-1))
        for part in range(self.parts):
            update = self.update_of(part)
            if update is not None:
                change: Tensor = update(x)
                blocks[part] = blocks[part] + change
        return torch.cat(blocks, dim=-1)
