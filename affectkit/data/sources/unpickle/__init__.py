"""The one place that reads pickles: arrays only, in a process of its own, under limits."""

from __future__ import annotations

from affectkit.data.sources.unpickle.convert import convert_pickle

__all__ = ("convert_pickle",)
