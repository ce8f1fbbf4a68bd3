"""Files of tensors: equal for equal content, and whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from affectkit.atomic_file import write_atomically
from affectkit.tensor_file import TensorFileError, read_tensor_file, write_tensor_file


def test_tensors_and_note_come_back_and_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {"b": shared.T, "a": shared, "n": torch.tensor([1, 2])}
    note = {"kind": "test", "names": ["ä", "b"], "scale": {"low": 0.5}}
    size = write_tensor_file(tmp_path / "new" / "one", tensors, note)
    write_tensor_file(tmp_path / "two", dict(reversed(tensors.items())), dict(reversed(note.items())))
    assert (tmp_path / "new" / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert size == (tmp_path / "two").stat().st_size
    found, said = read_tensor_file(tmp_path / "two")
    assert said == note and found.keys() == tensors.keys()
    assert all(torch.equal(found[name], value) for name, value in tensors.items())
    # Anybody's reader can open it.
    assert torch.equal(load_file(tmp_path / "two")["b"], shared.T)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_file_is_replaced_as_a_whole_or_stays(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_tensor_file(path, {"x": torch.zeros(1)}, {})
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    owner = os if step == "fsync" else Path
    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(OSError, match="no space left"):
        write_tensor_file(path, {"x": torch.ones(1)}, {})
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_bytes_are_on_the_disk_before_they_have_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        synced.append((tmp_path / "f").exists())
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    write_atomically(tmp_path / "f", b"content")
    assert synced == [False] and (tmp_path / "f").read_bytes() == b"content"


def test_what_is_no_tensor_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no file .*absent"):
        read_tensor_file(tmp_path / "absent")
    (tmp_path / "noise").write_bytes(b"no tensors at all")
    save_file({"x": torch.zeros(1)}, tmp_path / "torn", {"affectkit": "{"})
    for name in ("noise", "torn"):
        with pytest.raises(TensorFileError, match=f"{name} is no readable safetensors file"):
            read_tensor_file(tmp_path / name)
    for note in (None, {"affectkit": "[1]"}):
        save_file({"x": torch.zeros(1)}, tmp_path / "foreign", note)
        assert read_tensor_file(tmp_path / "foreign")[1] == {}
    with pytest.raises(TensorFileError, match="cannot hold what describes it"):
        write_tensor_file(tmp_path / "file", {}, {"path": tmp_path})
    with pytest.raises(TensorFileError, match="cannot hold what describes it"):
        write_tensor_file(tmp_path / "file", {}, {"value": float("nan")})
    assert not (tmp_path / "file").exists()
