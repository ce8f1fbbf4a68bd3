"""Means of people who have something in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor


class GroupMeans(NamedTuple):
    """Means of groups of rows.

    Attributes:
        columns: Name of each part of a key.
        keys: What the rows of each group have in common, G of them.
        mean: (G,) or (G, K) float64; NaN where a group has no known value.
        known: As ``mean``, int64: number of known values behind each mean.
    """

    columns: tuple[str, ...]
    keys: list[tuple[str, ...]]
    mean: Tensor
    known: Tensor


def group_means(
    values: Tensor,
    columns: Mapping[str, Sequence[str]],
    *,
    totals: Mapping[str, str] | None = None,
) -> GroupMeans:
    r"""Mean of each group of rows that agree in all columns, e.g. by scene, gender and age.

    .. math:: m_g = \frac{1}{n_g} \sum_{i \in g,\, x_i \text{ known}} x_i

    Args:
        values: Values of each row, NaN where absent.
        columns: A value for each row, by the name of the column.
        totals: Name of the group of everybody in a column: ``{"gender": "total-user"}`` adds, for each
            scene and age, the mean over all genders. It is the mean of rows, not that of groups.

    Shape:
        - values: (N,) or (N, K)

    Raises:
        ValueError: If a column differs in length, none is given, or a total is also a value.

    Examples:
        >>> people = {"scene": ["a", "a", "b"], "gender": ["male", "female", "male"]}
        >>> found = group_means(torch.tensor([1.0, 3.0, 5.0]), people, totals={"gender": "total-user"})
        >>> [(*key, mean) for key, mean in zip(found.keys, found.mean.tolist()) if key[0] == "a"]
        [('a', 'female', 3.0), ('a', 'male', 1.0), ('a', 'total-user', 2.0)]
    """
    names = tuple(columns)
    lengths = {name: len(column) for name, column in columns.items()}
    if values.ndim not in (1, 2) or not names or set(lengths.values()) != {len(values)}:
        raise ValueError(
            f"group_means got values of shape {tuple(values.shape)} and columns of lengths {lengths}: give "
            "(N,) or (N, K), and at least one column, each with a value a row."
        )
    for name, total_name in (totals or {}).items():
        if name not in columns or total_name in columns[name]:
            raise ValueError(
                f"group_means got the total {total_name!r} for {name!r}: name a column, and a group that "
                "none of its rows is in yet."
            )
    places: dict[tuple[str, ...], list[int]] = {}
    everybody = {name: (totals[name],) if totals and name in totals else () for name in names}
    for row in range(len(values)):
        for key in product(*((columns[name][row], *everybody[name]) for name in names)):
            places.setdefault(key, []).append(row)
    keys = sorted(places)
    member = torch.tensor([row for key in keys for row in places[key]], dtype=torch.int64)
    group = torch.tensor([number for number, key in enumerate(keys) for _ in places[key]], dtype=torch.int64)
    member, group = member.to(values.device), group.to(values.device)
    rows = values.detach().double()[member]
    known = ~rows.isnan()
    shape = (len(keys), *values.shape[1:])
    total = rows.new_zeros(shape).index_add(0, group, torch.where(known, rows, 0.0))
    count = torch.zeros(shape, dtype=torch.int64, device=values.device).index_add(0, group, known.long())
    mean = torch.where(count > 0, total / count.clamp(min=1), torch.nan)
    return GroupMeans(names, keys, mean, count)
