"""DREAMER: EEG of 23 people watching 18 clips, rated from 1 to 5."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit._optional import require
from affectkit.labels import AffectScale

#: What scipy raises at a damaged file, beside an error of its own.
_DAMAGED = (ValueError, TypeError, NotImplementedError, EOFError, OSError, IndexError, zlib.error)

#: Axes and range of the ratings of :class:`DreamerTrial`.
DREAMER_SCALE = AffectScale("vad.dreamer", ("valence", "arousal", "dominance"), 1, 5)


class DreamerTrial(NamedTuple):
    """One clip that one person watched.

    ``eeg`` and ``baseline`` are (14, T) float32 in the order of the layout ``"dreamer14"``; ``vad`` is (3,)
    on :data:`DREAMER_SCALE`. Persons and clips are counted from 0; split by person, never by trial.
    """

    person: int
    clip: int
    eeg: Tensor
    baseline: Tensor
    vad: Tensor
    sample_rate: float
    electrodes: tuple[str, ...]


def read_dreamer(path: str | os.PathLike[str]) -> Iterator[DreamerTrial]:
    """Trials of ``DREAMER.mat`` as it is published, person by person and clip by clip.

    Args:
        path: The file.

    Raises:
        MissingExtraError: If scipy, which reads the file, is not installed.
        ValueError: If the file is absent, damaged or of another structure; the message names the field.
    """
    place = Path(path)
    matlab = require("scipy.io", extra="eeg", purpose="Reading DREAMER.mat")
    if not place.is_file():
        raise ValueError(f"There is no file {place}: give the place of DREAMER.mat.")
    try:
        loaded: Mapping[str, object] = matlab.loadmat(place, simplify_cells=True)
    except (*_DAMAGED, matlab.matlab.MatReadError) as error:
        raise ValueError(f"{place} cannot be read as a MATLAB file ({error}): download it again.") from error
    whole = _part(loaded, "DREAMER", place)
    rate = float(np.asarray(_field(whole, "EEG_SamplingRate", place)))
    electrodes = tuple(
        str(name) for name in np.atleast_1d(np.asarray(_field(whole, "EEG_Electrodes", place)))
    )
    for person, data in enumerate(_several(whole, "Data", place)):
        if not isinstance(data, Mapping):
            raise ValueError(f"{place} holds no struct in Data of person {person}: give DREAMER's own file.")
        signals = _part(data, "EEG", place)
        stimuli, baselines = (_several(signals, name, place) for name in ("stimuli", "baseline"))
        ratings = np.stack(
            [
                np.asarray(_field(data, f"Score{name}", place), dtype=np.float64).reshape(-1)
                for name in ("Valence", "Arousal", "Dominance")
            ],
            axis=1,
        )
        if not len(stimuli) == len(baselines) == len(ratings):
            raise ValueError(
                f"{place} holds {len(stimuli)} stimuli, {len(baselines)} baselines and {len(ratings)} "
                f"ratings of person {person}: give DREAMER's own file."
            )
        for clip, (stimulus, baseline) in enumerate(zip(stimuli, baselines)):
            parts = [_signal(part, len(electrodes), person, clip, place) for part in (stimulus, baseline)]
            vad = torch.from_numpy(ratings[clip])
            yield DreamerTrial(person, clip, parts[0], parts[1], vad, rate, electrodes)


def _field(values: Mapping[str, object], name: str, place: Path) -> object:
    if name not in values:
        raise ValueError(f"{place} lacks the field {name!r}: give DREAMER's own file, DREAMER.mat.")
    return values[name]


def _part(values: Mapping[str, object], name: str, place: Path) -> Mapping[str, object]:
    found = _field(values, name, place)
    if not isinstance(found, Mapping):
        raise ValueError(f"{place} holds no struct as {name!r}: give DREAMER's own file, DREAMER.mat.")
    return found


def _several(values: Mapping[str, object], name: str, place: Path) -> list[object]:
    # A cell array of equal matrices comes back as one array, of one person as the struct itself.
    found = _field(values, name, place)
    return [found] if isinstance(found, Mapping) else list(np.asarray(found, dtype=object))


def _signal(values: object, electrodes: int, person: int, clip: int, place: Path) -> Tensor:
    rows: NDArray[np.float32] = np.asarray(values, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] != electrodes:
        raise ValueError(
            f"{place} holds a signal of shape {rows.shape} for person {person}, clip {clip}: it must be "
            f"(samples, {electrodes})."
        )
    return torch.from_numpy(np.ascontiguousarray(rows.T))
