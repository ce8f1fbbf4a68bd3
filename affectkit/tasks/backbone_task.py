"""Tasks around a published network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from affectkit.tasks.affect_task import AffectTask
from affectkit.types import Encoder


class BackboneTask(AffectTask):
    """A task that begins with the weights of a published network and keeps all of them in its checkpoints.

    Subclasses take ``backbone_pretrained`` and ``backbone_weights``.
    """

    WHEN_LOADED: ClassVar[Mapping[str, object]] = MappingProxyType(
        {"backbone_pretrained": False, "backbone_weights": None}
    )

    @classmethod
    def check_backbone(cls, name: str, encoders: Mapping[str, Encoder], weights: str | None) -> None:
        """Refuse weights of a backbone that is not built, as an encoder of the user stands in its place.

        Raises:
            ValueError: If so.
        """
        if weights is not None and name in encoders:
            raise ValueError(
                f"{cls.__name__} got backbone_weights={weights!r} and an encoder of your own for {name!r}, "
                "in whose place no backbone is built: load the file in that encoder, and leave it out here."
            )
