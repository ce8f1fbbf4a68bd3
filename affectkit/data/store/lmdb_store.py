"""Random access to the samples of a split in an LMDB, behind the same protocol as shards."""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from affectkit.data.lmdb import DATA_NAME, LmdbReader, open_reader, sample_key, unpack_sample
from affectkit.data.schema import ShardError, canonical_json, parse_json
from affectkit.data.shards import Manifest, Verify, read_manifest
from affectkit.data.shards.json_fields import JsonFields

#: States size and checksum of the data file; written last, so a folder without it is unfinished.
SEAL_NAME: Final = "lmdb.json"
#: Holds the manifest inside the data file; sorts after every sample.
MANIFEST_ENTRY: Final = b"~manifest"
_VERSION: Final = 1
_POSITION = struct.Struct(">Q")  # most significant byte first, so that names sort by position


class LmdbStore:
    """The samples of one split of an LMDB; satisfies the protocol ``SampleStore``.

    Order, keys and contents are those of the shards from which it was built, and so are ``counts``
    and ``fingerprint``: a run that began on one can be resumed on the other. The file is opened when
    the first sample is read, by each process for itself, and a pickled store carries no handle. What
    :meth:`get` returns belongs to the process that read it: a forked child must not touch slices
    that its parent read. Use :func:`open_lmdb`, which also verifies.

    Args:
        root: Folder of the LMDB.
        manifest: Its manifest.
        split: Which split to read.

    Raises:
        ShardError: If there is no such split.
    """

    def __init__(self, root: str | os.PathLike[str], manifest: Manifest, split: str) -> None:
        self.root = Path(root)
        self.manifest = manifest
        self.split = split
        self.counts = tuple(entry.samples for entry in manifest.split_shards(split))
        self.fingerprint = manifest.fingerprint(split)
        self._length = sum(self.counts)
        self._reader: LmdbReader | None = None

    def __len__(self) -> int:
        return self._length

    def key(self, position: int) -> str:
        """Key of the sample at ``position``.

        Raises:
            IndexError: If there is no such position.
        """
        return sample_key(self._value(position))

    def describe(self, position: int) -> str:
        """Folder, split and key of the sample at ``position``, to begin an error message with."""
        return f"{self.root}, split {self.split!r}, sample {self.key(position)!r}"

    def get(self, position: int) -> dict[str, memoryview]:
        """Members of the sample at ``position``: extension to bytes, read-only and not copied.

        Raises:
            IndexError: If there is no such position.
            ShardError: If the file is damaged, or was replaced since the store was opened.
        """
        return unpack_sample(self._value(position))

    def _value(self, position: int) -> memoryview:
        if not 0 <= position < self._length:
            raise IndexError(
                f"Split {self.split!r} of {self.root} has {self._length} samples, and no {position}."
            )
        reader = self._reader
        if reader is None or reader.process != os.getpid():
            reader = self._reader = _open(self.root, self.manifest)
        return reader.get(entry_name(self.split, position))

    def __getstate__(self) -> tuple[Path, Manifest, str]:
        return self.root, self.manifest, self.split

    def __setstate__(self, state: tuple[Path, Manifest, str]) -> None:
        LmdbStore.__init__(self, *state)


def open_lmdb(root: str | os.PathLike[str], split: str, *, verify: Verify = "size") -> LmdbStore:
    """Open one split of an LMDB and verify that it is whole.

    Args:
        root: Folder made by :func:`shards_to_lmdb`.
        split: Which split.
        verify: ``"size"`` compares the file's size, the number of values and the stored manifest;
            ``"headers"`` also unpacks every sample of the split; ``"sha256"`` also reads the whole
            file and compares its checksum. LMDB trusts its pages: damage that leaves the size as
            it was is found by ``"sha256"`` alone.

    Raises:
        ShardError: If a file is absent, cut or damaged, or the build was not finished.
    """
    if verify not in get_args(Verify):
        raise ShardError(f"verify={verify!r} is unknown: use one of {', '.join(get_args(Verify))}.")
    folder = Path(root)
    store = LmdbStore(folder, read_manifest(folder), split)
    if verify == "sha256":
        _check_digest(folder)
    store._reader = _open(folder, store.manifest)
    if verify != "size":
        _check_samples(store)
    return store


def is_lmdb(root: str | os.PathLike[str]) -> bool:
    """Whether ``root`` is a folder that holds an LMDB."""
    return (Path(root) / DATA_NAME).is_file()


def entry_name(split: str, position: int) -> bytes:
    """Under which name a sample lies; names sort by split, then by position."""
    return split.encode("ascii") + b"\0" + _POSITION.pack(position)


@dataclass(frozen=True, slots=True)
class _Seal:
    bytes: int
    sha256: str


def seal_of(folder: Path) -> bytes:
    """Content of the seal for the data file that lies in ``folder``."""
    path = folder / DATA_NAME
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    seal = {"format": "affectkit-lmdb", "version": _VERSION, "bytes": path.stat().st_size, "sha256": digest}
    return canonical_json(seal) + b"\n"


def _read_seal(folder: Path) -> _Seal:
    path = folder / SEAL_NAME
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ShardError(
            f"{path} cannot be read ({error.strerror}): build the LMDB with `affectkit shards to-lmdb`."
        ) from error
    fields = JsonFields(parse_json(data, where=str(path)), str(path))
    form, version = fields.text("format"), fields.integer("version")
    if form != "affectkit-lmdb" or not 1 <= version <= _VERSION:
        raise ShardError(
            f"{path} is of format {form!r} version {version}, and this affectkit reads 'affectkit-lmdb' "
            f"up to version {_VERSION}: upgrade affectkit."
        )
    return _Seal(fields.integer("bytes"), fields.text("sha256"))


def _open(folder: Path, manifest: Manifest) -> LmdbReader:
    # First of all: reading a mapped file beyond its end kills the process.
    seal, path = _read_seal(folder), folder / DATA_NAME
    size = path.stat().st_size if path.is_file() else 0
    if size != seal.bytes:
        raise ShardError(
            f"{path} has {size} bytes and {SEAL_NAME} states {seal.bytes}, so it was cut or changed: "
            "restore it or build it anew with `affectkit shards to-lmdb`."
        )
    reader = open_reader(folder)
    if bytes(reader.get(MANIFEST_ENTRY)) != manifest.to_json():
        raise ShardError(
            f"{path} holds another manifest than the one that was read, so the data set was rebuilt or mixed "
            "with another: open it again, or build it anew with `affectkit shards to-lmdb`."
        )
    stated = sum(entry.samples for entry in manifest.shards) + 1
    if reader.entries != stated:
        raise ShardError(
            f"{path} holds {reader.entries} values and its manifest asks for {stated}: "
            "build it anew with `affectkit shards to-lmdb`."
        )
    return reader


def _check_digest(folder: Path) -> None:
    if seal_of(folder) != (folder / SEAL_NAME).read_bytes():
        raise ShardError(
            f"{folder / DATA_NAME} has another sha256 than {SEAL_NAME} states, so its bytes have changed: "
            "restore it or build it anew with `affectkit shards to-lmdb`."
        )


def _check_samples(store: LmdbStore) -> None:
    seen: set[str] = set()
    for position in range(len(store)):
        store.get(position)
        key = store.key(position)
        if key in seen:
            raise ShardError(f"{store.root} holds the key {key!r} twice: build it anew from the shards.")
        seen.add(key)
