"""Trained parameters in groups, each with its learning rate and weight decay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypedDict

from torch import nn


class ParameterGroup(TypedDict):
    """What ``torch.optim`` calls a parameter group."""

    params: list[nn.Parameter]
    lr: float
    weight_decay: float


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]],
    *,
    lr: float,
    weight_decay: float,
    rates: Mapping[str, float] | None = None,
    decay_vectors: bool = False,
) -> list[ParameterGroup]:
    """Put trained parameters together that share a rate and a decay; frozen ones are left out.

    Args:
        parameters: Parameters with their names.
        lr: Learning rate where no pattern fits.
        weight_decay: Weight decay of matrices.
        rates: Pattern (a regular expression found anywhere in the name) -> learning rate; the first
            one that fits counts.
        decay_vectors: Whether biases and normalisation scales decay too.

    Raises:
        ValueError: If nothing is trained, or a pattern fits no trained parameter.

    Examples:
        >>> layer = nn.Linear(2, 2)
        >>> groups = parameter_groups(layer.named_parameters(), lr=0.1, weight_decay=0.0, rates={"bias": 1.0})
        >>> [(group["lr"], len(group["params"])) for group in groups]
        [(0.1, 1), (1.0, 1)]
    """
    trained = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
    if not trained:
        raise ValueError(
            "No parameter is trained: choose an adapter or a head that learns, or parameters to be trained."
        )
    rules = dict(rates or {})
    unused = set(rules)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trained:
        pattern = next((rule for rule in rules if re.search(rule, name)), None)
        # A pattern that an earlier one shadows everywhere is a mistake too, so only the first one is used.
        unused.discard(pattern or "")
        decay = weight_decay if decay_vectors or parameter.ndim > 1 else 0.0
        groups.setdefault((lr if pattern is None else rules[pattern], decay), []).append(parameter)
    if unused:
        raise ValueError(
            f"The learning rate of {sorted(unused)[0]!r} fits no trained parameter: choose among names like "
            f"{', '.join(sorted({name.rpartition('.')[0] for name, _ in trained})[:8])}."
        )
    return [
        {"params": members, "lr": rate, "weight_decay": decay} for (rate, decay), members in groups.items()
    ]
