"""Tasks around a published network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from affectkit.tasks.affect_task import AffectTask


class BackboneTask(AffectTask):
    """A task that begins with the weights of a published network and keeps all of them in its checkpoints.

    Subclasses take ``backbone_pretrained`` and ``backbone_weights``.
    """

    WHEN_LOADED: ClassVar[Mapping[str, object]] = MappingProxyType(
        {"backbone_pretrained": False, "backbone_weights": None}
    )
