"""A score of each group of rows, with intervals, and the gap between groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LEVEL: Final = 0.95
#: Draws in memory at a time.
_AT_ONCE: Final = 100


class GroupScore(NamedTuple):
    """Score of one group with a 95 % interval.

    Attributes:
        group: Its name.
        rows: Number of its rows.
        value: Score of its rows.
        low: Lower bound.
        high: Upper bound.
        ranked: Whether it has enough rows to be compared with others.
    """

    group: str
    rows: int
    value: float
    low: float
    high: float
    ranked: bool


class GroupGap(NamedTuple):
    """How far the best ranked group lies above the worst.

    Attributes:
        best: Group of the largest score.
        worst: Group of the smallest.
        value: Difference of the two.
        low: Lower bound of a 95 % interval of that difference.
        high: Upper bound.
        chance: How often rows dealt out to the ranked groups at random give a gap at least as large.
    """

    best: str
    worst: str
    value: float
    low: float
    high: float
    chance: float


class GroupScores(NamedTuple):
    """Scores of all groups.

    Attributes:
        everything: Score of all rows.
        groups: Ranked groups, the largest score first, then those too small, the largest of them first.
        gap: Between ranked groups; None where there are fewer than two.
    """

    everything: GroupScore
    groups: tuple[GroupScore, ...]
    gap: GroupGap | None


def group_scores(
    sums: Tensor,
    group: Sequence[str],
    score: Callable[[Tensor], Tensor],
    *,
    cluster: Sequence[str] | None = None,
    draws: int = 1000,
    seed: int = 0,
    least: int = 30,
) -> GroupScores:
    r"""Score each group of rows, with percentile intervals of a bootstrap over clusters.

    The score must follow from sums over rows, as accuracy, F1, CCC and calibration errors do. Whole clusters
    are drawn with replacement, the same for all groups, since utterances of one conversation are no
    independent rows. The order of rows changes nothing.

    A gap is always above 0, also between groups that differ by nothing; ``chance`` says how often rows dealt
    out at random to groups of these sizes show one as large. It deals out single rows.

    Args:
        sums: What each row adds, e.g. of :func:`class_tallies`.
        group: Group of each row.
        score: From sums (..., K) to scores (...), NaN where there is no row.
        cluster: What is drawn as one, e.g. the conversation of each row; rows by themselves unless given.
        draws: Number of draws of the bootstrap, and of the deals.
        seed: Seed of both.
        least: Rows from which on a group is ranked. Smaller ones are scored all the same.

    Shape:
        - sums: (N, K)

    Raises:
        ValueError: If lengths differ, there is no row, or there is no draw.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, Chapman & Hall, 1993 (percentile intervals).

    Examples:
        >>> import torch
        >>> from affectkit.functional import accuracy_of_tallies, class_tallies
        >>> label = torch.tensor([0, 1] * 40)
        >>> said = label.clone()
        >>> said[:20] = 0  # every second of the first 20 is wrong
        >>> tallies = class_tallies(said, label, num_classes=2)
        >>> found = group_scores(tallies, ["a"] * 40 + ["b"] * 40, accuracy_of_tallies)
        >>> [(one.group, one.value) for one in found.groups], found.gap.value, found.gap.chance < 0.01
        ([('b', 1.0), ('a', 0.75)], 0.25, True)
    """
    rows = len(group)
    if sums.ndim != 2 or len(sums) != rows or not rows or (cluster is not None and len(cluster) != rows):
        raise ValueError(
            f"group_scores got sums {tuple(sums.shape)}, {rows} groups and "
            f"{'no' if cluster is None else len(cluster)} clusters: give one of each a row, and a row."
        )
    if draws < 1:
        raise ValueError(f"group_scores got draws={draws}: give 1 or more.")
    names = sorted(set(group))
    index = _numbered(group, names)
    values = sums.detach().double().cpu()
    width = values.shape[1]
    numbers = torch.arange(rows) if cluster is None else _numbered(cluster, sorted(set(cluster)))
    kinds = _cluster_kinds(values, index, numbers)
    whole = torch.zeros(len(names), width, dtype=torch.float64).index_add_(0, index, values)
    drawn = _bootstrap(kinds, groups=len(names), draws=draws, seed=seed)
    each, total = score(drawn), score(drawn.sum(1))
    counts = torch.bincount(index, minlength=len(names)).tolist()
    exact = score(whole).tolist()
    found = [
        GroupScore(name, counts[place], exact[place], *_interval(each[:, place]), counts[place] >= least)
        for place, name in enumerate(names)
    ]
    ranked = sorted((one for one in found if one.ranked), key=lambda one: (-one.value, one.group))
    small = sorted((one for one in found if not one.ranked), key=lambda one: (-one.rows, one.group))
    gap = None
    if len(ranked) > 1:
        best, worst = ranked[0], ranked[-1]
        places = [names.index(one.group) for one in ranked]
        between = each[:, names.index(best.group)] - each[:, names.index(worst.group)]
        size = best.value - worst.value
        dealt = _dealt_gaps(values, index, places, score, draws=draws, seed=seed)
        # The deal that was seen counts as one of them, so that nothing has a chance of 0.
        chance = (1 + int((dealt >= size - 1e-12).sum())) / (1 + draws)
        gap = GroupGap(best.group, worst.group, size, *_interval(between), chance)
    everything = GroupScore("all rows", rows, score(whole.sum(0)).item(), *_interval(total), rows >= least)
    return GroupScores(everything, (*ranked, *small), gap)


def _numbered(words: Sequence[str], names: Sequence[str]) -> Tensor:
    place = {name: number for number, name in enumerate(names)}
    return torch.tensor([place[word] for word in words])


def _interval(values: Tensor) -> tuple[float, float]:
    """Percentiles of the draws in which the group has a row."""
    tail = (1 - _LEVEL) / 2
    low, high = torch.nanquantile(values, torch.tensor([tail, 1 - tail], dtype=values.dtype)).tolist()
    return low, high


class _Kinds(NamedTuple):
    """Clusters that hold the same rows, told once: what one of them adds to which group.

    Shape:
        - repeats: (M,), how many clusters are of each kind.
        - kind, group: (E,) int64, kind and group of each entry.
        - sums: (E, K)
    """

    repeats: NDArray[np.int64]
    kind: Tensor
    group: Tensor
    sums: Tensor


def _cluster_kinds(values: Tensor, group: Tensor, cluster: Tensor) -> _Kinds:
    # An entry is what a cluster adds to a group; they come sorted by cluster, then group.
    pairs, entry = torch.unique(torch.stack([cluster, group], 1), dim=0, return_inverse=True)
    sums = torch.zeros(len(pairs), values.shape[1], dtype=torch.float64).index_add_(0, entry, values)
    where = torch.bincount(pairs[:, 0]).cumsum(0).tolist()
    groups, numbers = pairs[:, 1].numpy(), sums.numpy()
    repeats: dict[bytes, int] = {}
    first: dict[bytes, slice] = {}
    for start, stop in zip([0, *where], where):
        told = groups[start:stop].tobytes() + numbers[start:stop].tobytes()
        repeats[told] = repeats.get(told, 0) + 1
        first.setdefault(told, slice(start, stop))
    # Sorted, so that the draws do not depend on the order of the rows.
    order = sorted(repeats)
    places = [np.arange(first[told].start, first[told].stop) for told in order]
    taken = torch.from_numpy(np.concatenate(places))
    kind = torch.repeat_interleave(torch.tensor([len(part) for part in places]))
    return _Kinds(np.array([repeats[told] for told in order]), kind, pairs[taken, 1], sums[taken])


def _bootstrap(kinds: _Kinds, *, groups: int, draws: int, seed: int) -> Tensor:
    """Sums of each group in each draw (draws, G, K)."""
    number = int(kinds.repeats.sum())
    random = np.random.default_rng(seed)
    found = torch.empty(draws, groups, kinds.sums.shape[1], dtype=torch.float64)
    for start in range(0, draws, _AT_ONCE):
        # Clusters of one kind are drawn together: how many, is multinomial.
        size = min(_AT_ONCE, draws - start)
        weight = torch.from_numpy(random.multinomial(number, kinds.repeats / number, size=size)).double()
        for place in range(groups):
            mine = kinds.group == place
            found[start : start + size, place] = weight[:, kinds.kind[mine]] @ kinds.sums[mine]
    return found


def _dealt_gaps(
    values: Tensor,
    index: Tensor,
    places: Sequence[int],
    score: Callable[[Tensor], Tensor],
    *,
    draws: int,
    seed: int,
) -> Tensor:
    """Gaps between groups of the same sizes when their rows are dealt out at random."""
    rows = values[torch.isin(index, torch.tensor(places))].numpy()
    # Sorted, so that the deals do not depend on the order of the rows.
    rows = rows[np.lexsort(rows.T)]
    sizes = [int((index == place).sum()) for place in places]
    starts = np.cumsum([0, *sizes[:-1]])
    random = np.random.default_rng((seed, 1))
    # The first rows after shuffling go to the first group, and so on.
    dealt = [np.add.reduceat(rows[random.permutation(len(rows))], starts) for _ in range(draws)]
    scores = score(torch.from_numpy(np.stack(dealt)))
    return scores.amax(1) - scores.amin(1)
