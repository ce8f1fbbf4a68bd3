"""Every modality of every turn a node of one deep graph network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from affectkit.conversation.angular_graph import angular_graph, newest_links
from affectkit.conversation.bc_lstm import BcLSTM
from affectkit.conversation.initial_residual_layer import InitialResidualLayer
from affectkit.conversation.speaker_numbers import speaker_numbers, without_unknown_speakers
from affectkit.conversation.streaming import join_turns, part_of_state, refuse_future
from affectkit.functional import window_mask
from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class MMGCN(nn.Module):
    r"""A node for each modality of each utterance, and a deep graph convolution over all of them.

    Nodes of one modality are all linked, those of one utterance too, by the angle of their features:

    .. math::
        x_t^m &= W_m u_t^m + b_m + s_{k(t)}, \quad
            \text{one modality through a recurrence over the turns first} \\
        A_{ij} &= 1 - \tfrac{1}{\pi} \arccos(0.99999 \cos(x_i, x_j)), \quad
            \hat A = D^{-1/2} A D^{-1/2} \\
        h_0 &= \mathrm{relu}(W x + b), \quad h_l = \mathrm{relu}\bigl(\theta_l [\hat A h, h_0] W_l
            + (1 - \theta_l) ((1 - \alpha) \hat A h + \alpha h_0)\bigr), \quad
            \theta_l = \ln(\lambda / l + 1) \\
        e_t &= [x_t^1; h_t^1; \dots; x_t^M; h_t^M]

    In a talk that is going on, what is kept is the window: a turn costs the same at any time where
    ``window_past`` is a number, and grows with the turns before where it is None.

    An utterance may lack any modality: what is absent is no node, has no influence, and stands as 0 in
    :math:`e_t`.

    Args:
        in_dims: Width of each modality.
        hidden_dim: Width D of the nodes.
        recurrent: Modality that goes through a recurrence; None takes ``"text"`` where there is one.
        cell: Recurrence: ``"lstm"`` or ``"gru"``.
        num_layers: Number of graph convolutions.
        alpha: Share of :math:`h_0` in each of them.
        strength: :math:`\lambda`.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it sees
            the whole conversation, as published.
        window_past: How many turns before itself a turn is linked with; None = all, as published.
        window_future: The same for those after itself; with ``context="past"`` there are none.
        num_speakers: Speakers of the largest cast, numbered by who spoke first; each has a vector s, which
            starts at 0. None: who speaks is not read.
        dropout: Dropout on recurrence, nodes and convolutions.

    Shape:
        - Input: ``parts[m].pooled`` (B, U, D_m), ``parts[m].mask`` (B, U); ``present[m]`` (B, U);
          ``speaker`` (B, U) int64, numbered from 0 within each conversation, -1 on padding.
        - Output: ``pooled`` (B, U, 2 M D), 0 on padding.

    Raises:
        ValueError: If an argument is out of range, there are more speakers than ``num_speakers``, or a shape
            is wrong.

    References:
        J. Hu, Y. Liu, J. Zhao, Q. Jin. MMGCN: Multimodal Fusion via Deep Graph Convolution Network for
        Emotion Recognition in Conversation. ACL 2021. arXiv:2107.06779.

    Deviation from the paper:
        Past-only by default; then a node's degree counts what it sees. Speakers are numbered by who spoke
        first. The graph is complete, so its blocks are multiplied as matrices: as a list of edges, every
        edge would need a copy of its node. torch-geometric's ``GCN2Conv`` gives the same numbers (tested).

    Examples:
        >>> model = MMGCN({"text": 8, "audio": 4}, 6, num_layers=2)
        >>> parts = {"text": Encoding(torch.zeros(2, 5, 8)), "audio": Encoding(torch.zeros(2, 5, 4))}
        >>> model(parts).pooled.shape
        torch.Size([2, 5, 24])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        hidden_dim: int,
        *,
        recurrent: str | None = None,
        cell: Literal["lstm", "gru"] = "lstm",
        num_layers: int = 4,
        alpha: float = 0.1,
        strength: float = 0.5,
        context: Literal["past", "both"] = "past",
        window_past: int | None = None,
        window_future: int | None = None,
        num_speakers: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="MMGCN")
        if hidden_dim < 1 or num_layers < 1 or (num_speakers is not None and num_speakers < 1):
            raise ValueError(
                f"MMGCN got hidden_dim={hidden_dim}, num_layers={num_layers}, num_speakers={num_speakers}: "
                "give whole numbers >= 1."
            )
        if not 0.0 <= alpha <= 1.0 or strength <= 0.0:
            raise ValueError(
                f"MMGCN got alpha={alpha}, strength={strength}: give a share in [0, 1] and a number above 0."
            )
        if min(window_past or 0, window_future or 0) < 0:
            raise ValueError(
                f"MMGCN got window_past={window_past}, window_future={window_future}: give whole numbers "
                ">= 0, or None for all."
            )
        if recurrent is not None and recurrent not in self.in_dims:
            raise ValueError(f"MMGCN got recurrent={recurrent!r}: give one of {list(self.in_dims)} or None.")
        if recurrent is None and "text" in self.in_dims:
            recurrent = "text"
        self.context = context
        self.window = (window_past, window_future if context == "both" else 0)
        self.num_speakers = num_speakers
        self.recurrent = recurrent
        self.recurrence: BcLSTM | None = None
        widths = dict(self.in_dims)
        if recurrent is not None:
            self.recurrence = BcLSTM(
                widths[recurrent], hidden_dim, context=context, cell=cell, dropout=dropout
            )
            widths[recurrent] = self.recurrence.out_dim
        self.projections = nn.ModuleList(nn.Linear(width, hidden_dim) for width in widths.values())
        if num_speakers is not None:
            self.speaker_vectors = nn.Parameter(torch.zeros(num_speakers, hidden_dim))
        self.start = nn.Linear(hidden_dim, hidden_dim)
        self.layers = nn.ModuleList(
            InitialResidualLayer(hidden_dim, number=number + 1, alpha=alpha, strength=strength)
            for number in range(num_layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.out_dim = 2 * hidden_dim * len(self.in_dims)

    def forward(
        self,
        parts: Mapping[str, Encoding],
        present: Mapping[str, Tensor] | None = None,
        speaker: Tensor | None = None,
    ) -> Encoding:
        """Fuse and contextualise ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="MMGCN")
        if aligned.present.dim() != 3:
            raise ValueError(
                f"MMGCN got rows of shape {tuple(aligned.present.shape[:-1])}: give conversations, (B, U, D)."
            )
        mask = aligned.present.new_ones(aligned.present.shape[:2]) if aligned.mask is None else aligned.mask
        there = (aligned.present & mask.unsqueeze(-1)).permute(2, 0, 1)
        nodes = torch.stack(
            [self._node(index, feature, there[index]) for index, feature in enumerate(aligned.features)],
            dim=1,
        )
        if self.num_speakers is not None:
            nodes = nodes + self._voices(speaker, mask).to(nodes.dtype)
        flags = there.transpose(0, 1)
        absent = ~flags.unsqueeze(-1)
        nodes = nodes.masked_fill(absent, 0.0)
        past, future = self.window
        limited = past is not None or (self.context == "both" and future is not None)
        window = window_mask(mask, window_past=past, window_future=future) if limited else None
        graph = angular_graph(nodes, flags, past_only=self.context == "past", window=window)
        first: Tensor = torch.relu(self.start(self.dropout(nodes))).masked_fill(absent, 0.0)
        state = first
        for layer in self.layers:
            state = layer(graph.propagate(self.dropout(state)), first)
        state = self.dropout(state)
        joined = torch.cat([nodes, state.to(nodes.dtype)], dim=-1).masked_fill(absent, 0.0)
        result = joined.transpose(1, 2).flatten(2)
        if self.num_speakers is not None:
            result = without_unknown_speakers(result, speaker, mask, num_speakers=self.num_speakers)
        return Encoding(pooled=result, mask=mask)

    def advance_parts(
        self,
        parts: Mapping[str, Tensor],
        present: Mapping[str, bool],
        speaker: int,
        state: Mapping[str, Tensor],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One utterance of a talk that is going on; see :class:`~affectkit.conversation.StreamingFusion`."""
        refuse_future(self, self.context)
        device = next(iter(parts.values())).device
        keep = None if self.window[0] is None else self.window[0] + 1
        flag = torch.tensor([[present[name] for name in self.in_dims]], device=device)
        after = {"present": join_turns(state.get("present"), flag, keep=keep)}
        rows: list[Tensor] = []
        for name, projection in zip(self.in_dims, self.projections):
            row = parts[name] if present[name] else torch.zeros_like(parts[name])
            if self.recurrence is not None and name == self.recurrent:
                # A turn without this modality is stepped over.
                before = part_of_state(state, "recurrence.")
                latest = before
                if present[name]:
                    row, latest = self.recurrence.advance(row, speaker, before)
                after.update({f"recurrence.{key}": value for key, value in latest.items()})
            rows.append(projection(row) if present[name] else row.new_zeros(1, self.start.in_features))
        nodes = torch.cat(rows)
        absent = ~flag.T
        if self.num_speakers is not None:
            if speaker >= self.num_speakers:
                raise ValueError(
                    f"MMGCN was made for num_speakers={self.num_speakers} and got a conversation of "
                    f"{speaker + 1} speakers: raise num_speakers, or leave it None, so that who speaks is "
                    "not read."
                )
            nodes = nodes + self.speaker_vectors[speaker].to(nodes.dtype)
        nodes = nodes.masked_fill(absent, 0.0)

        # Turns lie first in what is kept, so that a window is a slice of every entry.
        none = nodes.new_zeros(0, *nodes.shape)
        seen = len(after["present"]) - 1
        directions, scales = state.get("direction", none), state.get("scale", none[:, :, 0])
        links = newest_links(
            nodes,
            after["present"].T,
            directions[len(directions) - seen :].transpose(0, 1),
            scales[len(scales) - seen :].T,
        )
        after["direction"] = join_turns(state.get("direction"), links.direction.unsqueeze(0), keep=keep)
        after["scale"] = join_turns(state.get("scale"), links.scale.unsqueeze(0), keep=keep)
        first = torch.relu(self.start(nodes)).masked_fill(absent, 0.0)
        turn = first
        for number, layer in enumerate(self.layers):
            key = f"layer.{number}"
            after[key] = join_turns(state.get(key), turn.unsqueeze(0), keep=keep)
            turn = layer(links.propagate(after[key].transpose(0, 1)), first)
        joined = torch.cat([nodes, turn.to(nodes.dtype)], dim=-1).masked_fill(absent, 0.0)
        return joined.flatten().unsqueeze(0), after

    def _node(self, index: int, feature: Tensor, there: Tensor) -> Tensor:
        """Nodes (B, U, D) of a modality before speakers are added."""
        feature = feature.masked_fill(~there.unsqueeze(-1), 0.0)
        if self.recurrence is not None and list(self.in_dims)[index] == self.recurrent:
            # A turn without this modality is stepped over.
            feature = self.recurrence(Encoding(feature, mask=there)).pooled
        node: Tensor = self.projections[index](feature)
        return node

    def _voices(self, speaker: Tensor | None, mask: Tensor) -> Tensor:
        who = speaker_numbers(
            speaker,
            mask,
            owner="MMGCN",
            num_speakers=self.num_speakers,
            remedy="leave it None, so that who speaks is not read",
        )
        return self.speaker_vectors[who.clamp(min=0)].unsqueeze(1)
