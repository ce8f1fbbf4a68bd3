"""Fusion by experts of each modality under a gate that is kept balanced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from affectkit.distributed import all_gather_rows
from affectkit.functional import gate_balance, masked_softmax
from affectkit.fusion.presence import AlignedParts, align_parts, check_in_dims
from affectkit.types import Encoding


class _Routed(NamedTuple):
    pooled: Tensor  # (..., out_dim)
    shares: Tensor  # (..., M)
    choice: Tensor  # (..., M, E), probabilities of the experts


class ModalityExpertFusion(nn.Module):
    r"""Every modality goes through one of its own experts; a gate shares the result among them.

    .. math::
        u_m = W_m x_m + b_m, \qquad
        e_m = \arg\max_e \pi_{m,e}, \quad \pi_m = \mathrm{softmax}(G_m u_m + g_m), \qquad
        y_m = u_m + \tfrac{\alpha}{r}\, \pi_{m,e_m} B_{m,e_m} A\, u_m

    .. math:: a = \mathrm{softmax}(V [u_1; \dots; u_M; p] + v), \qquad h = \sum_m a_m y_m

    with A shared by all experts, B zero at the start, p the presence flags and both :math:`u_m` and
    :math:`a_m` 0 where a modality is absent. A row without any modality gives 0.

    A gate left alone tends to listen to one modality and to one expert. :meth:`balance` measures
    both; added to a loss with a small weight (0.01 to 0.1) it keeps them in use.

    Args:
        in_dims: Width of each modality.
        out_dim: Width of the result.
        num_experts: Experts E of each modality.
        rank: Rank r of an expert.
        alpha: Scale of the experts' part, over the rank.
        dropout: Dropout on the result.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, out_dim) or (B, U, out_dim); ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a number is wrong or a modality unknown.

    References:
        MoSEAR and CA-MER. ACM MM 2025. arXiv:2508.01181.

    Deviation from the paper:
        Rebuilt from an abstract and a project page: neither the formulas nor any code could be read.
        There the experts are low-rank updates inside a language model; here they are a fusion of
        features. Nothing is claimed about the paper's numbers.

    Examples:
        >>> fusion = ModalityExpertFusion({"text": 4, "audio": 3}, 8, num_experts=2, rank=2)
        >>> parts = {"text": Encoding(torch.ones(2, 4)), "audio": Encoding(torch.ones(2, 3))}
        >>> fusion(parts).pooled.shape, bool(fusion.balance(parts) >= 0)
        (torch.Size([2, 8]), True)
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        out_dim: int,
        *,
        num_experts: int = 4,
        rank: int = 8,
        alpha: float = 16.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="ModalityExpertFusion")
        if min(out_dim, num_experts, rank) < 1:
            raise ValueError(
                f"ModalityExpertFusion got out_dim={out_dim}, num_experts={num_experts} and rank={rank}: "
                "give numbers >= 1."
            )
        self.out_dim = out_dim
        self.scale = alpha / rank
        count = len(self.in_dims)
        self.projections = nn.ModuleList(nn.Linear(width, out_dim) for width in self.in_dims.values())
        self.down = nn.Linear(out_dim, rank, bias=False)
        self.up = nn.Parameter(torch.zeros(count, num_experts, out_dim, rank))
        self.expert_gates = nn.ModuleList(nn.Linear(out_dim, num_experts) for _ in range(count))
        self.modality_gate = nn.Linear(count * out_dim + count, count)
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="ModalityExpertFusion")
        pooled: Tensor = self.dropout(self._route(aligned).pooled)
        return Encoding(pooled=pooled, mask=aligned.mask)

    def weights(
        self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Share of each modality, (B,) or (B, U), 0 where absent."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="ModalityExpertFusion")
        shares = self._route(aligned).shares
        return {name: shares[..., index] for index, name in enumerate(self.in_dims)}

    def balance(
        self,
        parts: Mapping[str, Encoding],
        present: Mapping[str, Tensor] | None = None,
        *,
        gather: bool = True,
    ) -> Tensor:
        r"""Penalty of unfair gates over a batch, 0 where modalities and experts are used alike.

        :func:`~affectkit.functional.gate_balance` of the modality gate, plus the mean over modalities of
        :math:`E \sum_e f_e \bar\pi_e - 1`, with :math:`f_e` the share of rows that chose expert e (no
        gradient) and :math:`\bar\pi_e` its mean probability, over the rows that have the modality.

        Args:
            parts: As for :meth:`forward`.
            present: As for :meth:`forward`.
            gather: Whether means are over the rows of all ranks, which must then come here equally often.
                The value is that of one process with the whole batch, on every rank; so is its gradient, once
                those of the ranks are averaged. Accumulated batches are balanced one by one.
        """
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="ModalityExpertFusion")
        routed = self._route(aligned)
        flags = aligned.present
        if aligned.mask is not None:
            flags = flags & aligned.mask.unsqueeze(-1)
        flags = flags.flatten(0, -2)
        shares = routed.shares.flatten(0, -2)
        choice = routed.choice.flatten(0, -3).float()  # (N, M, E)
        if gather:
            # Gates, not features, travel: M (1 + E) numbers a row.
            shares, choice, flags = (all_gather_rows(rows) for rows in (shares, choice, flags))
        there = flags.unsqueeze(-1).to(choice.dtype)
        rows = there.sum(dim=0).clamp(min=1)
        chosen = _one_hot_largest(choice)
        used = ((chosen * there).sum(dim=0) / rows * (choice * there).sum(dim=0) / rows).sum(dim=-1)
        seen = flags.any(dim=0)
        switch = (choice.shape[-1] * used - 1).masked_fill(~seen, 0.0).sum() / seen.sum().clamp(min=1)
        return gate_balance(shares, flags) + switch

    def _route(self, aligned: AlignedParts) -> _Routed:
        flags = aligned.present
        hidden = torch.stack(
            [projection(x) for projection, x in zip(self.projections, aligned.features, strict=True)], dim=-2
        ).masked_fill(~flags.unsqueeze(-1), 0.0)
        logits = torch.stack(
            [gate(hidden[..., index, :]) for index, gate in enumerate(self.expert_gates)], dim=-2
        )
        choice = torch.softmax(logits, dim=-1)
        down: Tensor = self.down(hidden)
        each = torch.einsum("...mr,meor->...meo", down, self.up.to(down.dtype))
        taken = choice * _one_hot_largest(choice)
        values = hidden + self.scale * (taken.unsqueeze(-1) * each).sum(dim=-2)
        scores: Tensor = self.modality_gate(torch.cat([hidden.flatten(-2), flags.to(hidden.dtype)], dim=-1))
        shares = masked_softmax(scores, flags)
        return _Routed((shares.unsqueeze(-1) * values).sum(dim=-2), shares, choice)


def _one_hot_largest(probabilities: Tensor) -> Tensor:
    places = probabilities.argmax(dim=-1)
    return nn.functional.one_hot(places, probabilities.shape[-1]).to(probabilities.dtype)
