"""Text without a vocabulary and without weights to fetch."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.encoders.tiny.random_signs import random_signs
from affectkit.encoders.weights_digest import weights_digest

_TOKEN = re.compile(r"\w+|[^\w\s]")


class TinyTextEncoder(nn.Module):
    r"""Bag of hashed words and word pairs, :math:`\frac{1}{\sqrt n} \sum_i E_{h(w_i)}`.

    E holds random signs fixed by the seed; h is CRC-32, the same in every process. Words and
    punctuation marks are lower-cased tokens; a text without any gives zeros.

    Args:
        out_dim: Width D of the rows.
        buckets: Rows of E; unlike words share one about every ``buckets`` words.
        seed: Seed of E.

    Shape:
        - Input: n texts.
        - Output: (n, out_dim) float32.

    Raises:
        ValueError: If a number is below 1.
        TypeError: If an item is not a string.

    Examples:
        >>> encoder = TinyTextEncoder(out_dim=32)
        >>> encoder(["Oh, great!", "oh , GREAT !"]).diff(dim=0).abs().max().item()
        0.0
    """

    modality = "text"

    def __init__(self, *, out_dim: int = 128, buckets: int = 8192, seed: int = 0) -> None:
        super().__init__()
        if out_dim < 1 or buckets < 1:
            raise ValueError(
                f"TinyTextEncoder got out_dim={out_dim}, buckets={buckets}: give whole numbers >= 1."
            )
        self.out_dim = out_dim
        self.buckets = buckets
        self.table: Tensor
        self.register_buffer("table", random_signs(buckets, out_dim, seed=seed))

    @property
    def identity(self) -> str:
        """Name, settings and digest of the weights."""
        return f"tiny-text:1 dim={self.out_dim} sha256:{weights_digest(self)}"

    @torch.no_grad()
    def forward(self, items: Sequence[str]) -> Tensor:
        """Encode texts."""
        rows: list[int] = []
        starts: list[int] = []
        scales: list[float] = []
        for text in items:
            if not isinstance(text, str):
                raise TypeError(f"TinyTextEncoder got an item of type {type(text).__name__}: give str.")
            words = _TOKEN.findall(text.lower())
            grams = words + [f"{first} {second}" for first, second in pairwise(words)]
            starts.append(len(rows))
            rows.extend(zlib.crc32(gram.encode()) % self.buckets for gram in grams)
            scales.append(1.0 / math.sqrt(max(1, len(grams))))
        device = self.table.device
        sums = F.embedding_bag(
            torch.tensor(rows, dtype=torch.long, device=device),
            self.table,
            torch.tensor(starts, dtype=torch.long, device=device),
            mode="sum",
        )
        return (sums * torch.tensor(scales, device=device).unsqueeze(1)).cpu()
