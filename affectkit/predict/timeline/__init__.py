"""Predictions along the time of a file."""

from __future__ import annotations

from affectkit.predict.timeline.draw_timeline import write_timeline
from affectkit.predict.timeline.film_with_curve import write_film_with_curve
from affectkit.predict.timeline.timeline import Timeline

__all__ = ("Timeline", "write_film_with_curve", "write_timeline")
