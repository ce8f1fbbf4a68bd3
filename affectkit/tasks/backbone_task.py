"""Tasks around a published network."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Self

from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.map_location import MapLocation


class BackboneTask(AffectTask):
    """A task that begins with the weights of a published network and keeps all of them in its checkpoints.

    Subclasses take ``backbone_pretrained`` and ``backbone_weights``.
    """

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path | IO[bytes],
        map_location: MapLocation = None,
        hparams_file: str | Path | None = None,
        strict: bool | None = None,
        weights_only: bool | None = True,
        **kwargs: object,
    ) -> Self:
        """Build the task from a checkpoint, without the file or download that its backbone began with."""
        # All weights are in the checkpoint: none is read, or downloaded, to be overwritten.
        kwargs = {"backbone_pretrained": False, "backbone_weights": None, **kwargs}
        return super().load_from_checkpoint(
            checkpoint_path, map_location, hparams_file, strict, weights_only, **kwargs
        )
