"""CLIP models of open_clip as typed towers: pictures, and texts from words or from prompt vectors.

:func:`clip_base` builds one by name. ``"tiny"`` and its siblings are random and need no download.
"""

from affectkit.encoders.clip.build_base import clip_base, clip_base_from_config, find_clip_base
from affectkit.encoders.clip.clip_base import BaseIdentity, ClipBase
from affectkit.encoders.clip.image_tower import ClipImageTower
from affectkit.encoders.clip.pixel_normalization import NORMALIZATIONS, PixelNormalization
from affectkit.encoders.clip.sentence_text_tower import SentenceTextTower
from affectkit.encoders.clip.text_tower import ClipTextTower
from affectkit.encoders.clip.tokenizer import ClipTokenizer, Tokens
from affectkit.encoders.clip.transformer_text_tower import TransformerTextTower
from affectkit.encoders.clip.unsupported_tower import UnsupportedTowerError

__all__ = [
    "NORMALIZATIONS",
    "BaseIdentity",
    "ClipBase",
    "ClipImageTower",
    "ClipTextTower",
    "ClipTokenizer",
    "PixelNormalization",
    "SentenceTextTower",
    "Tokens",
    "TransformerTextTower",
    "UnsupportedTowerError",
    "clip_base",
    "clip_base_from_config",
    "find_clip_base",
]
