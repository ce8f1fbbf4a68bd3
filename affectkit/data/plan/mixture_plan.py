"""Which of several sources each batch of an epoch is read from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from affectkit.data.plan.epoch_plan import PlanError


class MixturePlan:
    r"""Deals the batches of an epoch out to sources, in the same way on every rank.

    A source with a batches in one pass over it gets the constant number b of batches in every
    epoch: with repeat factor r, b = ⌊r a + 1/2⌋; with weights w, b is the share of its weight in
    all Σ a batches, rounded by largest remainder. Which batch is whose is shuffled by (seed,
    epoch). Each source is read on and on: epoch e reads its batches e b to (e + 1) b - 1, where
    batch j is number j mod a of pass ⌊j / a⌋. So after any number of epochs all batches of a source
    have been read equally often, give or take one, also where r is no whole number.

    Args:
        passes: Batches in one pass over each source.
        repeats: Passes over each source in an epoch; 1 where a source is not named.
        weights: Shares of the epoch's batches, in any unit, for every source; instead of ``repeats``.
        seed: Seed of the run, not negative.

    Raises:
        PlanError: If a source has no batch in a pass or an epoch, a name is unknown, a number is
            not positive, or both ``repeats`` and ``weights`` are given.

    Examples:
        >>> plan = MixturePlan({"faces": 6, "clips": 2}, weights={"faces": 1, "clips": 1})
        >>> plan.shares, len(plan), plan.position("clips", epoch=1, batch=0)
        ({'faces': 4, 'clips': 4}, 8, (2, 0))
        >>> sorted(plan.sources(epoch=0)) == sorted(plan.sources(epoch=1))
        True
    """

    def __init__(
        self,
        passes: Mapping[str, int],
        *,
        repeats: Mapping[str, float] | None = None,
        weights: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        if not passes or min(passes.values()) < 1:
            raise PlanError(
                f"A mixture got sources with {dict(passes)} batches: give sources of at least one batch each."
            )
        if repeats and weights:
            raise PlanError("A mixture got both repeats and weights: give one of them, the other follows.")
        for given in (repeats or {}, weights or {}):
            for name, factor in given.items():
                if name not in passes or not 0 < factor < float("inf"):
                    raise PlanError(
                        f"A mixture got {factor} for {name!r}: give positive numbers for {', '.join(passes)}."
                    )
        self.passes = dict(passes)
        self.seed = seed
        if weights:
            missing = sorted(set(passes) - set(weights))
            if missing:
                raise PlanError(f"A mixture got no weight for {missing[0]!r}: give one for every source.")
            self.shares = _largest_remainder({name: weights[name] for name in passes}, sum(passes.values()))
        else:
            factors = {name: (repeats or {}).get(name, 1.0) for name in passes}
            self.shares = {name: int(factors[name] * size + 0.5) for name, size in passes.items()}
        starved = [name for name, share in self.shares.items() if share < 1]
        if starved:
            raise PlanError(
                f"The mixture leaves {starved[0]!r} without a batch in an epoch: raise its weight or repeat "
                "factor, or leave it out."
            )

    def __len__(self) -> int:
        return sum(self.shares.values())

    def sources(self, epoch: int) -> list[str]:
        """Name of the source of each batch of ``epoch``."""
        names = list(self.shares)
        numbers = np.repeat(np.arange(len(names)), list(self.shares.values()))
        np.random.default_rng([self.seed, epoch, _MIXTURE]).shuffle(numbers)
        return [names[number] for number in numbers.tolist()]

    def position(self, source: str, *, epoch: int, batch: int) -> tuple[int, int]:
        """Pass over ``source``, and batch within it, at which batch ``batch`` of ``epoch`` finds it."""
        before = self.sources(epoch)[:batch].count(source)
        turn, number = divmod(epoch * self.shares[source] + before, self.passes[source])
        return turn, number


# Part of the seed, so that this stream of random numbers equals none of those of an epoch plan.
_MIXTURE = 5


def _largest_remainder(weights: Mapping[str, float], total: int) -> dict[str, int]:
    whole = sum(weights.values())
    exact = {name: weight / whole * total for name, weight in weights.items()}
    shares = {name: int(value) for name, value in exact.items()}
    short = total - sum(shares.values())
    # sorted() is stable, so that equal remainders go to the sources that were named first
    for name in sorted(exact, key=lambda name: shares[name] - exact[name])[:short]:
        shares[name] += 1
    return shares
