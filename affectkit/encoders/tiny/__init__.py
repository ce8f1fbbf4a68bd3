"""Tiny offline extractors: no download, no training, the same numbers on every machine.

They are honest baselines for tests, demos and first runs, not models of affect.
"""

from affectkit.encoders.tiny.audio import TinyAudioEncoder
from affectkit.encoders.tiny.image import TinyImageEncoder
from affectkit.encoders.tiny.text import TinyTextEncoder

__all__ = ["TinyAudioEncoder", "TinyImageEncoder", "TinyTextEncoder"]
