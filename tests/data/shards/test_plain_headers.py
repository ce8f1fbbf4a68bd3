"""The quick comparison says yes only where the thorough one finds nothing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from affectkit.data.modules import ImageDataModule
from affectkit.data.schema import ShardError
from affectkit.data.shards import DatasetWriter, Licence, Manifest, read_manifest
from affectkit.data.shards import shard_store as shard_store_module
from affectkit.data.shards.foreign import index_foreign
from affectkit.data.shards.plain_headers import has_plain_headers
from affectkit.data.shards.shard_index import ShardIndex, group_members, open_index
from affectkit.data.shards.tar_scan import scan_tar

TEMPLATE = Manifest(
    name="set", kind="image", label_space=None, licence=Licence("CC0", "open"), created_by="a test"
)


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Four samples of two members, whose sizes are no multiples of a block but for one."""
    with DatasetWriter(tmp_path / "set", TEMPLATE) as writer:
        for number, size in enumerate((1, 512, 700, 0)):
            record = {"id": str(number), "label": None}
            writer.add_item("train", f"täg{number}", record, members={"png": bytes(size)})  # type: ignore[arg-type]
    return tmp_path / "set" / "train-00000.tar"


def index_of(shard: Path) -> ShardIndex:
    return open_index(shard.with_name(f"{shard.name}.idx"))


def is_whole(shard: Path, index: ShardIndex) -> bool:
    """What the thorough comparison says."""
    try:
        found = group_members(shard, scan_tar(shard), left_out=index.left_out)
    except ShardError:
        return False
    return found == [(index.key(sample), index.members(sample)) for sample in range(len(index))]


def test_what_our_writer_makes_is_plain(shard: Path) -> None:
    assert has_plain_headers(shard, index_of(shard)) and is_whole(shard, index_of(shard))


def test_no_changed_byte_of_a_header_or_the_end_passes(shard: Path) -> None:
    index, whole = index_of(shard), shard.read_bytes()
    second = int(index.member_offset[1]) - 512
    places = [*range(second, second + 512), *range(512), len(whole) - 1, len(whole) - 1024]
    answers = set()
    for place in places:
        for byte in (0xFF, ord("7")):
            damaged = bytearray(whole)
            damaged[place] = byte if damaged[place] != byte else ord("1")
            shard.write_bytes(bytes(damaged))
            answers.add(has_plain_headers(shard, index))
    assert answers == {False}


def test_a_mended_checksum_does_not_hide_another_name_size_or_kind(shard: Path) -> None:
    index, whole = index_of(shard), shard.read_bytes()
    for place, byte in ((3, b"x"), (134, b"5"), (156, b"2"), (345, b"p")):
        damaged = bytearray(whole)
        damaged[place : place + 1] = byte
        damaged[148:156] = b" " * 8
        damaged[148:156] = b"%06o\0 " % sum(damaged[:512])
        shard.write_bytes(bytes(damaged))
        assert not has_plain_headers(shard, index)


def test_a_cut_or_lengthened_tar_is_not_plain(shard: Path) -> None:
    index, whole = index_of(shard), shard.read_bytes()
    for end in (*range(512, len(whole), 512), len(whole) - 1):
        shard.write_bytes(whole[:end])
        assert not has_plain_headers(shard, index)
    shard.write_bytes(whole + b"x")
    assert not has_plain_headers(shard, index)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_other_writers_are_left_to_the_thorough_comparison(tmp_path: Path, form: int) -> None:
    folder = tmp_path / "foreign"
    folder.mkdir()
    names = ["a.JPG", "b.jpg", f"{'k' * 120}.jpg"]
    with tarfile.open(folder / "train-000000.tar", "w", format=form) as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    index_foreign(folder, TEMPLATE)
    shard = folder / "train-000000.tar"
    assert not has_plain_headers(shard, index_of(shard)) and is_whole(shard, index_of(shard))
    shard_store_module.verify_shard(folder, read_manifest(folder).shards[0], verify="headers")


def test_a_damaged_header_is_an_error_before_training_by_default(shard: Path) -> None:
    tar = bytearray(shard.read_bytes())
    tar[1] ^= 1
    shard.write_bytes(bytes(tar))
    with pytest.raises(ShardError, match=r"train-00000\.tar is damaged at byte 0"):
        ImageDataModule(str(shard.parent)).setup("fit")
    ImageDataModule(str(shard.parent), verify="size").setup("fit")
