"""EEG out of BDF and EDF files, the form of MAHNOB-HCI's recordings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit._optional import require
from affectkit.distill.electrodes import electrode_positions

#: What one microvolt is in the units that files name.
_MICROVOLTS = {"uv": 1.0, "µv": 1.0, "mv": 1e3, "v": 1e6}


class EegRecording(NamedTuple):
    """Signals (E, T) in microvolt as float32, the electrodes of the rows, and samples a second."""

    eeg: Tensor
    electrodes: tuple[str, ...]
    sample_rate: float


def read_bdf(path: str | os.PathLike[str], electrodes: Sequence[str] | None = None) -> EegRecording:
    """Read the scalp electrodes of a BDF or EDF file.

    Args:
        path: The file, e.g. ``Sessions/2/Part_1_S_Trial1_emotion.bdf``.
        electrodes: Which to read, in the order wanted; by default all channels that are named after an
            electrode of the 10-20 system or its extensions. References, other sensors and the status
            channel are left out.

    Raises:
        MissingExtraError: If pyedflib, which reads the file, is not installed.
        ValueError: If the file is damaged, lacks an electrode, or holds a unit that is no voltage.
    """
    place = Path(path)
    edf = require("pyedflib", extra="eeg", purpose="Reading BDF and EDF files")
    try:
        file = edf.EdfReader(os.fspath(place))
    except (OSError, ValueError) as error:
        raise ValueError(f"{place} cannot be read as BDF or EDF ({error}): give a whole file.") from error
    with file:
        names = {
            str(name).strip().removeprefix("EEG "): row for row, name in enumerate(file.getSignalLabels())
        }
        wanted = (
            tuple(name for name in names if _is_electrode(name)) if electrodes is None else tuple(electrodes)
        )
        missing = [name for name in wanted if name not in names]
        if missing or not wanted:
            raise ValueError(
                f"{place} holds no channel {missing[0] if missing else 'of an electrode'!r}, only "
                f"{', '.join(names)}: name channels of the file in electrodes."
            )
        rates = {float(file.getSampleFrequency(names[name])) for name in wanted}
        if len(rates) > 1:
            raise ValueError(f"{place} holds electrodes of different rates {sorted(rates)}: read them apart.")
        rows: list[Tensor] = []
        for name in wanted:
            unit = str(file.getPhysicalDimension(names[name])).strip()
            if unit.lower() not in _MICROVOLTS:
                raise ValueError(
                    f"{place} holds channel {name!r} in {unit!r}, which is no voltage: leave it out."
                )
            values: NDArray[np.float64] = file.readSignal(names[name])
            rows.append(torch.from_numpy((values * _MICROVOLTS[unit.lower()]).astype(np.float32)))
    return EegRecording(torch.stack(rows), wanted, rates.pop())


def _is_electrode(name: str) -> bool:
    try:
        electrode_positions([name])
    except ValueError:
        return False
    return True
