"""Faces by boxes that lie in a file."""

from __future__ import annotations

from affectkit.predict.boxes.read_boxes import Box, read_boxes
from affectkit.predict.boxes.with_boxes import with_boxes

__all__ = ("Box", "read_boxes", "with_boxes")
