"""Fusion of two aligned feature maps by a gate for each place and channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from affectkit.fusion.presence import align_parts, check_in_dims
from affectkit.types import Encoding


class _Selected(NamedTuple):
    fused: Tensor  # (N, P, C)
    weight: Tensor  # (N, P, C)


class AttentionalSelectiveFusion(nn.Module):
    r"""Two maps of the same places and channels, mixed by a global and a local gate.

    With the maps :math:`X_1, X_2`, their sum :math:`U = W_1 X_1 + W_2 X_2`, and P places,

    .. math::
        G = \sigma(N C_2\,\mathrm{ReLU}(N C_1 \tfrac{1}{P} \sum_p U_p)), \qquad
        L_p = \sigma(N c_2\,\mathrm{ReLU}(N c_1 U_p)), \qquad
        w = \sigma(G + L), \qquad X = w X_1 + (1 - w) X_2

    where :math:`C_1, c_1` go to C / r channels, :math:`C_2` back to C and :math:`c_2` to one, and N
    is a norm. All layers act on one place at a time, so a map (B, C, H, W) is given as tokens
    (B, H W, C), ``map.flatten(2).transpose(1, 2)``; features without tokens are maps of one place.
    Where one view is absent, the result is the other one; where both are, it is 0.

    Args:
        in_dims: Channels of the two views, which must be equal.
        gated: The view that gets w, the other gets 1 - w; None takes the first by name.
        reduction: Divisor r of the channels inside the gates.
        gate: ``"sigmoid"``: w as above. ``"raw"``: w = G + L, which is not in [0, 1].
        inner_sigmoid: Whether G and L go through a sigmoid of their own. With it w lies in
            (0.5, 0.88), so that the gated view always weighs more; without it w reaches (0, 1).
        norm: ``"batch"``, as published: in training the rows of a process influence each other (padding and
            rows without any view do not), and where a channel has one value alone, as in the global gate of
            one row, it is judged by the running statistics. ``"layer"``: over the channels of a place, rows
            by themselves.

    Shape:
        - Input: ``parts[m].tokens`` (B, P, C), the same P for both, with ``pooled`` (B, C); or
          ``pooled`` (B, C) or (B, U, C) alone; ``present[m]`` (B,) or (B, U).
        - Output: ``tokens`` (B, P, C) where there were any; ``pooled`` is their mean.

    Raises:
        ValueError: If there are not two views of one width, a name is unknown, or the maps differ.

    References:
        VTFF, Visual Transformers with Feature Fusion for facial expression recognition; there is no
        official code.

    Deviation from the paper:
        Two public re-implementations differ from each other and from the formula, which is checked
        against a reference written from it (golden ``vtff_asf_unofficial``). ``gate="raw"`` is what
        one of them does. The rule for what is absent is an addition.

    Examples:
        >>> fusion = AttentionalSelectiveFusion({"visual": 8, "lbp": 8}, reduction=4).eval()
        >>> view = Encoding(torch.ones(2, 8), tokens=torch.ones(2, 9, 8))
        >>> fusion({"visual": view, "lbp": view}).tokens.shape
        torch.Size([2, 9, 8])
    """

    def __init__(
        self,
        in_dims: Mapping[str, int],
        *,
        gated: str | None = None,
        reduction: int = 8,
        gate: Literal["sigmoid", "raw"] = "sigmoid",
        inner_sigmoid: bool = True,
        norm: Literal["batch", "layer"] = "batch",
    ) -> None:
        super().__init__()
        self.in_dims = check_in_dims(in_dims, owner="AttentionalSelectiveFusion")
        widths = set(self.in_dims.values())
        if len(self.in_dims) != 2 or len(widths) != 1:
            raise ValueError(
                f"AttentionalSelectiveFusion got in_dims={self.in_dims}: give two views with the same number "
                "of channels."
            )
        chosen = next(iter(self.in_dims)) if gated is None else gated
        if chosen not in self.in_dims:
            raise ValueError(
                f"AttentionalSelectiveFusion got gated={gated!r}: name one of {', '.join(self.in_dims)}."
            )
        for name, value, known in (("gate", gate, ("sigmoid", "raw")), ("norm", norm, ("batch", "layer"))):
            if value not in known:
                raise ValueError(
                    f"AttentionalSelectiveFusion got {name}={value!r}: give {' or '.join(map(repr, known))}."
                )
        channels = widths.pop()
        if not 1 <= reduction <= channels:
            raise ValueError(
                f"AttentionalSelectiveFusion got reduction={reduction} for {channels} channels: give a "
                f"number from 1 to {channels}."
            )
        self.out_dim = channels
        self.gated = chosen
        self.gate = gate
        self.inner_sigmoid = inner_sigmoid
        self.norm = norm
        self.mixes = nn.ModuleList(nn.Linear(channels, channels, bias=False) for _ in self.in_dims)
        inner = channels // reduction
        self.global_gate = nn.Sequential(
            nn.Linear(channels, inner),
            _place_norm(inner, kind=norm),
            nn.ReLU(),
            nn.Linear(inner, channels),
            _place_norm(channels, kind=norm),
        )
        self.local_gate = nn.Sequential(
            nn.Linear(channels, inner),
            _place_norm(inner, kind=norm),
            nn.ReLU(),
            nn.Linear(inner, 1),
            _place_norm(1, kind=norm),
        )

    def forward(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Encoding:
        """Fuse ``parts``; see the class for shapes."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="AttentionalSelectiveFusion")
        rows = aligned.present.shape[:-1]
        flags = aligned.present.flatten(0, -2)
        tokens = self._tokens(parts, flags)
        maps = [feature.flatten(0, -2).unsqueeze(1) for feature in aligned.features]
        fused = self._select(maps if tokens is None else tokens, flags, _real(flags, aligned.mask)).fused
        pooled = fused.mean(dim=1).reshape(*rows, self.out_dim)
        return Encoding(pooled=pooled, tokens=None if tokens is None else fused, mask=aligned.mask)

    def weight(self, parts: Mapping[str, Encoding], present: Mapping[str, Tensor] | None = None) -> Tensor:
        """Weight w of the gated view at every place, (B, P, C); 1 or 0 where only one view is there."""
        aligned = align_parts(parts, present, in_dims=self.in_dims, owner="AttentionalSelectiveFusion")
        flags = aligned.present.flatten(0, -2)
        maps = [feature.flatten(0, -2).unsqueeze(1) for feature in aligned.features]
        return self._select(self._tokens(parts, flags) or maps, flags, _real(flags, aligned.mask)).weight

    def _select(self, maps: list[Tensor], flags: Tensor, real: Tensor) -> _Selected:
        terms: list[Tensor] = [mix(view) for mix, view in zip(self.mixes, maps, strict=True)]
        joined = terms[0] + terms[1]
        overall, local = self._gates(joined, real)
        if self.inner_sigmoid:
            overall, local = torch.sigmoid(overall), torch.sigmoid(local)
        weight = overall + local
        if self.gate == "sigmoid":
            weight = torch.sigmoid(weight)
        place = list(self.in_dims).index(self.gated)
        first, second = flags[:, place, None, None], flags[:, 1 - place, None, None]
        # Alone, a view is the result; the other one is 0 there already.
        weight = torch.where(first & second, weight, first.to(weight.dtype))
        return _Selected(weight * maps[place] + (1 - weight) * maps[1 - place], weight)

    def _gates(self, joined: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Gates (N, 1, C) and (N, P, 1); statistics of a batch are those of its real rows."""
        # Without any real row all of them serve, since every parameter needs its gradient.
        some = self.training and self.norm == "batch" and bool(real.any()) and not bool(real.all())
        chosen = joined[real] if some else joined
        overall: Tensor = self.global_gate(chosen.mean(dim=1, keepdim=True))
        local: Tensor = self.local_gate(chosen)
        if not some:
            return overall, local
        rows = real.nonzero().squeeze(1)
        count, places, channels = joined.shape
        return (
            overall.new_zeros(count, 1, channels).index_copy(0, rows, overall),
            local.new_zeros(count, places, 1).index_copy(0, rows, local),
        )

    def _tokens(self, parts: Mapping[str, Encoding], flags: Tensor) -> list[Tensor] | None:
        """The maps (B, P, C), zeroed where absent; None where there are only pooled features."""
        given = {name: part.tokens for name, part in parts.items() if part.tokens is not None}
        if not given:
            return None
        shape = next(iter(given.values())).shape
        sound = all(tokens.shape == shape for tokens in given.values()) and len(given) == len(parts)
        # Not by `len(flags)`, which an exporter takes for a constant.
        rows = flags.shape[0]
        if not sound or len(shape) != 3 or shape[::2] != (rows, self.out_dim):
            shown = {name: tuple(tokens.shape) for name, tokens in given.items()}
            raise ValueError(
                f"AttentionalSelectiveFusion got maps of shapes {shown}: give each view as tokens of the "
                f"same places, ({rows}, P, {self.out_dim})."
            )
        if any(part.mask is not None for part in parts.values()):
            raise ValueError(
                "AttentionalSelectiveFusion got a mask beside its maps: every place of a map is real, so "
                "leave the mask out."
            )
        maps: list[Tensor] = []
        for index, name in enumerate(self.in_dims):
            if name in given:
                maps.append(given[name].masked_fill(~flags[:, index, None, None], 0.0))
            else:
                maps.append(next(iter(given.values())).new_zeros(shape))
        return maps


def _real(flags: Tensor, mask: Tensor | None) -> Tensor:
    """Rows (N,) that hold any view and are no padding."""
    there = flags.any(dim=-1)
    return there if mask is None else there & mask.flatten()


def _place_norm(channels: int, *, kind: Literal["batch", "layer"]) -> nn.Module:
    # Over the one channel of a place there is nothing to normalise.
    return nn.Identity() if kind == "layer" and channels == 1 else _PlaceNorm(channels, kind=kind)


class _PlaceNorm(nn.Module):
    """Norm over the last axis of (N, P, C): over all places of a batch, or over one place's channels."""

    def __init__(self, channels: int, *, kind: Literal["batch", "layer"]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels) if kind == "batch" else nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        values, norm = x.flatten(0, 1), self.norm
        # Not where ranks share their statistics: each of them has to take part.
        if self.training and len(values) == 1 and isinstance(norm, nn.BatchNorm1d):
            # One value has no deviation.
            normed = nn.functional.batch_norm(
                values, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
            )
        else:
            normed = norm(values)
        return normed.reshape(x.shape)
