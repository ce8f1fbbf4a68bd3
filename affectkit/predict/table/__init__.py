"""Predictions as a table on disk."""

from __future__ import annotations

from affectkit.predict.table.write_predictions import TableReport, write_predictions

__all__ = ("TableReport", "write_predictions")
