"""Fusion in which one modality leads and all of them follow."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectkit.functional import masked_softmax
from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class LeaderFollowerFusion(nn.Module):
    r"""The leader's feature, and beside it what the modalities learn from each other.

    With one query, key and value for each modality in each row, :math:`Q, K, V \in R^{M \times d}`,

    .. math::
        S = \mathrm{softmax}(K Q^\top / \sqrt d), \qquad F = \mathrm{LN}(S V + V), \qquad
        h = [W_l x_l; F_1; \dots; F_M]

    The softmax runs over the present modalities. An absent one has a learned vector (zero at the
    start) in its place of F, and so has the leader.

    Args:
        in_dims: Width of each modality.
        leader: Name of the leading modality.
        leader_dim: Width of the leader's part of the result.
        follower_dim: Width d of each modality's part of the result.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, leader_dim + M d) or (B, U, leader_dim + M d); ``mask`` (B, U) as in
          the parts.

    Raises:
        ValueError: If a width is wrong, a modality unknown, or the leader is not among them.

    References:
        Textualized and Feature-based Models for Compound Multimodal Emotion Recognition in the Wild,
        official code (LFAN). ECCV 2024 workshops. arXiv:2407.12927.

    Deviation from the paper:
        The published model reads the outputs of a temporal convolution at each time step, with each
        modality's projections behind it; here they read the features given. Keys index the rows of
        S, as in the official code: the same as the usual order with the two names exchanged.

    Examples:
        >>> fusion = LeaderFollowerFusion({"visual": 6, "audio": 3}, leader_dim=8, follower_dim=4)
        >>> fusion({"visual": Encoding(torch.ones(2, 6))}).pooled.shape
        torch.Size([2, 16])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        *,
        leader: str = "visual",
        leader_dim: int = 128,
        follower_dim: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="LeaderFollowerFusion")
        if leader not in self.in_dims:
            raise ValueError(
                f"LeaderFollowerFusion got leader={leader!r}, which is none of its modalities: name one of "
                f"{', '.join(self.in_dims)}."
            )
        if leader_dim < 1 or follower_dim < 1:
            raise ValueError(
                f"LeaderFollowerFusion got leader_dim={leader_dim} and follower_dim={follower_dim}: give "
                "widths >= 1."
            )
        self.leader = leader
        self.follower_dim = follower_dim
        self.out_dim = leader_dim + len(self.in_dims) * follower_dim
        widths = list(self.in_dims.values())
        self.queries = nn.ModuleList(nn.Linear(width, follower_dim) for width in widths)
        self.keys = nn.ModuleList(nn.Linear(width, follower_dim) for width in widths)
        self.values = nn.ModuleList(nn.Linear(width, follower_dim) for width in widths)
        self.norm = nn.LayerNorm(follower_dim)
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(follower_dim)) for _ in widths)
        self.lead = nn.Linear(self.in_dims[leader], leader_dim)
        self.absent_leader = nn.Parameter(torch.zeros(leader_dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="LeaderFollowerFusion")
        flags = aligned.present
        query, key, value = (
            torch.stack([layer(x) for layer, x in zip(layers, aligned.features, strict=True)], dim=-2)
            for layers in (self.queries, self.keys, self.values)
        )
        scores = key @ query.transpose(-1, -2) / self.follower_dim**0.5
        shares = masked_softmax(scores, flags.unsqueeze(-2).expand_as(scores))
        followers: Tensor = self.norm(shares @ value + value)
        absent = torch.stack(list(self.absent)).to(followers.dtype)
        followers = torch.where(flags.unsqueeze(-1), followers, absent)
        place = list(self.in_dims).index(self.leader)
        lead: Tensor = self.lead(aligned.features[place])
        lead = torch.where(flags[..., place : place + 1], lead, self.absent_leader.to(lead.dtype))
        pooled: Tensor = self.dropout(torch.cat([lead, followers.flatten(-2)], dim=-1))
        return Encoding(pooled=pooled, mask=aligned.mask)
