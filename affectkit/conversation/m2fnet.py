"""Residual transformer stacks of each modality, then fusion attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from torch import Tensor, nn

from affectkit.conversation.residual_transformer_stack import ResidualTransformerStack
from affectkit.conversation.streaming import part_of_state
from affectkit.fusion import FusionAttention
from affectkit.fusion.presence import align_parts
from affectkit.types import Encoding


class M2FNet(nn.Module):
    r"""Each modality through a stack of its own, then all of them through layers with a trunk.

    :math:`[\tilde x_1, \dots, \tilde x_M] = [\mathrm{Stack}_1(x_1), \dots]`, then
    :class:`~affectkit.fusion.FusionAttention` over the turns. Who speaks is not read.

    Args:
        in_dims: Width of each modality; ``num_heads`` share it.
        hidden_dim: Width D that all modalities are projected to before they are fused.
        trunk: Name of the trunk; None takes ``"text"`` where there is one, else the first by name.
        num_encoders: Encoders of each stack.
        num_fusion_layers: Layers of the fusion.
        num_heads: Heads of each attention.
        feedforward_dim: Width inside the stacks' feed-forward layers; None = 4 times the modality's.
        value_from: ``"query"``: values are the trunk's, as published. ``"key"``: those of the steering
            modality.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it sees
            the whole conversation, as published.
        window_past: How many turns before itself a turn attends to in each layer; None = all.
        window_future: The same for turns after itself; with ``context="past"`` there are none.
        dropout: Dropout of all layers.

    Shape:
        - Input: ``parts[m].pooled`` (B, U, D_m), ``parts[m].mask`` (B, U); ``present[m]`` (B, U).
        - Output: ``pooled`` (B, U, M D), 0 on padding.

    Raises:
        ValueError: If an argument is out of range, or a shape is wrong.

    References:
        V. Chudasama et al. M2FNet: Multi-modal Fusion Network for Emotion Recognition in
        Conversation. CVPR 2022 workshops. arXiv:2206.02187.

    Deviation from the paper:
        There is no official code: stacks and fusion follow a public re-implementation, see
        :class:`~affectkit.conversation.ResidualTransformerStack` and
        :class:`~affectkit.fusion.FusionAttention` for their deviations. It joins the first state of the
        one steering modality to the trunk, here all of them stand beside it. The extractors of pictures
        and sound, and their adaptive triplet loss, are not part of it.

    Examples:
        >>> import torch
        >>> model = M2FNet({"text": 8, "audio": 4}, 6, num_encoders=1, num_fusion_layers=1, num_heads=2)
        >>> parts = {"text": Encoding(torch.zeros(2, 5, 8)), "audio": Encoding(torch.zeros(2, 5, 4))}
        >>> model(parts).pooled.shape
        torch.Size([2, 5, 12])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        hidden_dim: int,
        *,
        trunk: str | None = None,
        num_encoders: int = 5,
        num_fusion_layers: int = 5,
        num_heads: int = 4,
        feedforward_dim: int | None = None,
        value_from: Literal["query", "key"] = "query",
        context: Literal["past", "both"] = "past",
        window_past: int | None = None,
        window_future: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.fusion = FusionAttention(
            in_dims,
            hidden_dim,
            trunk=trunk or ("text" if "text" in in_dims else min(in_dims, default="text")),
            num_heads=num_heads,
            num_layers=num_fusion_layers,
            value_from=value_from,
            context=context,
            window_past=window_past,
            window_future=window_future,
            dropout=dropout,
        )
        self.stacks = nn.ModuleDict(
            {
                name: ResidualTransformerStack(
                    width,
                    num_encoders=num_encoders,
                    num_heads=num_heads,
                    feedforward_dim=feedforward_dim,
                    context=context,
                    window_past=window_past,
                    window_future=window_future,
                    dropout=dropout,
                )
                for name, width in self.fusion.in_dims.items()
            }
        )
        self.in_dims = self.fusion.in_dims
        self.context = context
        self.window_past = window_past
        self.out_dim = self.fusion.out_dim

    def forward(
        self,
        parts: Mapping[str, Encoding],
        present: Mapping[str, Tensor] | None = None,
        speaker: Tensor | None = None,
    ) -> Encoding:
        """Fuse and contextualise ``parts``; see the class for shapes."""
        del speaker
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="M2FNet")
        if aligned.present.dim() != 3:
            raise ValueError(
                f"M2FNet got rows of shape {tuple(aligned.present.shape[:-1])}: give conversations, "
                "(B, U, D)."
            )
        mask = aligned.present.new_ones(aligned.present.shape[:2]) if aligned.mask is None else aligned.mask
        encoded: dict[str, Encoding] = {}
        flags: dict[str, Tensor] = {}
        for index, name in enumerate(self.in_dims):
            flags[name] = aligned.present[..., index] & mask
            stack = cast(ResidualTransformerStack, self.stacks[name])
            encoded[name] = stack.encode(aligned.features[index], mask, flags[name])
        fused = self.fusion(encoded, flags)
        return Encoding(pooled=fused.pooled.masked_fill(~mask.unsqueeze(-1), 0.0), mask=mask)

    def advance_parts(
        self,
        parts: Mapping[str, Tensor],
        present: Mapping[str, bool],
        speaker: int,
        state: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One turn of a talk that is going on; see :class:`~affectkit.conversation.StreamingFusion`."""
        after: dict[str, Tensor] = {}
        encoded: dict[str, Tensor] = {}
        for name in self.in_dims:
            stack = cast(ResidualTransformerStack, self.stacks[name])
            encoded[name], latest = stack.advance_present(
                parts[name], present[name], part_of_state(state, f"stack.{name}.")
            )
            after.update({f"stack.{name}.{key}": value for key, value in latest.items()})
        fused, latest = self.fusion.advance_parts(encoded, present, speaker, part_of_state(state, "fusion."))
        after.update({f"fusion.{key}": value for key, value in latest.items()})
        return fused, after
