"""Batches of one source of a mixture, which say whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from affectkit.data.batch import AffectBatch
from affectkit.data.loader.shard_loader import ShardLoader


class SourceLoader:
    """Hands on the batches of a loader with ``meta["source"]``, and changed where that is asked for.

    An evaluation of a mixture reads each source by one of these, so that its batches look like those
    of training, whose source :class:`MixedLoader` names.

    Args:
        loader: Loader of the source.
        source: Name of the source.
        complete: Change of each batch, e.g. to give it the targets of its data set.
    """

    #: Lightning asks for it; the loader batches by plan.
    batch_sampler = None

    def __init__(
        self,
        # a loader of samples of any kind
        loader: ShardLoader[Any],
        *,
        source: str,
        complete: Callable[[AffectBatch], AffectBatch] | None = None,
    ) -> None:
        self.loader = loader
        self.source = source
        self._complete = complete

    @property
    def sampler(self) -> SourceLoader:
        """The loader itself: Lightning calls ``loader.sampler.set_epoch``."""
        return self

    @property
    def batch_size(self) -> int:
        """Rows of a batch on this rank."""
        return self.loader.batch_size

    def __len__(self) -> int:
        """Batches of the evaluation, equal on each rank."""
        return len(self.loader)

    def __iter__(self) -> Iterator[AffectBatch]:
        for batch in self.loader:
            batch.meta["source"] = self.source
            yield batch if self._complete is None else self._complete(batch)

    def set_epoch(self, epoch: int) -> None:
        """Go to the front of ``epoch``."""
        self.loader.set_epoch(epoch)
