"""Transformer encoders over the turns of one modality, each around a residual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch
from torch import Tensor, nn

from affectkit.conversation.streaming import join_turns, refuse_future
from affectkit.conversation.turn_layer import TurnLayer
from affectkit.conversation.turn_order import utterance_mask
from affectkit.functional import window_mask
from affectkit.types import Encoding


class ResidualTransformerStack(nn.Module):
    r"""Encoders with a residual around each, :math:`x \leftarrow x + \mathrm{LN}(\mathrm{Enc}_n(x))`.

    An encoder is one post-norm transformer layer with ReLU; without positions, as published.

    Args:
        dim: Width D of the utterances, which stays.
        num_encoders: Encoders.
        num_heads: Heads of each attention.
        feedforward_dim: Width inside the feed-forward layers; None = 4 D.
        context: ``"past"``: an utterance sees itself and what was said before. ``"both"``: it sees
            the whole conversation, as published.
        window_past: How many turns before itself a turn attends to in each encoder; None = all.
        window_future: The same for turns after itself; with ``context="past"`` there are none.
        dropout: Dropout of the layers.

    Shape:
        - Input: ``features.pooled`` (B, U, D), ``features.mask`` (B, U); ``speaker`` is not used.
        - Output: ``pooled`` (B, U, D), 0 on padding.

    Raises:
        ValueError: If an argument is out of range, or the features have another shape.

    References:
        V. Chudasama et al. M2FNet: Multi-modal Fusion Network for Emotion Recognition in
        Conversation. CVPR 2022 workshops. arXiv:2206.02187.

    Deviation from the paper:
        There is no official code. A public re-implementation gives all encoders of a modality one common
        last norm and copies of the same random weights; here each has its own. ``context="past"``
        and the windows are additions.

    Examples:
        >>> stack = ResidualTransformerStack(8, num_encoders=2, num_heads=2)
        >>> stack(Encoding(torch.zeros(2, 5, 8))).pooled.shape
        torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        dim: int,
        *,
        num_encoders: int = 5,
        num_heads: int = 4,
        feedforward_dim: int | None = None,
        context: Literal["past", "both"] = "past",
        window_past: int | None = None,
        window_future: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if context not in ("past", "both"):
            raise ValueError(f"ResidualTransformerStack got context={context!r}: give 'past' or 'both'.")
        if num_encoders < 1:
            raise ValueError(f"ResidualTransformerStack got num_encoders={num_encoders}: give at least 1.")
        if min(window_past or 0, window_future or 0) < 0:
            raise ValueError(
                f"ResidualTransformerStack got window_past={window_past}, window_future={window_future}: "
                "give whole numbers >= 0, or None for all."
            )
        self.out_dim = dim
        self.context = context
        self.window_past = window_past
        self.window_future = 0 if context == "past" else window_future
        self.encoders = nn.ModuleList(
            TurnLayer(
                dim,
                num_heads=num_heads,
                feedforward_dim=4 * dim if feedforward_dim is None else feedforward_dim,
                norm_first=False,
                dropout=dropout,
                owner="ResidualTransformerStack",
            )
            for _ in range(num_encoders)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(num_encoders))

    def forward(self, features: Encoding, speaker: Tensor | None = None) -> Encoding:
        """Contextualise ``features``; see the class for shapes."""
        del speaker
        mask = utterance_mask(
            features.pooled, features.mask, owner="ResidualTransformerStack", in_dim=self.out_dim
        )
        return self.encode(features.pooled, mask, mask)

    def encode(self, sequence: Tensor, mask: Tensor, present: Tensor) -> Encoding:
        """The same for a modality that some real turns lack: they are counted, and nobody reads them.

        Shape:
            - sequence: (B, U, D); mask, present: (B, U) bool.
            - Output: ``pooled`` (B, U, D), 0 where absent.
        """
        there = present & mask
        seen = window_mask(mask, window_past=self.window_past, window_future=self.window_future)
        eye = torch.eye(seen.shape[1], dtype=torch.bool, device=seen.device)
        # An absent turn sees itself: a row that sees nothing would be NaN.
        seen = ((seen & there.unsqueeze(1)) | eye).unsqueeze(1)
        absent = ~there.unsqueeze(-1)
        x = sequence.masked_fill(absent, 0.0)
        for encoder, norm in zip(self.encoders, self.norms):
            encoded: Tensor = norm(encoder(x, seen))
            x = x + encoded
        return Encoding(pooled=x.masked_fill(absent, 0.0), mask=mask)

    def advance(
        self, features: Tensor, speaker: int, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One turn of a talk that is going on; see :class:`~affectkit.conversation.StreamingContext`."""
        del speaker
        return self.advance_present(features, True, state)

    def advance_present(
        self, features: Tensor, present: bool, state: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As ``advance``, for a turn that may lack the modality."""
        refuse_future(self, self.context)
        keep = self.window_past
        flag = torch.full((1,), present, dtype=torch.bool, device=features.device)
        there = join_turns(state.get("present"), flag)
        itself = torch.arange(len(there), device=features.device) == len(there) - 1
        seen = (there | itself)[None, None, None]
        after = {"present": there if keep is None else there[max(0, len(there) - keep) :]}
        x = features if present else torch.zeros_like(features)
        for index, (encoder, norm) in enumerate(zip(cast(list[TurnLayer], self.encoders), self.norms)):
            kept = {kind: state[f"{kind}.{index}"] for kind in ("key", "value") if f"{kind}.{index}" in state}
            encoded, latest = encoder.advance(x, seen, kept, keep=keep)
            x = x + norm(encoded)
            after.update({f"{kind}.{index}": tensor for kind, tensor in latest.items()})
        return x if present else torch.zeros_like(x), after
