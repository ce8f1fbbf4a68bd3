"""Which targets the data of each place of a log have, so that no score is made of nothing."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from lightning.pytorch import Trainer

from affectkit.tasks.data_agreement import NamesLoaders, loader_sources


@runtime_checkable
class StatesTargets(Protocol):
    """A data module that says which targets a source of it has."""

    def target_fields(self, source: str = "") -> frozenset[str]:
        """Names among ``label``, ``multilabel``, ``dims`` and ``extra.NAME``."""
        ...


def source_fields(trainer: Trainer) -> dict[str, frozenset[str]]:
    """Targets by the place under which their scores are logged: ``val``, or ``val/SOURCE`` of several."""
    data: object = getattr(trainer, "datamodule", None)
    if not isinstance(data, StatesTargets):
        return {}
    found: dict[str, frozenset[str]] = {}
    for stage in ("val", "test"):
        sources = loader_sources(trainer, stage)
        if not sources:
            names = data.loader_names(stage) if isinstance(data, NamesLoaders) else ()
            # The one loader may be of a later source, where the first has no such split.
            found[stage] = data.target_fields(names[0] if len(names) == 1 else "")
        for source in sources:
            found[f"{stage}/{source}"] = data.target_fields(source)
    return found
