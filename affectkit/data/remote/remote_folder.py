"""The only module that touches fsspec: a folder on a server or in an object store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol, TypeVar

from affectkit._optional import require
from affectkit.data.remote.error import RemoteError, TransientError

T = TypeVar("T")

#: Scheme of an address: the module that speaks it. A closed list: fsspec itself would also follow
#: addresses that run commands or chain file systems.
_SCHEMES: Final = {
    "http": "aiohttp",
    "https": "aiohttp",
    "s3": "s3fs",
    "gs": "gcsfs",
    "hf": "huggingface_hub",
}
_CHUNK: Final = 2**20
_MAX_SMALL: Final = 512 * 2**20
_RETRIED_STATUS: Final = (408, 425, 429)


def is_remote(root: str | os.PathLike[str]) -> bool:
    """Whether ``root`` is an address such as ``https://host/folder`` rather than a local folder.

    Examples:
        >>> is_remote("s3://bucket/meld"), is_remote("shards/meld")
        (True, False)
    """
    return isinstance(root, str) and root.partition("://")[0] in _SCHEMES and "://" in root


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder at an address, with its manners on a bad line. It can be pickled.

    Args:
        url: Address with the scheme http, https, s3, gs or hf.
        attempts: How often a file is asked for before it is an error.
        pause: Seconds before the second attempt; doubled before each further one.
        timeout: Seconds without a byte after which an http connection is given up.

    Raises:
        RemoteError: If the address cannot be that of a folder.
    """

    url: str
    attempts: int = 5
    pause: float = 1.0
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if not is_remote(self.url) or any(mark in self.url for mark in "?#"):
            raise RemoteError(
                f"The address {self.url!r} is not SCHEME://PLACE/FOLDER with a scheme among "
                f"{', '.join(_SCHEMES)}: give the folder in which manifest.json lies, without '?' or '#'."
            )

    def address(self, name: str) -> str:
        """Address of a file in the folder."""
        return f"{self.url.rstrip('/')}/{name}"

    def read(self, name: str) -> bytes:
        """The content of a small file.

        Raises:
            RemoteError: If it cannot be brought.
        """
        return self.persist(name, lambda: b"".join(self.chunks(name, limit=_MAX_SMALL)))

    def persist(self, name: str, attempt: Callable[[], T]) -> T:
        """Call ``attempt`` until it succeeds, pausing longer each time.

        Raises:
            RemoteError: If it failed as often as is allowed, or for good.
        """
        for number in range(self.attempts):
            try:
                return attempt()
            except TransientError as error:
                last = error
            if number + 1 < self.attempts:
                time.sleep(self.pause * 2**number)
        raise RemoteError(
            f"{self.address(name)} could not be brought in {self.attempts} attempts (the last: {last}): "
            "look whether the server and its copy are whole, and try again later."
        ) from last

    def size(self, name: str) -> int | None:
        """Bytes of a file as the server states them, or None where it does not.

        Raises:
            RemoteError: If there is no such file.
        """

        def ask() -> int | None:
            with _Translated(self.address(name)):
                system, path = self._open(name)
                size = system.info(path).get("size")
                return size if isinstance(size, int) else None

        return self.persist(name, ask)

    def chunks(self, name: str, *, size: int | None = None, limit: int | None = None) -> Iterator[bytes]:
        """The content of a file in pieces, one attempt.

        Args:
            name: Name of the file.
            size: Its size where that is known, which spares a question to the server.
            limit: Give up beyond so many bytes.

        Raises:
            TransientError: If the line broke.
            RemoteError: If there is no such file, it may not be read, or it is over the limit.
        """
        seen = 0
        with _Translated(self.address(name)):
            system, path = self._open(name)
            web = self.url.startswith("http")
            # One plain stream over the web; object stores are read in ranges by their own modules.
            options: dict[str, object] = {"block_size": 0, "size": size} if web else {}
            with system.open(path, "rb", **options) as file:
                while chunk := file.read(_CHUNK):
                    seen += len(chunk)
                    if limit is not None and seen > limit:
                        raise RemoteError(f"{self.address(name)} is over {limit} bytes: look what it is.")
                    yield chunk

    def _open(self, name: str) -> tuple[_FileSystem, str]:
        scheme = self.url.partition("://")[0]
        module = require(_SCHEMES[scheme], extra="remote", purpose=f"Reading {scheme}:// addresses")
        fsspec = require("fsspec.core", extra="remote", purpose="Reading remote shards")
        options: dict[str, object] = {}
        if module.__name__ == "aiohttp":
            # Its own limit is five minutes for a whole file, however steadily it comes.
            limits = module.ClientTimeout(total=None, sock_connect=self.timeout, sock_read=self.timeout)
            options["client_kwargs"] = {"timeout": limits}
        found: tuple[_FileSystem, str] = fsspec.url_to_fs(self.address(name), **options)
        return found


class _FileSystem(Protocol):
    """What is used of fsspec's file systems, which have no types."""

    def info(self, path: str) -> Mapping[str, object]: ...

    def open(self, path: str, mode: str, **options: object) -> BinaryIO: ...


class _Translated:
    """Turns what file systems raise into an error for good, or one after which to try again."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, RemoteError | ImportError):
            return
        status = getattr(error, "status", None)
        if isinstance(error, FileNotFoundError) or status in (404, 410):
            raise RemoteError(f"{self.address} does not exist: correct the address.") from error
        refused = isinstance(status, int) and 400 <= status < 500 and status not in _RETRIED_STATUS
        if isinstance(error, PermissionError) or refused:
            raise RemoteError(
                f"{self.address} may not be read ({error}): "
                "log in as that place asks, or correct the address."
            ) from error
        # Every file system has errors of its own for a broken line, so all others are tried again.
        raise TransientError(f"{type(error).__name__} {error}".rstrip()) from error
