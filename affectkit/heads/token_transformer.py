"""Classes from the places of a map, through a transformer."""

from __future__ import annotations

from torch import Tensor, nn

from affectkit.temporal import TemporalTransformer
from affectkit.types import AffectOutput, Encoding


class TokenTransformerHead(nn.Module):
    r"""The head of a vision transformer on a feature map: places as tokens, a class token, one linear layer.

    .. math:: z_0 = [c;\, V x_1 + a; \dots; V x_P + a] + p_{0:P}, \qquad
        z' = z + \mathrm{Attn}(\mathrm{LN}\, z), \quad z = z' + \mathrm{MLP}(\mathrm{LN}\, z'), \qquad
        y = W\, \mathrm{LN}(z_0) + b

    with a learned class token :math:`c` and a learned vector :math:`p` for each place of the map; see
    :class:`~affectkit.temporal.TemporalTransformer`.

    Args:
        in_dim: Channels of the map.
        num_classes: Number of classes C.
        num_tokens: Places P of the map, 196 for 14 x 14.
        dim: Width inside the transformer.
        depth: Number of layers.
        heads: Number of attention heads, a divisor of ``dim``.
        hidden_dim: Inner width of the perceptrons.
        dropout: Dropout within the layers.

    Shape:
        - Input: ``features.tokens`` (B, P, in_dim), row by row; ``features.mask`` (B, P), where places are
          missing.
        - Output: ``logits`` (B, C); ``embedding`` (B, dim), what the last layer reads.

    Raises:
        ValueError: If a number is out of range, or the features are no map of P places and that width.

    References:
        VTFF, Visual Transformers with Feature Fusion for facial expression recognition; there is no
        official code. Alexey Dosovitskiy et al. An Image is Worth 16x16 Words: Transformers for Image
        Recognition at Scale. ICLR 2021. arXiv:2010.11929.

    Deviation from the paper:
        Numbers of layers and widths are those of one of two public re-implementations, which differ. Queries,
        keys and values have no bias, and the perceptron a tanh GELU.

    Examples:
        >>> import torch
        >>> head = TokenTransformerHead(16, 7, num_tokens=9, dim=8, depth=1, heads=2, hidden_dim=16)
        >>> head(Encoding(torch.zeros(2, 16), tokens=torch.zeros(2, 9, 16))).logits.shape
        torch.Size([2, 7])
    """

    def __init__(
        self,
        in_dim: int,
        num_classes: int,
        *,
        num_tokens: int,
        dim: int = 768,
        depth: int = 4,
        heads: int = 8,
        hidden_dim: int = 3072,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if min(in_dim, num_tokens, heads) < 1 or num_classes < 2 or dim < 1 or dim % heads:
            raise ValueError(
                f"TokenTransformerHead got in_dim={in_dim}, num_classes={num_classes}, num_tokens="
                f"{num_tokens}, dim={dim}, heads={heads}: give numbers >= 1, at least 2 classes, and heads "
                "that divide dim."
            )
        self.in_dim = in_dim
        self.num_tokens = num_tokens
        self.projection = nn.Linear(in_dim, dim)
        self.transformer = TemporalTransformer(
            dim,
            num_frames=num_tokens,
            pool="cls",
            depth=depth,
            heads=heads,
            head_dim=dim // heads,
            hidden_dim=hidden_dim,
            dropout=dropout,
        )
        self.norm = nn.LayerNorm(dim)
        self.classifier = nn.Linear(dim, num_classes)

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict from ``features.tokens``."""
        tokens = features.tokens
        if tokens is None or tokens.ndim != 3 or tokens.shape[1:] != (self.num_tokens, self.in_dim):
            shape = None if tokens is None else tuple(tokens.shape)
            raise ValueError(
                f"TokenTransformerHead was built for maps of {self.num_tokens} places and {self.in_dim} "
                f"channels and got tokens of shape {shape}: give (B, {self.num_tokens}, {self.in_dim}), by "
                "an encoder with tokens=True and pictures of the size that num_tokens was counted for."
            )
        found: Encoding = self.transformer(self.projection(tokens), features.mask)
        embedding: Tensor = self.norm(found.pooled)
        logits: Tensor = self.classifier(embedding)
        return AffectOutput(logits=logits, embedding=embedding)
