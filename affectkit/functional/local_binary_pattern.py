"""Local binary patterns of pictures."""

from __future__ import annotations

import torch
from torch import Tensor

#: Thousandths of ITU-R BT.601 luma.
_LUMA = (299, 587, 114)

#: Neighbours (row, column) in the order of their bits, clockwise from the upper left.
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def local_binary_pattern(pixels: Tensor) -> Tensor:
    r"""Code of each pixel by which of its eight neighbours are at least as bright.

    .. math:: c = \sum_{k=0}^{7} 2^k\, [g_k \ge g]

    on grey values of whole numbers, :math:`\lfloor (299 R + 587 G + 114 B + 500) / 1000 \rfloor` for
    colour. Neighbours are those on the grid, clockwise from the upper left; beyond the edge lies
    the edge. A brighter or darker picture of the same contrasts has the same codes, but a turned or
    flipped one has other codes: take the patterns after the geometry, before normalising.

    Args:
        pixels: Pictures as bytes.

    Shape:
        - pixels: (..., 3, H, W) or (..., 1, H, W) uint8
        - output: the same, uint8; all channels are equal

    Raises:
        ValueError: If the pixels are no bytes, or have neither one nor three channels.

    References:
        T. Ojala, M. Pietikainen, D. Harwood. A Comparative Study of Texture Measures with
        Classification Based on Featured Distributions. Pattern Recognition 29(1), 1996.

    Examples:
        >>> local_binary_pattern(torch.tensor([[[9, 9], [9, 0]]], dtype=torch.uint8)).tolist()
        [[[239, 207], [231, 255]]]
    """
    if pixels.dtype != torch.uint8 or pixels.dim() < 3 or pixels.shape[-3] not in (1, 3):
        raise ValueError(
            f"local_binary_pattern got {pixels.dtype} of shape {tuple(pixels.shape)}: give pictures as "
            "uint8, (..., 3, H, W) or (..., 1, H, W)."
        )
    grey = pixels.int()
    if pixels.shape[-3] == 3:
        weights = torch.tensor(_LUMA, dtype=torch.int32, device=pixels.device)[:, None, None]
        grey = ((grey * weights).sum(dim=-3, keepdim=True) + 500) // 1000
    height, width = grey.shape[-2:]
    down = torch.arange(height, device=pixels.device)
    across = torch.arange(width, device=pixels.device)
    codes = torch.zeros_like(grey)
    for bit, (row, column) in enumerate(_NEIGHBOURS):
        there = grey.index_select(-2, (down + row).clamp(0, height - 1))
        there = there.index_select(-1, (across + column).clamp(0, width - 1))
        codes += (there >= grey).int() << bit
    return codes.to(torch.uint8).expand(pixels.shape).contiguous()
