"""Packed samples: the layout restated naively, round trips, and every cut is an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectkit.data.lmdb import pack_sample, sample_key, unpack_sample
from affectkit.data.schema import ShardError

keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
members = st.dictionaries(st.sampled_from(["cls", "json", "face-003.png", "txt"]), st.binary(max_size=70))


def naive(key: str, contents: dict[str, bytes]) -> bytes:
    value = len(key.encode()).to_bytes(4, "little") + len(contents).to_bytes(2, "little")
    for ext, data in contents.items():
        value += len(ext.encode()).to_bytes(2, "little") + len(data).to_bytes(8, "little")
    value += key.encode() + "".join(contents).encode()
    for data in contents.values():
        while len(value) % 16:
            value += b"\0"
        value += data
    return value


@given(key=keys, contents=members)
def test_a_sample_comes_back_in_its_order(key: str, contents: dict[str, bytes]) -> None:
    value = pack_sample(key, contents)
    assert value == naive(key, contents)
    assert sample_key(value) == key
    found = unpack_sample(value)
    assert [(ext, bytes(data)) for ext, data in found.items()] == list(contents.items())


def test_nothing_is_copied() -> None:
    value = bytearray(pack_sample("a", {"txt": b"hello"}))
    found = unpack_sample(memoryview(value))["txt"]
    value[-5:] = b"HELLO"
    assert bytes(found) == b"HELLO"


@given(key=keys, contents=members, data=st.data())
def test_a_cut_value_is_an_error(key: str, contents: dict[str, bytes], data: st.DataObject) -> None:
    value = pack_sample(key, contents)
    length = data.draw(st.integers(0, len(value) - 1))
    with pytest.raises(ShardError, match="packed sample is damaged"):
        unpack_sample(value[:length])


@given(st.binary(max_size=200))
def test_noise_is_read_or_refused_but_never_fails_otherwise(noise: bytes) -> None:
    try:
        found = unpack_sample(noise)
    except ShardError:
        return
    assert sum(map(len, found.values())) <= len(noise)


def test_a_member_stated_twice_is_an_error() -> None:
    value = pack_sample("a", {"txt": b"x", "tyt": b"y"}).replace(b"tyt", b"txt")
    with pytest.raises(ShardError, match="damaged"):
        unpack_sample(value)
