"""The only module that touches lmdb: one process-wide reader for each file, and the writer."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from affectkit.data.schema import ShardError

#: File name of the data inside the folder of an LMDB.
DATA_NAME: Final = "data.mdb"

_FIRST_MAP: Final = 64 * 2**20
_BATCH_BYTES: Final = 32 * 2**20


class LmdbReader:
    """A finished LMDB, opened read-only and without locks; get one from :func:`open_reader`.

    What it returns lies in the mapped file. The map stays open until the process ends, so that no
    slice ever points at memory that is gone, also when a store is dropped or its folder is replaced.

    Args:
        folder: Folder that holds the data file.

    Raises:
        ShardError: If LMDB cannot read the file.
    """

    def __init__(self, folder: Path) -> None:
        import lmdb

        self.folder = folder
        self.process = os.getpid()
        # A read transaction serves one thread at a time, and lmdb lets go of the GIL while it reads.
        self._turn = threading.Lock()
        try:
            self._environment = lmdb.open(
                os.fspath(folder), readonly=True, create=False, lock=False, readahead=False, meminit=False
            )
            self._transaction = self._environment.begin(buffers=True)
            #: Number of values that are stored.
            self.entries: int = self._environment.stat()["entries"]
        except lmdb.Error as error:
            raise _unreadable(folder, error) from error

    def get(self, name: bytes) -> memoryview:
        """The value under ``name``, read-only and not copied.

        Raises:
            ShardError: If there is none, or the file is damaged.
        """
        import lmdb

        try:
            with self._turn:
                value = self._transaction.get(name)
        except lmdb.Error as error:
            raise _unreadable(self.folder, error) from error
        if value is None:
            raise ShardError(f"{self.folder / DATA_NAME} holds nothing under {name!r}: build it anew.")
        return memoryview(value)

    def close(self) -> None:
        """Unmap the file; every slice of it becomes invalid."""
        self._environment.close()


_readers: dict[tuple[int, int], LmdbReader] = {}
_opening = threading.Lock()


def open_reader(folder: Path) -> LmdbReader:
    """The reader of the LMDB that lies in ``folder`` now, opened once in each process.

    lmdb refuses a second opening of one file in a process, so all stores share a reader. A forked
    child must not use what its parent opened: it closes that and opens the file for itself. A data
    set that was rebuilt and swapped in is another file, and gets another reader.

    Raises:
        ShardError: If the file is absent or LMDB cannot read it.
    """
    try:
        found = (folder / DATA_NAME).stat()
    except OSError as error:
        raise ShardError(
            f"{folder / DATA_NAME} cannot be read ({error.strerror}): "
            "build it with `affectkit shards to-lmdb`."
        ) from error
    file = (found.st_dev, found.st_ino)
    with _opening:
        reader = _readers.get(file)
        if reader is not None and reader.process != os.getpid():
            reader.close()
            reader = None
        if reader is None:
            reader = _readers[file] = LmdbReader(folder)
        return reader


def _after_fork() -> None:
    global _opening
    # Another thread of the parent may have held it, and does not exist here to let go of it.
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class LmdbWriter:
    """Fills a new LMDB; used as a context manager, at whose end everything is on the disk.

    Values are written in batches, each one transaction. Where the map is full, the transaction is
    given up, the map doubled and the batch written again.

    Args:
        folder: An empty folder.
        map_size: Size of the map to begin with, in bytes; the file grows only as needed.

    Raises:
        ShardError: If LMDB cannot write there.
    """

    def __init__(self, folder: Path, *, map_size: int = _FIRST_MAP) -> None:
        import lmdb

        self.folder = folder
        self.map_size = map_size
        self._pending: list[tuple[bytes, bytes]] = []
        self._pending_bytes = 0
        self._last = b""
        try:
            # No lock and no sync for each transaction: nobody else knows this folder, and what a
            # kill leaves of it is thrown away. It is synced once, at the end.
            self._environment = lmdb.open(
                os.fspath(folder), map_size=map_size, lock=False, sync=False, metasync=False, mode=0o644
            )
        except lmdb.Error as error:
            raise _unwritable(folder, error) from error

    def put(self, name: bytes, value: bytes) -> None:
        """Store a value; names must come in ascending order.

        Raises:
            ShardError: If the name does not follow the last one, or LMDB cannot write.
        """
        if name <= self._last:
            raise ShardError(f"The name {name!r} does not follow {self._last!r}: write names in order.")
        self._last = name
        self._pending.append((name, value))
        self._pending_bytes += len(value)
        if self._pending_bytes >= _BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        import lmdb

        while self._pending:
            try:
                with self._environment.begin(write=True) as transaction:
                    for name, value in self._pending:
                        transaction.put(name, value, append=True)
                self._pending.clear()
                self._pending_bytes = 0
            except lmdb.MapFullError:
                self.map_size *= 2
                self._environment.set_mapsize(self.map_size)
            except lmdb.Error as error:
                raise _unwritable(self.folder, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import lmdb

        try:
            if error is None:
                self._flush()
                self._environment.sync(True)
        except lmdb.Error as failure:
            raise _unwritable(self.folder, failure) from failure
        finally:
            self._environment.close()


def _unreadable(folder: Path, error: Exception) -> ShardError:
    return ShardError(
        f"{folder / DATA_NAME} is damaged or no LMDB ({error}): "
        "build it anew with `affectkit shards to-lmdb`."
    )


def _unwritable(folder: Path, error: Exception) -> ShardError:
    return ShardError(
        f"LMDB cannot write to {folder} ({error}): free space on that disk, or choose another place."
    )
