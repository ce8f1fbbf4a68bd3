"""What the values are called that a task predicts."""

from __future__ import annotations

from lightning.pytorch import LightningModule, Trainer

from affectkit.data.modules import MixedDataModule, ShardDataModule
from affectkit.data.shards import Manifest


def value_names(trainer: Trainer, pl_module: LightningModule, *, count: int) -> list[str]:
    """Names of ``count`` predicted values: the task's ``axes``, else those of its data, else numbers.

    Args:
        trainer: Knows the data.
        pl_module: The task; ``axes`` is an attribute of it or one of its hyper-parameters.
        count: Number of values.
    """
    stated: object = getattr(pl_module, "axes", None) or pl_module.hparams.get("axes")
    found = [tuple(map(str, stated))] if isinstance(stated, (list, tuple)) else []
    found += [manifest.dims.axes for manifest in _manifests(trainer) if manifest.dims is not None]
    fitting = next((names for names in found if len(names) == count), None)
    return list(fitting) if fitting is not None else [f"value{index}" for index in range(count)]


def _manifests(trainer: Trainer) -> list[Manifest]:
    data: object = getattr(trainer, "datamodule", None)
    if isinstance(data, MixedDataModule):
        return [source.manifest for source in data.sources.values()]
    return [data.manifest] if isinstance(data, ShardDataModule) else []
