"""A bounded folder of files that were brought from elsewhere, shared by all processes of a node."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from filelock import FileLock, Timeout

from affectkit.data.remote.error import RemoteError, TransientError
from affectkit.data.remote.remote_folder import RemoteFolder

_DEFAULT_BYTES: Final = 100 * 2**30
_LOCKS: Final = "locks"


@dataclass(frozen=True, slots=True)
class FileCache:
    """Brings files, compares their checksums, and lets go of those that were not used for longest.

    However many processes of a node ask for a file, one brings it and the others wait. A file
    appears under its name only when it is whole. Files that a process has mapped stay readable for
    it after they were removed.

    Args:
        folder: Where the cache lies; made when it is needed.
        max_bytes: Never more than so many bytes lie there.

    Raises:
        RemoteError: If the limit is not positive.
    """

    folder: Path
    max_bytes: int = _DEFAULT_BYTES

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise RemoteError(
                f"The cache cannot be limited to {self.max_bytes} bytes: give a positive number."
            )

    @classmethod
    def from_environment(cls) -> Self:
        """The cache at ``AFFECTKIT_CACHE``, of at most ``AFFECTKIT_CACHE_BYTES``.

        They default to ``~/.cache/affectkit`` and 100 GiB.

        Raises:
            RemoteError: If the limit is no number.
        """
        place = os.environ.get("AFFECTKIT_CACHE")
        folder = Path(place) if place else Path.home() / ".cache" / "affectkit"
        limit = os.environ.get("AFFECTKIT_CACHE_BYTES", str(_DEFAULT_BYTES))
        if not limit.isdecimal():
            raise RemoteError(
                f"AFFECTKIT_CACHE_BYTES={limit!r} is no number of bytes: give one such as 50000000000."
            )
        return cls(folder, int(limit))

    def fetch(
        self, source: RemoteFolder, name: str, *, group: str, sha256: str, size: int | None = None
    ) -> Path:
        """The local path of a file, brought first where it is not here.

        Args:
            source: Folder in which it lies.
            name: Its name there and here.
            group: Folder of the cache to put it in; must change with the content.
            sha256: Its checksum.
            size: Its size, where that is known.

        Raises:
            RemoteError: If it cannot be brought whole, or has no room here.
        """
        path = self.folder / group / name
        if _is_here(path, size):
            return path
        try:
            (self.folder / _LOCKS).mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(exist_ok=True)
            with FileLock(self._lock(path)):
                if not _is_here(path, size):
                    self._bring(source, path, sha256, size)
            return path
        except OSError as error:  # those of the network were translated where they arose
            raise RemoteError(
                f"The cache {self.folder} cannot take {name} ({error.strerror or error}): free space on its "
                "disk, or set AFFECTKIT_CACHE to a folder on another one."
            ) from error

    def _bring(self, source: RemoteFolder, path: Path, sha256: str, size: int | None) -> None:
        part = path.with_name(f".{path.name}.part")
        try:
            self._reserve(part, size or 0)
            source.persist(path.name, lambda: _download(source, path.name, part, sha256, size))
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def _reserve(self, part: Path, size: int) -> None:
        """Make room, and take it at once, so that processes bringing several files share the limit."""
        if size > self.max_bytes:
            raise RemoteError(
                f"{part.name[1:-5]} has {size} bytes and the cache {self.folder} is limited to "
                f"{self.max_bytes}: raise AFFECTKIT_CACHE_BYTES."
            )
        with FileLock(self.folder / _LOCKS / "room"):
            self._make_room(size)
            with part.open("wb") as file:
                if size and hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)  # a full disk is known now, not at the end
                else:
                    file.truncate(size)

    def _make_room(self, size: int) -> None:
        files = [(path.stat(), path) for path in self.folder.glob("*/*") if path.parent.name != _LOCKS]
        total = sum(found.st_size for found, _ in files)
        for found, path in sorted(files, key=lambda item: (item[0].st_mtime_ns, item[1])):
            if total + size <= self.max_bytes and shutil.disk_usage(self.folder).free >= size:
                return
            if path.name.endswith(".part"):
                removed = self._remove_abandoned(path)
            else:
                path.unlink(missing_ok=True)
                removed = True
            if removed:
                total -= found.st_size
        if total + size > self.max_bytes:
            raise RemoteError(
                f"The cache {self.folder} is limited to {self.max_bytes} bytes, of which {total} are being "
                f"brought by other processes, and {size} more are wanted: raise AFFECTKIT_CACHE_BYTES."
            )

    def _remove_abandoned(self, part: Path) -> bool:
        """Remove what a killed process left; what a living one is bringing is locked by it."""
        with suppress(Timeout), FileLock(self._lock(part.with_name(part.name[1:-5])), timeout=0):
            part.unlink(missing_ok=True)
            return True
        return False

    def _lock(self, path: Path) -> Path:
        return self.folder / _LOCKS / f"{path.parent.name}-{path.name}.lock"


def _is_here(path: Path, size: int | None) -> bool:
    try:
        if size is not None and path.stat().st_size != size:
            return False
        os.utime(path)  # the time of last use
    except OSError:
        return False
    return True


def _download(source: RemoteFolder, name: str, part: Path, sha256: str, size: int | None) -> None:
    digest, seen = hashlib.sha256(), 0
    with part.open("r+b") as file:
        for chunk in source.chunks(name, size=size):
            seen += len(chunk)
            if size is not None and seen > size:
                raise TransientError(f"more than the stated {size} bytes came")
            file.write(chunk)
            digest.update(chunk)
        if size is not None and seen != size:
            raise TransientError(f"{seen} of {size} bytes came")
        if digest.hexdigest() != sha256:
            raise TransientError("the bytes that came have another sha256 than the manifest states")
        file.truncate(seen)
        file.flush()
        os.fsync(file.fileno())
