"""How a run read its data: what its checkpoint keeps, else the configuration that lies beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import yaml

from affectkit.data.loader import DataReading
from affectkit.predict.error import PredictError
from affectkit.predict.loaded_task import read_record

ValueT = TypeVar("ValueT")
_CONFIG: Final = "config.yaml"


class RunData(NamedTuple):
    """The data module that a run was trained with.

    Attributes:
        module: Name of its class, e.g. ``"AudioDataModule"``.
        options: Its constructor arguments, as plain values; of a checkpoint those that evaluation depends on.
        place: Which checkpoint or configuration says so, for messages.
    """

    module: str
    options: Mapping[str, object]
    place: str

    def value(self, name: str, kind: type[ValueT], default: ValueT) -> ValueT:
        """One argument; ``default`` where it is not stated or null.

        Raises:
            PredictError: If it is of another type.
        """
        found = self.options.get(name)
        if found is None:
            return default
        if kind is float and type(found) is int:
            found = float(found)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise PredictError(
                f"The {self.place} states {name}={found!r} for {self.module}, which is no "
                f"{kind.__name__}: restore the file that the training wrote."
            )
        return found

    def optional(self, name: str, kind: type[ValueT]) -> ValueT | None:
        """One argument; None where it is not stated or null."""
        return None if self.options.get(name) is None else self.value(name, kind, kind())


def read_run_data(checkpoint: Path, *, source: str | None = None) -> RunData:
    """What a checkpoint keeps of how its data were read; for an older one, the ``config.yaml`` of its run.

    Args:
        checkpoint: The file; an older one as ``RUN/checkpoints/NAME.ckpt``, or beside a ``config.yaml``.
        source: Of a run that was evaluated on sources that read differently, which of them is meant.

    Raises:
        PredictError: If neither says it, the configuration names no data module, the run was evaluated on
            sources that read differently and none of them is named, or the one that is named is not there.
    """
    kept = read_record(checkpoint).reading
    if kept is not None and kept.module == "MixedDataModule":
        return _read_as(source, kept.options, checkpoint)
    if source is not None:
        raise PredictError(
            f"The model {checkpoint} was not evaluated on sources that read differently: leave the source "
            f"{source!r} out."
        )
    if kept is not None:
        return RunData(kept.module, kept.options, f"checkpoint {checkpoint}")
    for folder in (checkpoint.parent.parent, checkpoint.parent):
        place = folder / _CONFIG
        if place.is_file():
            break
    else:
        raise PredictError(
            f"The checkpoint {checkpoint} does not say how raw files are read, and has no {_CONFIG} "
            "beside it that does: put it into its run folder, or give the view in Python, e.g. "
            "SoundPredictor.from_checkpoint(path, view=SoundView(16000))."
        )
    try:
        read: object = yaml.safe_load(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PredictError(
            f"The configuration {place} cannot be read ({type(error).__name__}): restore the file that the "
            "training wrote."
        ) from error
    data = read.get("data") if isinstance(read, Mapping) else None
    path = data.get("class_path") if isinstance(data, Mapping) else None
    options = data.get("init_args", {}) if isinstance(data, Mapping) else {}
    if not isinstance(path, str) or not isinstance(options, Mapping):
        raise PredictError(f"The configuration {place} names no data module: use a run of `affectkit fit`.")
    return RunData(
        path.rpartition(".")[2],
        {str(name): value for name, value in options.items()},
        f"configuration {place}",
    )


def _read_as(source: str | None, options: Mapping[str, object], checkpoint: Path) -> RunData:
    """How one of several sources was read."""
    found = options.get("sources")
    sources: Mapping[str, object] = found if isinstance(found, Mapping) else {}
    names = ", ".join(sources) or "not stated"
    if source is None:
        raise PredictError(
            f"The model {checkpoint} was evaluated on sources that read differently ({names}), so nothing "
            "says how your files are to be read: name the source that they are like (`--source NAME`), or "
            "train with `evaluate` set to one."
        )
    kept = sources.get(source)
    if not isinstance(kept, Mapping):
        why = "reads more than a raw file holds" if source in sources else "is none of its sources"
        raise PredictError(
            f"The model {checkpoint} was evaluated on {names}, and {source!r} {why}: name another one."
        )
    reading = DataReading.from_plain(kept)
    return RunData(reading.module, reading.options, f"source {source!r} of checkpoint {checkpoint}")
