"""Which modality is missing where: the same for every run that is compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from affectkit.functional import thin_presence

#: In place of a modality's name: any of them may be missing, but never all that a row has.
ANY: Final = "any"


class MissingPattern(NamedTuple):
    """What is taken away.

    Attributes:
        missing: Name of a modality, or :data:`ANY`.
        rate: Share of the rows, i.e. utterances, that lose it.
        seed: Which draw.
    """

    missing: str
    rate: float
    seed: int

    def apply(self, present: Mapping[str, Tensor], draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Take away what the pattern says.

        Args:
            present: Which rows have which modality.
            draws: Numbers from [0, 1) of the same shapes, see :func:`missing_draws`.
        """
        left = dict(present)
        if self.missing != ANY:
            left[self.missing] = left[self.missing] & (draws[self.missing] >= self.rate)
            return left
        names = sorted(left)
        kept = thin_presence(
            torch.stack([left[name] for name in names], dim=-1),
            torch.stack([draws[name] for name in names], dim=-1),
            rate=self.rate,
        )
        return {name: kept[..., index] for index, name in enumerate(names)}


def missing_draws(keys: Sequence[str], shape: Sequence[int], *, modality: str, seed: int) -> Tensor:
    """Numbers from [0, 1) that depend on (seed, modality, key, place in the sample) alone.

    Neither the batch that a sample lies in, nor its padding, nor what else a run reads has any
    influence, so runs of different models see the same modalities missing in the same utterances.
    What is missing at one rate is missing at every higher one.

    Args:
        keys: Key of each sample of a batch.
        shape: (B,), or (B, U) for conversations.
        modality: Name of the modality.
        seed: Which draw.

    Examples:
        >>> draws = missing_draws(["b", "a"], (2, 4), modality="text", seed=0)
        >>> again = missing_draws(["a"], (1, 3), modality="text", seed=0)
        >>> torch.equal(draws[1, :3], again[0])
        True
    """
    count = int(np.prod(shape[1:], dtype=np.int64))
    rows = np.empty((len(keys), count))
    for row, key in zip(rows, keys, strict=True):
        digest = hashlib.sha256(f"{modality}\0{key}".encode("utf-8", "surrogateescape")).digest()
        words = np.frombuffer(digest[:16], dtype=">u4").tolist()
        row[:] = np.random.default_rng([seed, *words]).random(count)
    return torch.from_numpy(rows).reshape(tuple(shape))
