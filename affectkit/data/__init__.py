"""Data: stores of samples, exact plans over them, loaders and Lightning data modules.

Nothing is imported until it is named, so that ``affectkit.data.batch`` costs no more than torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectkit.data.batch import AffectBatch
    from affectkit.data.loader import ShardLoader
    from affectkit.data.modules import (
        AudioDataModule,
        ClipDataModule,
        ConversationDataModule,
        ConversationMediaDataModule,
        ConversationPromptDataModule,
        DialogueTextDataModule,
        FeatureDataModule,
        ImageDataModule,
        MixedDataModule,
        ShardDataModule,
        TextDataModule,
        VisualTextDataModule,
    )
    from affectkit.data.plan import EpochPlan

_HOMES = {
    "AffectBatch": "affectkit.data.batch",
    "AudioDataModule": "affectkit.data.modules",
    "ClipDataModule": "affectkit.data.modules",
    "ConversationDataModule": "affectkit.data.modules",
    "ConversationMediaDataModule": "affectkit.data.modules",
    "ConversationPromptDataModule": "affectkit.data.modules",
    "DialogueTextDataModule": "affectkit.data.modules",
    "EpochPlan": "affectkit.data.plan",
    "FeatureDataModule": "affectkit.data.modules",
    "ImageDataModule": "affectkit.data.modules",
    "MixedDataModule": "affectkit.data.modules",
    "ShardDataModule": "affectkit.data.modules",
    "ShardLoader": "affectkit.data.loader",
    "TextDataModule": "affectkit.data.modules",
    "VisualTextDataModule": "affectkit.data.modules",
}

__all__ = (
    "AffectBatch",
    "AudioDataModule",
    "ClipDataModule",
    "ConversationDataModule",
    "ConversationMediaDataModule",
    "ConversationPromptDataModule",
    "DialogueTextDataModule",
    "EpochPlan",
    "FeatureDataModule",
    "ImageDataModule",
    "MixedDataModule",
    "ShardDataModule",
    "ShardLoader",
    "TextDataModule",
    "VisualTextDataModule",
)


def __getattr__(name: str) -> object:
    """Load a public name from its home the first time it is asked for (PEP 562)."""
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'affectkit.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
