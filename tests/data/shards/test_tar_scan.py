from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.shards.tar_scan import scan_tar

FILES = {"a.json": b"{}", "a.txt": b"x" * 700, "b.json": b""}


def write_tar(
    path: Path, tar_format: int = tarfile.USTAR_FORMAT, extra: tarfile.TarInfo | None = None
) -> Path:
    with tarfile.open(path, "w", format=tar_format) as archive:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if extra is not None:
            archive.addfile(extra, io.BytesIO(bytes(extra.size)))
    return path


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_of_every_format(tmp_path: Path, tar_format: int) -> None:
    path = write_tar(tmp_path / "x.tar", tar_format)
    data = path.read_bytes()
    assert {m.name: data[m.offset : m.offset + m.size] for m in scan_tar(path)} == FILES


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_left_to_tarfile(tmp_path: Path, tar_format: int) -> None:
    name = "k" * 200 + ".json"
    path = write_tar(tmp_path / "x.tar", tar_format, tarfile.TarInfo(name))
    assert [m.name for m in scan_tar(path)] == [*FILES, name]
    data = path.read_bytes().rstrip(b"\0")
    for stop in range(512, len(data), 512):  # inside the long name's own blocks too
        (tmp_path / "cut.tar").write_bytes(data[:stop])
        with pytest.raises(ShardError, match="damaged"):
            scan_tar(tmp_path / "cut.tar")


def test_a_prefix_and_a_folder(tmp_path: Path) -> None:
    folder = tarfile.TarInfo("d")
    folder.type = tarfile.DIRTYPE
    path = write_tar(tmp_path / "x.tar", extra=folder)
    assert len(scan_tar(path)) == len(FILES)
    long = tarfile.TarInfo("d" * 90 + "/" + "n" * 90 + ".txt")
    assert scan_tar(write_tar(tmp_path / "y.tar", extra=long))[-1].name == long.name


def test_truncation_anywhere_is_found(tmp_path: Path) -> None:
    # Stock readers end in silence where a cut falls on a member's boundary.
    data = write_tar(tmp_path / "x.tar").read_bytes().rstrip(b"\0")
    whole = -(-len(data) // 512) * 512
    whole = max(whole, 6 * 512)  # the empty member's header ends in zeros
    cut = tmp_path / "cut.tar"
    for stop in [*range(0, whole + 1024, 512), *range(3, whole + 1024, 301)]:
        cut.write_bytes((data + bytes(4096))[:stop])
        with pytest.raises(ShardError, match="damaged"):
            scan_tar(cut)
    cut.write_bytes((data + bytes(4096))[: whole + 1024])
    assert len(scan_tar(cut)) == 3


def test_every_flipped_byte_of_a_header_is_found(tmp_path: Path) -> None:
    data = bytearray(write_tar(tmp_path / "x.tar").read_bytes())
    path = tmp_path / "flip.tar"
    for place in range(0, 512):
        if 148 <= place < 156 or not data[place]:
            continue
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ShardError):
            scan_tar(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes, tar_format: int) -> None:
    extra = tarfile.TarInfo("c.txt" if tar_format == tarfile.USTAR_FORMAT else "c" * 150 + ".txt")
    extra.type = kind
    extra.linkname = "/etc/passwd"
    with pytest.raises(ShardError, match="link"):
        scan_tar(write_tar(tmp_path / "x.tar", tar_format, extra))


def hostile_size(size: int) -> bytes:
    info = tarfile.TarInfo("a.txt")
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)


@pytest.mark.parametrize("size", [2 * 2**30, 8 * 2**30 - 1, 2**62, -5])
def test_a_claimed_size_is_not_believed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(hostile_size(size))
    with pytest.raises(ShardError, match="damaged"):
        scan_tar(path)


def test_what_follows_the_end_mark_is_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar")
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ShardError, match="follows"):
        scan_tar(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"none\.tar cannot be read"):
        scan_tar(tmp_path / "none.tar")
