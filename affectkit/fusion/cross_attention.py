"""Fusion by attention of each modality over the others."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.fusion.masked_attention import MaskedAttention
from affectkit.fusion.presence import AlignedParts, align_parts, check_in_dims
from affectkit.types import Encoding


class CrossAttentionFusion(nn.Module):
    r"""Each modality asks the others, and all answers are put together.

    .. math::
        q_m = W_m x_m + b_m, \qquad
        y_m = \mathrm{LN}_m(q_m + \mathrm{MHA}_m(q_m,\; \{k_n\}_{n \ne m})), \qquad
        h = W [\tilde y_1; \dots; \tilde y_M] + b

    The keys of modality n are its tokens, projected by :math:`W_n` too, where it has any, else
    its one pooled feature. An absent modality is no key, and a learned vector (zero at the start)
    stands for its answer. A modality that is alone keeps what it says.

    Args:
        in_dims: Width of each modality, that of its tokens as well.
        out_dim: Width that all are projected to, and of the result.
        num_heads: Heads of each attention.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``parts[m].tokens`` (B, T_m, D_m) with
          ``parts[m].mask`` (B, T_m), or None; ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width is wrong, a modality unknown, or tokens come with conversations.

    References:
        Y.-H. H. Tsai et al. Multimodal Transformer for Unaligned Multimodal Language Sequences. ACL
        2019. arXiv:1906.00295.

    Deviation from the paper:
        The paper lets every token of a modality ask, with a stack of layers for each ordered pair,
        and reads the last one. Here the pooled feature asks once, and one attention looks at the
        tokens of all other modalities together.

    Examples:
        >>> fusion = CrossAttentionFusion({"text": 4, "audio": 3}, 8, num_heads=2)
        >>> words = Encoding(torch.ones(2, 4), tokens=torch.ones(2, 5, 4))
        >>> fusion({"text": words, "audio": Encoding(torch.ones(2, 3))}).pooled.shape
        torch.Size([2, 8])
    """

    def __init__(
        self, in_dims: Mapping[str, int], out_dim: int, *, num_heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="CrossAttentionFusion")
        self.out_dim = out_dim
        count = len(self.in_dims)
        self.attentions = nn.ModuleList(
            MaskedAttention(out_dim, num_heads=num_heads, owner="CrossAttentionFusion") for _ in range(count)
        )
        self.projections = nn.ModuleList(nn.Linear(width, out_dim) for width in self.in_dims.values())
        self.norms = nn.ModuleList(nn.LayerNorm(out_dim) for _ in range(count))
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(out_dim)) for _ in range(count))
        self.output = nn.Linear(count * out_dim, out_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="CrossAttentionFusion")
        flags = aligned.present.flatten(0, -2)
        queries: list[Tensor] = [
            projection(feature).flatten(0, -2)
            for projection, feature in zip(self.projections, aligned.features, strict=True)
        ]
        keys: list[Tensor] = []
        there: list[Tensor] = []
        for index, name in enumerate(self.in_dims):
            tokens, real = self._tokens(name, parts, aligned, index)
            keys.append(queries[index].unsqueeze(1) if tokens is None else self.projections[index](tokens))
            there.append(flags[:, index : index + 1] & real)
        columns: list[Tensor] = []
        for index, query in enumerate(queries):
            others = [number for number in range(len(queries)) if number != index]
            answer = query
            if others:
                allowed = torch.cat([there[number] for number in others], dim=1).unsqueeze(1)
                key = torch.cat([keys[number] for number in others], dim=1)
                answer = query + self.attentions[index](query.unsqueeze(1), key, key, allowed).squeeze(1)
            normed: Tensor = self.norms[index](answer)
            absent = self.absent[index].to(normed.dtype)
            columns.append(torch.where(flags[:, index : index + 1], normed, absent))
        pooled: Tensor = self.dropout(self.output(torch.cat(columns, dim=-1)))
        return Encoding(pooled=pooled.reshape(*aligned.present.shape[:-1], self.out_dim), mask=aligned.mask)

    def _tokens(
        self, name: str, parts: Mapping[str, Encoding], aligned: AlignedParts, index: int
    ) -> tuple[Tensor | None, Tensor]:
        """Tokens (B, T, D), zeroed where they are not real, with (B, T); None and one flag without any."""
        part = parts.get(name)
        tokens = None if part is None else part.tokens
        if part is None or tokens is None:
            return None, torch.ones((), dtype=torch.bool, device=aligned.present.device)
        flag = aligned.present[..., index]
        if flag.dim() != 1 or tokens.dim() != 3 or tokens.shape[::2] != (len(flag), self.in_dims[name]):
            raise ValueError(
                f"CrossAttentionFusion got tokens of shape {tuple(tokens.shape)} for '{name}' beside pooled "
                f"features of shape {tuple(part.pooled.shape)}: give tokens (B, T, {self.in_dims[name]}) for "
                "rows (B, D), and none for conversations."
            )
        real = flag.unsqueeze(1).expand(tokens.shape[:2])
        if part.mask is not None:
            real = real & part.mask
        return tokens.masked_fill(~real.unsqueeze(-1), 0.0), real
