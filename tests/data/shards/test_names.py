from __future__ import annotations

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.shards.names import check_key, check_split, member_name, shard_name, split_member_name


@pytest.mark.parametrize("key", ["a", "dia0_utt1", "spk-1/utt_2", "音声1", "a b"])
def test_plain_keys_pass(key: str) -> None:
    assert member_name(key, "json") == f"{key}.json"
    assert split_member_name(f"{key}.face-1.png", where="x") == (key, "face-1.png")


@pytest.mark.parametrize(
    "key", ["", "a.b", "../a", "/a", "a/", "a//b", "a\\b", "a\nb", "a\x00", "C:a", "\udc80", "./a"]
)
def test_unsafe_keys_are_refused(key: str) -> None:
    with pytest.raises(ShardError, match="key"):
        check_key(key)


@pytest.mark.parametrize(
    "ext", ["pkl", "pyd", "pth", "json.pickle", "", "JSON", "a/b.json", ".json", "a..png"]
)
def test_extensions_off_the_list_are_refused(ext: str) -> None:
    with pytest.raises(ShardError):
        member_name("key", ext)


def test_over_long_names_are_refused() -> None:
    assert member_name("k" * 95, "json")
    with pytest.raises(ShardError, match="100 bytes"):
        member_name("k" * 96, "json")
    with pytest.raises(ShardError, match="100 bytes"):
        member_name("é" * 48, "json")


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd.txt", "../a.txt", "a/../b.txt", "a/./b.txt", "..", "a\\..\\b.txt", "", "a//b.txt", "./"],
)
def test_climbing_member_names_are_refused(name: str) -> None:
    with pytest.raises(ShardError, match="unsafe"):
        split_member_name(name, where="x.tar")


@pytest.mark.parametrize("name", ["noext", ".hidden", "a.", "folder/.x"])
def test_names_without_key_or_extension_are_refused(name: str) -> None:
    with pytest.raises(ShardError, match=r"KEY\.EXT"):
        split_member_name(name, where="x.tar")


def test_a_dot_in_a_folder_is_part_of_the_key() -> None:
    assert split_member_name("./v1.0/a.b.png", where="x") == ("v1.0/a", "b.png")


@pytest.mark.parametrize("split", ["", "Train", "tr-ain", "../x", "1a"])
def test_split_names(split: str) -> None:
    assert shard_name("train", 12) == "train-00012.tar"
    with pytest.raises(ShardError, match="split"):
        check_split(split)
