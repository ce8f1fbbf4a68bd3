"""Which rows have which modality: the bookkeeping that every fusion shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from affectkit.types import Encoding


class AlignedParts(NamedTuple):
    """The modalities of a batch in a fixed order, absent rows zeroed.

    Shape:
        - features: one tensor (..., D_m) per modality; exactly 0 where the modality is absent.
        - present: (..., M) bool.
        - mask: (B, U) bool of a conversation, or None.
    """

    features: list[Tensor]
    present: Tensor
    mask: Tensor | None


def align_parts(
    parts: Mapping[str, Encoding],
    present: Mapping[str, Tensor] | None,
    *,
    in_dims: Mapping[str, int],
    owner: str,
) -> AlignedParts:
    """Check ``parts`` against ``in_dims`` and zero what is absent.

    A modality is absent from a row when ``present`` says so, and from every row when ``parts`` does
    not have it. What an absent row holds (NaN included) reaches neither the result nor a gradient.

    Args:
        parts: Encodings by modality; any non-empty subset of ``in_dims``.
        present: (B,) or (B, U) bool by modality; a missing key means present everywhere.
        in_dims: Width of each modality that the fusion was built for, in the order wanted.
        owner: The fusion's name, for messages.

    Raises:
        ValueError: If no modality is given, or one is unknown, or of another width or shape.
    """
    unknown = sorted((set(parts) | set(present or {})) - set(in_dims))
    if unknown:
        raise ValueError(
            f"{owner} was built for {sorted(in_dims)} and got {unknown}: "
            "add the modality to in_dims, or leave it out of the batch."
        )
    if not parts:
        raise ValueError(f"{owner} got no modality at all: give at least one of {sorted(in_dims)}.")
    first = next(name for name in in_dims if name in parts)
    reference = parts[first].pooled
    rows = reference.shape[:-1]

    features: list[Tensor] = []
    flags: list[Tensor] = []
    mask: Tensor | None = None
    for name, width in in_dims.items():
        if name not in parts:
            features.append(reference.new_zeros((*rows, width)))
            flags.append(torch.zeros(rows, dtype=torch.bool, device=reference.device))
            continue
        part = parts[name]
        if part.pooled.shape != (*rows, width):
            raise ValueError(
                f"{owner} expects '{name}' of shape {(*rows, width)} (rows as in '{first}'), got "
                f"{tuple(part.pooled.shape)}: set in_dims['{name}'] to the encoder's out_dim."
            )
        flag = torch.ones(rows, dtype=torch.bool, device=reference.device)
        if present is not None and name in present:
            flag = present[name].bool()
            if flag.shape != rows:
                raise ValueError(
                    f"{owner} got present['{name}'] of shape {tuple(flag.shape)}: "
                    f"give one flag for each row, {tuple(rows)}."
                )
        features.append(part.pooled.masked_fill(~flag.unsqueeze(-1), 0.0))
        flags.append(flag)
        if mask is None and part.mask is not None and part.mask.shape == rows:
            mask = part.mask
    return AlignedParts(features, torch.stack(flags, dim=-1), mask)


def check_in_dims(in_dims: Mapping[str, int], *, owner: str) -> dict[str, int]:
    """Return ``in_dims`` sorted by name: the order of a mapping must not decide which weight meets what.

    Raises:
        ValueError: If it is empty or a width is not positive.
    """
    if not in_dims or min(in_dims.values()) < 1:
        raise ValueError(
            f"{owner} got in_dims={dict(in_dims)}: give at least one modality, each with a width >= 1."
        )
    return {name: in_dims[name] for name in sorted(in_dims)}
