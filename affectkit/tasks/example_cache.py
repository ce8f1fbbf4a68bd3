"""Filling an adapter's cache of examples before a training, and choosing its two numbers on validation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from affectkit.adapters import TipAdapter
from affectkit.adapters.labelled_features import LabelledFeatures, collect_labelled
from affectkit.data.batch import AffectBatch
from affectkit.types import Encoding


@runtime_checkable
class HasExamples(Protocol):
    """A data module that goes through a split in its order."""

    def examples_dataloader(self, split: str = "train", *, view: int | None = None) -> Iterable[AffectBatch]:
        """Loader of a split, every sample once."""
        ...


class ExampleCache:
    """The examples of a Tip-Adapter within a training.

    The cache is filled from the training split before the first step. Weight and sharpness of the
    look-up are searched on the validation split before each validation; a training step uses those
    that the adapter was built with, as published.

    Args:
        adapter: Whose cache it is.
        encode: A batch to the features that the adapter classifies.
        passes: Views of each training sample that are averaged; more than one are random views.
    """

    def __init__(
        self, adapter: TipAdapter, encode: Callable[[AffectBatch], Encoding], *, passes: int = 1
    ) -> None:
        self._adapter = adapter
        self._encode = encode
        self._passes = passes
        self._start = (adapter.alpha, adapter.beta)
        self._validation: LabelledFeatures | None = None

    def fill(self, data: object) -> int:
        """Build the cache from the training split; returns the number of keys.

        Raises:
            ValueError: If the data module cannot go through a split in its order.
        """
        source = _with_examples(data)
        views = iter(range(self._passes))

        def one_pass() -> Iterable[AffectBatch]:
            return source.examples_dataloader("train", view=next(views) if self._passes > 1 else None)

        rows = _Encoded(one_pass, self._encode, self._device)
        return self._adapter.build_cache(rows, passes=self._passes)

    def read_validation(self, data: object) -> None:
        """Keep the features of the validation split: the tower is frozen, so they never change."""
        source = _with_examples(data)
        rows = _Encoded(lambda: source.examples_dataloader("val"), self._encode, self._device)
        self._validation = collect_labelled(rows, Encoding, device=self._device)

    def search(self) -> None:
        """Choose both numbers on the validation split."""
        if self._validation is not None:
            pairs = [(self._validation.features, self._validation.labels)]
            self._adapter.search(validation=pairs, score="uar")

    def reset(self) -> None:
        """Go back to the numbers that training uses."""
        self._adapter.alpha_beta.copy_(torch.tensor(self._start))

    @property
    def _device(self) -> torch.device:
        return self._adapter.base.logit_scale.device


def _with_examples(data: object) -> HasExamples:
    if not isinstance(data, HasExamples):
        raise ValueError(
            f"An adapter with a cache of examples needs to go through a split in its order, but "
            f"{type(data).__name__} has no examples_dataloader(): train with a data module of "
            "affectkit.data.modules, or call build_cache yourself."
        )
    return data


class _Encoded:
    """Batches whose pictures have become features; each time gone through is a pass of its own."""

    def __init__(
        self,
        begin: Callable[[], Iterable[AffectBatch]],
        encode: Callable[[AffectBatch], Encoding],
        device: torch.device,
    ) -> None:
        self._begin = begin
        self._encode = encode
        self._device = device

    def __iter__(self) -> Iterator[AffectBatch]:
        for batch in self._begin():
            here = batch.to(self._device)
            yield replace(here, inputs={"visual": self._features(here)})

    @torch.no_grad()
    def _features(self, batch: AffectBatch) -> Tensor:
        return self._encode(batch).pooled
