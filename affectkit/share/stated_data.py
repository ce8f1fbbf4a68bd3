"""The data module that a checkpoint states, as a configuration would have it."""

from __future__ import annotations

from collections.abc import Mapping

from affectkit.data.loader import DataReading, PictureView
from affectkit.tasks import CheckpointRecord


def stated_data(record: CheckpointRecord) -> Mapping[str, object] | None:
    """What a checkpoint says of how its data were read: ``class_path`` and ``init_args``, without places.

    Args:
        record: What the checkpoint says.

    Returns:
        The data module with the arguments that evaluation depends on; None where it says nothing.

    Examples:
        >>> stated_data(CheckpointRecord("1.0", pictures=PictureView(32)))["class_path"]
        'affectkit.data.modules.ImageDataModule'
    """
    if record.pictures is not None:
        return _configured("ImageDataModule", record.pictures.to_plain())
    reading = record.reading
    return None if reading is None else _configured(reading.module, reading.options)


def _configured(module: str, options: Mapping[str, object]) -> dict[str, object]:
    values = dict(options)
    if module == "ImageDataModule":
        view = PictureView.from_plain(options)
        values["streams"] = [spec.name for spec in view.streams] or None
        values["normalize"] = view.normalization is not None
    sources = options.get("sources")
    if module == "MixedDataModule" and isinstance(sources, Mapping):
        readings = {name: DataReading.from_plain(kept) for name, kept in sources.items() if kept is not None}
        values["sources"] = {name: _configured(*reading) for name, reading in readings.items()}
    return {"class_path": f"affectkit.data.modules.{module}", "init_args": values}
