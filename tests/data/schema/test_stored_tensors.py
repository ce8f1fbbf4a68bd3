from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor

from affectkit.data.schema import ShardError, StoredTensors

KINDS = (
    torch.bfloat16,
    torch.bool,
    torch.float16,
    torch.float32,
    torch.float64,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.int8,
    torch.uint8,
)


def some_tensors() -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {
        str(kind): torch.randint(0, 2, (3, 2 + i), generator=draw).to(kind) for i, kind in enumerate(KINDS)
    } | {"empty": torch.empty(0, 4), "scalar": torch.tensor(2.5)}


def raw(header: object, content: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


def test_every_type_is_read_as_safetensors_reads_it() -> None:
    data = save(some_tensors(), metadata={"made": "here"})
    stored, expected = StoredTensors(data), load(data)
    assert set(stored) == set(expected) and len(stored) == len(expected)
    for name, tensor in expected.items():
        assert stored[name].dtype == tensor.dtype and torch.equal(stored[name], tensor)
        assert stored.shape(name) == tuple(tensor.shape)
        rows = np.full(tensor.shape, 9.0, dtype=np.float32)
        stored.copy_into(name, rows)
        assert torch.equal(torch.from_numpy(rows), tensor.float())


def test_a_tensor_is_a_private_copy() -> None:
    data = save({"text": torch.ones(2, 3)})
    stored = StoredTensors(data)
    stored["text"].zero_()
    assert stored["text"].sum() == 6 and load(data)["text"].sum() == 6


def test_names_are_looked_up_without_reading() -> None:
    stored = StoredTensors(save({"text": torch.ones(1, 1)}))
    assert "text" in stored and "audio" not in stored and stored.get("audio") is None
    with pytest.raises(KeyError):
        stored.shape("audio")


PLACE = {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes"),
        (b"\xff" * 16, "states a header"),
        (raw([]), "no JSON object"),
        (raw({"a": 1}), "does not say what 'a' is"),
        (raw({"a": {**PLACE, "dtype": "F8_E4M3"}}, b"12"), "F8_E4M3"),
        (raw({"a": {**PLACE, "shape": [-1, -2]}}, b"12"), "shape"),
        (raw({"a": {**PLACE, "shape": [True, 2]}}, b"12"), "shape"),
        (raw({"a": {**PLACE, "shape": [3]}}, b"12"), "cannot lie"),
        (raw({"a": {**PLACE, "data_offsets": [-2, 0]}}, b"12"), "cannot lie"),
        (raw({"a": PLACE}, b"1"), "states 2 bytes of tensors and has 1"),
        (raw({"a": PLACE}, b"123"), "states 2 bytes of tensors and has 3"),
        (raw({"a": PLACE, "b": PLACE}, b"12"), "'b' does not lie"),
        (raw({"a": {**PLACE, "data_offsets": [1, 3]}}, b"123"), "'a' does not lie"),
    ],
)
def test_damage_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ShardError, match=says):
        StoredTensors(data)


def test_a_name_that_stands_twice_is_refused() -> None:
    place = json.dumps(PLACE)
    text = f'{{"a": {place}, "a": {place}}}'.encode()
    with pytest.raises(ShardError, match="twice"):
        StoredTensors(len(text).to_bytes(8, "little") + text + b"12")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_byte_is_an_error_or_harmless(data: st.DataObject) -> None:
    """Whatever is changed, nothing but ShardError comes out, and nothing outside the file is read."""
    content = bytearray(save({"a": torch.ones(2, 3), "b": torch.zeros(4, dtype=torch.uint8)}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        stored = StoredTensors(bytes(content))
    except ShardError:
        return
    assert sum(tensor.nbytes for tensor in stored.values()) == 28
