"""The text side of a CLIP model, run from embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class ClipTextTower(nn.Module, ABC):
    """Texts to the space that a CLIP model shares with pictures, from embeddings instead of words.

    Prompt learners put trained vectors among the embeddings of words; a tower therefore starts after the
    look-up and knows which position ends a text.

    Attributes:
        width: Width W of the embeddings.
        context_length: Positions that the model reads.
        out_dim: Width E of the shared space.
        prefix: Tokens that stand before every text (the start mark, where there is one).
        causal: Whether a position only sees those before it.
        cuttable: Whether positions after the last one that counts can be left out without changing a number.
    """

    def __init__(
        self, *, width: int, context_length: int, out_dim: int, prefix: int, causal: bool, cuttable: bool
    ) -> None:
        super().__init__()
        self.width = width
        self.context_length = context_length
        self.out_dim = out_dim
        self.prefix = prefix
        self.causal = causal
        self.cuttable = cuttable

    @property
    @abstractmethod
    def num_layers(self) -> int:
        """Layers of the transformer."""

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Look up token ids (N, L) to (N, L, W), without positions."""

    @abstractmethod
    def forward(
        self, embeddings: Tensor, end: Tensor, *, deep: Sequence[Tensor] = (), cut: bool = True
    ) -> Tensor:
        """Encode embeddings to (N, E), not scaled to unit length.

        Args:
            embeddings: (N, L, W); a tower that can be cut takes any L that holds every text.
            end: (N,) int64, the position of the last token that counts.
            deep: For layer j + 1, (n, W) that replace its n inputs after the start mark.
            cut: Whether positions that cannot matter are left out; same numbers, less work. Reading how far
                the longest text goes waits for the device, so a caller that has cut already says False.
        """

    def positions_needed(self, last: int) -> int:
        """Positions that matter when no text ends after position ``last``."""
        return last + 1 if self.cuttable else self.context_length

    def _cut(self, embeddings: Tensor, end: Tensor, *, cut: bool) -> Tensor:
        if cut and self.cuttable:
            embeddings = embeddings[:, : self.positions_needed(int(end.max()))]
        if not self.cuttable and embeddings.shape[1] != self.context_length:
            raise ValueError(
                f"a text tower that looks in both directions got {embeddings.shape[1]} of its "
                f"{self.context_length} positions: give all of them, padding included."
            )
        return embeddings
