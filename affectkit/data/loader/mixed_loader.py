"""Batches of several sources in one epoch, with every promise of a single one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.loader_state import LoaderState, LoaderStateError
from affectkit.data.loader.shard_loader import ShardLoader
from affectkit.data.plan.mixture_plan import MixturePlan

_VERSION: Final = 1


class MixedLoaderState(TypedDict):
    """Position of a mixture: ``batches`` of ``epoch`` were handed over; equal on all ranks."""

    version: int
    epoch: int
    batches: int
    seed: int
    shares: dict[str, int]
    sources: dict[str, LoaderState]


class MixedLoader:
    """Hands out batches of several loaders, each batch from one of them.

    Which source a batch comes from follows from (seed, epoch) alone, so all ranks are at the same
    source at the same time, and another number of ranks goes on with the same batches. Each source
    keeps its own order, augmentation, batch size and workers. ``batch.meta["source"]`` is the name.

    Args:
        loaders: Loader of the training split of each source.
        repeats: Passes over each source in an epoch; see :class:`~affectkit.data.plan.MixturePlan`.
        weights: Shares of the epoch's batches, instead of ``repeats``.
        seed: Seed of the order of sources.
        complete: Change of each batch, e.g. to give all the same targets; the source is named already.

    Raises:
        PlanError: If the numbers make no mixture, or a source is smaller than one batch.
    """

    #: Lightning asks for it; the loaders batch by plan.
    batch_sampler = None

    def __init__(
        self,
        # loaders of samples of several kinds: no one type of sample fits
        loaders: Mapping[str, ShardLoader[Any]],
        *,
        repeats: Mapping[str, float] | None = None,
        weights: Mapping[str, float] | None = None,
        seed: int = 0,
        complete: Callable[[AffectBatch], AffectBatch] | None = None,
    ) -> None:
        self.loaders = dict(loaders)
        self.mixture = MixturePlan(
            {name: len(loader) for name, loader in self.loaders.items()},
            repeats=repeats,
            weights=weights,
            seed=seed,
        )
        self._complete = complete
        self._epoch = 0
        self._batches = 0
        self._resuming = False

    @property
    def sampler(self) -> MixedLoader:
        """The loader itself: Lightning calls ``loader.sampler.set_epoch``."""
        return self

    def __len__(self) -> int:
        """Batches of an epoch: the same in each epoch, on each rank, and after a resume."""
        return len(self.mixture)

    def __iter__(self) -> Iterator[AffectBatch]:
        # Nothing happens before the first batch is asked for; see ShardLoader.
        if self._at_end():
            self._epoch, self._batches = self._epoch + 1, 0
        elif not self._resuming:
            self._batches = 0
        self._resuming = False
        readers: dict[str, Iterator[AffectBatch]] = {}
        for name, loader in self.loaders.items():
            turn, number = self.mixture.position(name, epoch=self._epoch, batch=self._batches)
            loader.seek(turn, batch=number)
            readers[name] = _on_and_on(loader)
        for name in self.mixture.sources(self._epoch)[self._batches :]:
            batch = next(readers[name])
            batch.meta["source"] = name
            if self._complete is not None:
                batch = self._complete(batch)
            self._batches += 1
            yield batch

    def places(self, epoch: int) -> Iterator[tuple[str, int, NDArray[np.int64]]]:
        """Source, pass over it, and positions of each batch of ``epoch``, over all ranks."""
        nexts = {name: self.mixture.position(name, epoch=epoch, batch=0) for name in self.loaders}
        for name in self.mixture.sources(epoch):
            turn, number = nexts[name]
            plan = self.loaders[name].plan(turn)
            yield name, turn, plan.batch(number).positions
            nexts[name] = (turn + 1, 0) if number + 1 == len(plan) else (turn, number + 1)

    def set_epoch(self, epoch: int) -> None:
        """Go to the front of ``epoch``, or stay where a loaded state put the loader within it."""
        if epoch != self._epoch or self._at_end():
            self._epoch, self._batches, self._resuming = epoch, 0, False

    def state_dict(self) -> MixedLoaderState:
        """Position and everything that the order depends on; equal on all ranks."""
        epoch, batches = (self._epoch + 1, 0) if self._at_end() else (self._epoch, self._batches)
        return MixedLoaderState(
            version=_VERSION,
            epoch=epoch,
            batches=batches,
            seed=self.mixture.seed,
            shares=dict(self.mixture.shares),
            sources={
                name: loader.state_at(*self.mixture.position(name, epoch=epoch, batch=batches))
                for name, loader in self.loaders.items()
            },
        )

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from a saved position with the next iteration.

        Raises:
            LoaderStateError: If the state is that of another mixture, or of other data.
        """
        epoch, batches, sources = state.get("epoch"), state.get("batches"), state.get("sources")
        if (
            state.get("version") != _VERSION
            or not isinstance(epoch, int)
            or not isinstance(batches, int)
            or not isinstance(sources, dict)
            or epoch < 0
            or not 0 <= batches <= len(self)
        ):
            raise LoaderStateError(
                "The saved position is not one of this mixture of sources: resume with the sources that "
                "the run began with, or start the run anew."
            )
        for name, here in (("seed", self.mixture.seed), ("shares", self.mixture.shares)):
            if state.get(name) != here:
                raise LoaderStateError(
                    f"The checkpoint's mixture has {name} {state.get(name)}, that of this run has {here}: "
                    "keep sources, batch sizes, repeats, weights and seed as the run began."
                )
        for name, loader in self.loaders.items():
            try:
                loader.load_state_dict(cast("Mapping[str, object]", sources.get(name, {})))
            except LoaderStateError as error:
                raise LoaderStateError(f"Source {name!r} of the mixture: {error}") from error
        self._epoch, self._batches, self._resuming = epoch, batches, True

    def _at_end(self) -> bool:
        return self._batches >= len(self)


def _on_and_on(loader: ShardLoader[Any]) -> Iterator[AffectBatch]:
    while True:
        yield from loader
