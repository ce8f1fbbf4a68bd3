"""Ways of teaching a CLIP model a set of classes, behind one interface.

An adapter is a plain module: ``adapter.encode(images)`` gives features, ``adapter(features)`` gives logits.
"""

from affectkit.adapters.class_text import ClassText
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.feature_memory import FeatureMemory
from affectkit.adapters.protocol import ClipAdapter
from affectkit.adapters.templates import EVOKED, FELT, PLAIN, SEEN, TEMPLATES

__all__ = [
    "EVOKED",
    "FELT",
    "PLAIN",
    "SEEN",
    "TEMPLATES",
    "ClassText",
    "ClipAdapter",
    "FeatureMemory",
    "cosine_logits",
]
