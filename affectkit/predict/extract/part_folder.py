"""Finished units on disk, so that a killed extraction loses only what it was doing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from affectkit.atomic_file import write_atomically
from affectkit.data.decode import decode_safetensors
from affectkit.data.shards import encode_tensors
from affectkit.predict.extract.error import ExtractError
from affectkit.predict.extract.work_unit import WorkUnit

if sys.platform != "win32":
    import fcntl


class PartFolder:
    """The folder ``.OUT.extract`` beside the output, with one file for each finished unit.

    A file's name holds the digest of everything that its content depends on, so parts of another
    source or encoder are never taken for these.

    Args:
        out: The data set that is to be made.
        digest: Hexadecimal digest of source, encoders and units.
    """

    def __init__(self, out: Path, digest: str) -> None:
        self.folder = out.absolute().with_name(f".{out.name}.extract")
        self.digest = digest[:16]

    def path(self, unit: WorkUnit) -> Path:
        """Where the part of ``unit`` lies."""
        return self.folder / f"{unit.name}.{self.digest}.safetensors"

    def prepare(self) -> None:
        """Make the folder and remove the parts of other parameters.

        Raises:
            ExtractError: If the folder cannot be made.
        """
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ExtractError(
                f"The folder {self.folder.parent} cannot be written ({error.strerror}): "
                "make it first, or choose another place for the output."
            ) from error
        for path in self.folder.glob("*.safetensors"):
            if not path.name.endswith(f".{self.digest}.safetensors"):
                path.unlink(missing_ok=True)

    def has(self, unit: WorkUnit) -> bool:
        """Whether the unit is done; a file that cannot be read is not."""
        path = self.path(unit)
        if not path.is_file():
            return False
        try:
            with safe_open(path, framework="pt"):
                return True
        except (SafetensorError, OSError):
            return False

    def write(self, unit: WorkUnit, tensors: Mapping[str, Tensor]) -> None:
        """Store the features of a unit: the file is whole or absent, also after a kill."""
        write_atomically(self.path(unit), encode_tensors(tensors))

    def read(self, unit: WorkUnit) -> dict[str, Tensor]:
        """Read the features of a unit."""
        return decode_safetensors(self.path(unit).read_bytes())

    def remove(self) -> None:
        """Remove the folder; called when the output is in its place."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for, then hold, the lock of the folder; a process that dies lets go of it."""
        with suppress(FileNotFoundError):
            self.folder.mkdir(exist_ok=True)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            if sys.platform != "win32":
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
