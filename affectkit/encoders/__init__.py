"""Encoders: from inputs or stored features to encodings."""

from affectkit.encoders.projection import ProjectionEncoder

__all__ = ["ProjectionEncoder"]
