"""Convolutions over time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.types import Encoding


class TemporalConvNet(nn.Module):
    r"""Dilated convolutions over frames or utterances, one residual block after the other.

    Block n has two convolutions of dilation :math:`2^n`, each with ReLU and dropout, and adds its input,
    linearly brought to its width where that differs:

    .. math:: z \leftarrow \mathrm{ReLU}(z + \mathrm{conv}(\mathrm{conv}(z)))

    Places that are not real are 0 before every convolution, as what lies beyond the ends is.

    Args:
        in_dim: Width D of the features.
        channels: Width of each block; the last is the width of the result.
        kernel_size: Places that each convolution sees; odd for ``context="both"``.
        context: ``"past"``: a place sees itself and what came before. ``"both"``: as much on either side.
        dropout: Dropout behind each convolution.

    Shape:
        - Input: (B, T, in_dim); ``mask`` (B, T), True = real.
        - Output: ``pooled`` (B, T, out_dim), 0 where masked; ``mask`` as given.

    Raises:
        ValueError: If a number is out of range, or the features have another shape.

    References:
        S. Bai, J. Z. Kolter, V. Koltun. An Empirical Evaluation of Generic Convolutional and Recurrent
        Networks for Sequence Modeling. 2018. arXiv:1803.01271.

    Deviation from the paper:
        No weight normalisation; ``context="both"`` and the mask are additions.

    Examples:
        >>> TemporalConvNet(6, (8, 4))(torch.zeros(2, 30, 6)).pooled.shape
        torch.Size([2, 30, 4])
    """

    def __init__(
        self,
        in_dim: int,
        channels: Sequence[int],
        *,
        kernel_size: int = 3,
        context: Literal["past", "both"] = "past",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if in_dim < 1 or not channels or min(channels) < 1 or kernel_size < 1:
            raise ValueError(
                f"TemporalConvNet got in_dim={in_dim}, channels={list(channels)}, kernel_size={kernel_size}: "
                "give widths and sizes >= 1, and at least one block."
            )
        if context not in ("past", "both") or (context == "both" and kernel_size % 2 == 0):
            raise ValueError(
                f"TemporalConvNet got context={context!r} with kernel_size={kernel_size}: give 'past', or "
                "'both' with an odd size."
            )
        self.in_dim = in_dim
        self.out_dim = channels[-1]
        self.context = context
        widths = [in_dim, *channels]
        self.convolutions = nn.ModuleList()
        self.shortcuts = nn.ModuleList()
        for number, (before, after) in enumerate(pairwise(widths)):
            for width in (before, after):
                self.convolutions.append(nn.Conv1d(width, after, kernel_size, dilation=2**number))
            self.shortcuts.append(nn.Identity() if before == after else nn.Conv1d(before, after, 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Encoding:
        """Convolve ``x`` over its places."""
        if x.ndim != 3 or x.shape[-1] != self.in_dim:
            raise ValueError(
                f"TemporalConvNet of width {self.in_dim} got features of shape {tuple(x.shape)}: give "
                f"(B, T, {self.in_dim})."
            )
        gap = None if mask is None else ~mask.unsqueeze(1)
        state = _filled(x.transpose(1, 2), gap)
        for number, shortcut in enumerate(self.shortcuts):
            kept: Tensor = shortcut(state)
            for convolution in self.convolutions[2 * number : 2 * number + 2]:
                state = self.dropout(torch.relu(self._convolve(cast(nn.Conv1d, convolution), state)))
                state = _filled(state, gap)
            state = _filled(torch.relu(state + kept), gap)
        return Encoding(pooled=state.transpose(1, 2), mask=mask)

    def _convolve(self, convolution: nn.Conv1d, x: Tensor) -> Tensor:
        reach = (convolution.kernel_size[0] - 1) * convolution.dilation[0]
        sides = (reach, 0) if self.context == "past" else (reach // 2, reach // 2)
        found: Tensor = convolution(F.pad(x, sides))
        return found


def _filled(x: Tensor, gap: Tensor | None) -> Tensor:
    return x if gap is None else x.masked_fill(gap, 0.0)
