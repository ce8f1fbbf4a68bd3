"""Fusion in which one modality is the trunk and the others steer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.functional import window_mask
from affectkit.fusion.masked_attention import MaskedAttention
from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class FusionAttention(nn.Module):
    r"""Layers in which the trunk modality attends by the light of each other modality.

    With the trunk :math:`t` and the steering modalities s, all projected to one width, each layer is

    .. math::
        h_s = \mathrm{MHA}(Q = t,\; K = s,\; V = t), \qquad
        t \leftarrow \mathrm{ReLU}(W\,\mathrm{ReLU}([h_1; \dots; h_S; t]) + b)

    over the utterances of a conversation, with dropout in between; the result is
    :math:`[s_1; \dots; s_S; t]`. For rows that are no conversations each attends to itself alone.

    What is absent: a steering modality is no key where it is absent, and a learned vector (zero at
    the start) stands for it in the result. Where the trunk is absent, a learned vector asks in its
    place, so that the utterance still gets what the others say; with ``value_from="query"`` it is
    no key either, because there is no value to be had from it. A query without any key gets
    :math:`h_s = 0`.

    Args:
        in_dims: Width of each modality.
        hidden_dim: Width D that all are projected to.
        trunk: Name of the trunk.
        num_heads: Heads of each attention.
        num_layers: Layers.
        value_from: ``"query"``: values are the trunk's, as published. ``"key"``: values are those
            of the steering modality, as in cross-attention.
        context: ``"past"``: an utterance attends to itself and those before it. ``"both"``: to the
            whole conversation, as published.
        window_past: How many utterances before itself one attends to in each layer; None = all.
        window_future: The same for those after itself; with ``context="past"`` there are none.
        dropout: Dropout after each layer.

    Shape:
        - Input: ``parts[m].pooled`` (B, D_m) or (B, U, D_m); ``present[m]`` (B,) or (B, U).
        - Output: ``pooled`` (B, M D) or (B, U, M D): steering modalities by name, the trunk last;
          ``mask`` (B, U) as in the parts.

    Raises:
        ValueError: If a width or a name is wrong, a modality unknown, or the trunk is not among them.

    References:
        V. Chudasama et al. M2FNet: Multi-modal Fusion Network for Emotion Recognition in
        Conversation. CVPR 2022 workshops. arXiv:2206.02187.

    Deviation from the paper:
        There is no official code. One layer equals a public re-implementation (golden
        ``m2fnet_fusion_attention``), which has one steering modality; several stand side by side
        here. ``context="past"``, the windows, the rules for what is absent and ``value_from="key"`` are
        additions. The stacks of transformer encoders before the fusion are not part of it.

    Examples:
        >>> fusion = FusionAttention({"text": 4, "audio": 3}, 8, num_heads=2)
        >>> parts = {"text": Encoding(torch.ones(2, 5, 4)), "audio": Encoding(torch.ones(2, 5, 3))}
        >>> fusion(parts).pooled.shape
        torch.Size([2, 5, 16])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        hidden_dim: int,
        *,
        trunk: str = "text",
        num_heads: int = 4,
        num_layers: int = 1,
        value_from: Literal["query", "key"] = "query",
        context: Literal["past", "both"] = "past",
        window_past: int | None = None,
        window_future: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="FusionAttention")
        if trunk not in self.in_dims:
            raise ValueError(
                f"FusionAttention got trunk={trunk!r}, which is none of its modalities: name one of "
                f"{', '.join(self.in_dims)}."
            )
        for name, value, known in (
            ("value_from", value_from, ("query", "key")),
            ("context", context, ("past", "both")),
        ):
            if value not in known:
                raise ValueError(
                    f"FusionAttention got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        if num_layers < 1:
            raise ValueError(f"FusionAttention got num_layers={num_layers}: give at least 1.")
        if min(window_past or 0, window_future or 0) < 0:
            raise ValueError(
                f"FusionAttention got window_past={window_past}, window_future={window_future}: give whole "
                "numbers >= 0, or None for all."
            )
        self.trunk = trunk
        self.window_past = window_past
        self.window_future = 0 if context == "past" else window_future
        self.value_from = value_from
        self.context = context
        self.out_dim = len(self.in_dims) * hidden_dim
        self.projections = nn.ModuleList(nn.Linear(width, hidden_dim) for width in self.in_dims.values())
        self.absent = nn.ParameterList(nn.Parameter(torch.zeros(hidden_dim)) for _ in self.in_dims)
        self.layers = nn.ModuleList(
            FusionAttentionLayer(
                hidden_dim, len(self.in_dims) - 1, num_heads=num_heads, value_from=value_from
            )
            for _ in range(num_layers)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="FusionAttention")
        flags = aligned.present
        real = torch.ones_like(flags[..., 0]) if aligned.mask is None else aligned.mask.bool()
        flags = flags & real.unsqueeze(-1)
        if rows_only := flags.dim() == 2:
            flags, real = flags.unsqueeze(1), real.unsqueeze(1)
        features = [feature.unsqueeze(1) if rows_only else feature for feature in aligned.features]
        states = self._states(features, flags)
        place = list(self.in_dims).index(self.trunk)
        steering = [state for index, state in enumerate(states) if index != place]
        trunk = states[place]
        window = window_mask(real, window_past=self.window_past, window_future=self.window_future)
        allowed = self._allowed(flags, place, window)
        for layer in self.layers:
            trunk = self.dropout(layer(trunk, steering, allowed))
        pooled = torch.cat([*steering, trunk], dim=-1)
        return Encoding(pooled=pooled.squeeze(1) if rows_only else pooled, mask=aligned.mask)

    def advance_parts(
        self,
        parts: Mapping[str, Tensor],
        present: Mapping[str, bool],
        speaker: int,
        state: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One utterance of a talk that is going on, in evaluation.

        Args:
            parts: (1, D_m) of each modality.
            present: Which modalities the utterance has.
            speaker: Not used.
            state: As returned for the utterance before, empty for the first one; it is not changed.

        Returns:
            The encoding (1, M D) and the state: projected modalities, the trunk before each layer, and who
            was present, of the utterances that the next one may attend to.

        Raises:
            ValueError: If the fusion was built to look ahead.
        """
        del speaker
        if self.context != "past":
            raise ValueError(
                f"FusionAttention looks ahead (context={self.context!r}), so it cannot say anything before "
                "the conversation is over: train it with context='past', or give it whole conversations."
            )
        names = list(self.in_dims)
        place = names.index(self.trunk)
        device = parts[self.trunk].device
        flag = torch.tensor([[present[name] for name in names]], device=device)
        now = self._states([parts[name].unsqueeze(0) for name in names], flag.unsqueeze(0))
        after = {"present": _joined(state, "present", flag)}
        for index, name in enumerate(names):
            if index != place:
                after[f"part.{name}"] = _joined(state, f"part.{name}", now[index].squeeze(0))
        flags = after["present"].unsqueeze(0)
        window = torch.ones(1, 1, flags.shape[1], dtype=torch.bool, device=device)
        allowed = self._allowed(flags, place, window)
        steering = [after[f"part.{name}"].unsqueeze(0) for name in names if name != self.trunk]
        trunk = now[place]
        for index, layer in enumerate(self.layers):
            before = _joined(state, f"trunk.{index}", trunk.squeeze(0))
            after[f"trunk.{index}"] = before
            trunk = self.dropout(layer(before.unsqueeze(0), steering, allowed, last=True))
        pooled = torch.cat([*(now[index] for index in range(len(now)) if index != place), trunk], dim=-1)
        keep = self.window_past
        if keep is not None:
            after = {key: value[max(0, len(value) - keep) :] for key, value in after.items()}
        return pooled.squeeze(0), after

    def _states(self, features: Sequence[Tensor], flags: Tensor) -> list[Tensor]:
        """Each modality (B, U, D) in the common width, a learned vector where it is absent."""
        states: list[Tensor] = []
        for index, feature in enumerate(features):
            flag = flags[..., index : index + 1]
            projected: Tensor = self.projections[index](feature.masked_fill(~flag, 0.0))
            states.append(torch.where(flag, projected, self.absent[index].to(projected.dtype)))
        return states

    def _allowed(self, flags: Tensor, place: int, window: Tensor) -> list[Tensor]:
        """Which utterance may look at which (B, ., U), for each steering modality."""
        trunk = flags[..., place]
        keys = [
            flags[..., index] & trunk if self.value_from == "query" else flags[..., index]
            for index in range(flags.shape[-1])
            if index != place
        ]
        return [key.unsqueeze(1) & window for key in keys]


def _joined(state: Mapping[str, Tensor], name: str, turn: Tensor) -> Tensor:
    return torch.cat([state[name], turn]) if name in state else turn


class FusionAttentionLayer(nn.Module):
    """One layer of :class:`FusionAttention`, on modalities of one width.

    Args:
        dim: Width D.
        num_steering: Number of steering modalities S.
        num_heads: Heads of each attention.
        value_from: Whose values are attended, ``"query"`` or ``"key"``.

    Shape:
        - trunk: (B, U, D); steering: S of (B, U, D); allowed: S of (B, U, U) bool.
        - Output: (B, U, D).
    """

    def __init__(
        self, dim: int, num_steering: int, *, num_heads: int, value_from: Literal["query", "key"]
    ) -> None:
        super().__init__()
        self.value_from = value_from
        self.attentions = nn.ModuleList(
            MaskedAttention(dim, num_heads=num_heads, owner="FusionAttention") for _ in range(num_steering)
        )
        self.linear = nn.Linear((num_steering + 1) * dim, dim)

    def forward(
        self, trunk: Tensor, steering: Sequence[Tensor], allowed: Sequence[Tensor], *, last: bool = False
    ) -> Tensor:
        """Steer ``trunk``, or the last utterance of it alone; see the class for shapes."""
        query = trunk[:, -1:] if last else trunk
        steered: list[Tensor] = [
            attention(query, state, trunk if self.value_from == "query" else state, seen)
            for attention, state, seen in zip(self.attentions, steering, allowed, strict=True)
        ]
        joined: Tensor = self.linear(torch.relu(torch.cat([*steered, query], dim=-1)))
        return torch.relu(joined)
