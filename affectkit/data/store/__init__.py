"""The protocol behind which samples lie, and the complete check of a stored data set."""

from __future__ import annotations

from affectkit.data.store.check import CheckReport, check_dataset
from affectkit.data.store.protocol import SampleStore

__all__ = ("CheckReport", "SampleStore", "check_dataset")
