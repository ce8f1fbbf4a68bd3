"""Arrays of a published ``.npz``, never its pickles."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from affectkit.data.sources.source import SourceError

NpzArray: TypeAlias = npt.NDArray[np.generic]


def npz_arrays(path: Path, names: Collection[str]) -> dict[str, NpzArray]:
    """Read arrays of equal length.

    Args:
        path: The file.
        names: Arrays that it must have; others are left alone.

    Raises:
        SourceError: If the file or an array is absent or damaged, holds Python objects, or the
            lengths differ.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file.files]
            if missing:
                raise SourceError(path, None, f"the array {missing[0]!r} is missing; restore the file.")
            arrays = {name: np.asarray(file[name]) for name in names}
    except SourceError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise SourceError(path, None, f"it cannot be read as arrays ({error}); restore the file.") from error
    lengths = {name: array.shape[0] if array.ndim else -1 for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or -1 in lengths.values():
        stated = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise SourceError(path, None, f"its arrays differ in length ({stated}); restore the file.")
    return arrays
