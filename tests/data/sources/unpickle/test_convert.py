from __future__ import annotations

import os
import pickle
import struct
import time
from collections import OrderedDict
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from affectkit.data.sources import SourceError
from affectkit.data.sources.unpickle import convert_pickle


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: object, *args: object) -> None:
        self.function = function
        self.args = args

    def __reduce__(self) -> tuple[object, ...]:
        return self.function, self.args


def written(path: Path, value: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


def refuse(
    path: Path,
    reason: str,
    *,
    kind: Literal["pickle", "npz"] = "pickle",
    seconds: int = 60,
    memory: int = 64 * 2**30,
) -> None:
    with (
        pytest.raises(SourceError, match=reason),
        convert_pickle(path, kind=kind, seconds=seconds, memory=memory),
    ):
        pass


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_arrays_numbers_and_text_arrive_as_they_were(tmp_path: Path, protocol: int) -> None:
    value = {
        "floats": np.arange(12, dtype=np.float32).reshape(3, 4),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "big endian": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 5)),
        "names": np.array(["a", "Zoë"]),
        "objects": np.array([["x", 1], [None, 2.5]], dtype=object),
        "scalar": np.float64(0.1),
        "list": [1, 2.5, float("nan"), None, True, ("t",)],
    }
    with convert_pickle(written(tmp_path / "a.pkl", value, protocol)) as found:
        assert isinstance(found, dict)
        assert list(found) == list(value)
        for name in ("floats", "columns", "big endian", "empty"):
            np.testing.assert_array_equal(found[name], value[name])
        assert found["names"] == ["a", "Zoë"]
        assert found["objects"] == [["x", 1], [None, 2.5]]
        assert found["scalar"] == 0.1
        assert found["list"][:2] == [1, 2.5] and found["list"][3:] == [None, True, ["t"]]
        assert np.isnan(found["list"][2])


def test_members_of_an_npz_may_be_pickled_dicts(tmp_path: Path) -> None:
    labels = {"clip_1": {"emo": 2, "val": np.float64(-0.5)}, "clip_2": {"emo": "sad", "val": -10}}
    np.savez_compressed(
        tmp_path / "label.npz", train_corpus=np.array(labels, dtype=object), ids=np.array(["x"]), n=np.eye(2)
    )
    with convert_pickle(tmp_path / "label.npz", kind="npz") as found:
        assert isinstance(found, dict)
        assert found["train_corpus"] == labels
        assert found["ids"] == ["x"]
        np.testing.assert_array_equal(found["n"], np.eye(2))


@pytest.mark.parametrize(
    ("function", "args", "named"),
    [
        (os.system, ("touch {mark}",), "posix.system"),
        (eval, ("open({mark!r}, 'w')",), "builtins.eval"),
        (Path, ("x",), "pathlib"),
        (OrderedDict, (), "collections.OrderedDict"),
        (np.load, ("x",), "numpy.load"),
        (np.lib.format.open_memmap, ("{mark}",), "numpy.lib"),
    ],
)
def test_every_other_call_is_refused_and_not_made(
    tmp_path: Path, function: object, args: tuple[str, ...], named: str
) -> None:
    mark = tmp_path / "ran"
    call = Call(function, *(text.format(mark=str(mark)) for text in args))
    path = written(tmp_path / "a.pkl", {"train": call})
    with (
        pytest.raises(SourceError, match=rf"a\.pkl: the pickle is refused: it asks for {named}"),
        convert_pickle(path),
    ):
        pass
    assert not mark.exists()


def test_calls_hidden_in_an_array_of_objects_are_refused(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    array = np.array([Call(os.system, f"touch {mark}")], dtype=object)
    np.savez(tmp_path / "label.npz", train_corpus=array)
    with (
        pytest.raises(SourceError, match=r"it asks for posix\.system"),
        convert_pickle(tmp_path / "label.npz", kind="npz"),
    ):
        pass
    assert not mark.exists()


def state(code: str, shape: tuple[int, ...], content: bytes) -> bytes:
    """A pickled array whose state says what it likes, written opcode by opcode."""

    def named(module: str, name: str) -> bytes:
        return b"c" + module.encode() + b"\n" + name.encode() + b"\n"

    numbers = b"(" + b"".join(b"J" + struct.pack("<i", side) for side in shape) + b"t"
    dtype = named("numpy", "dtype") + b"(X" + struct.pack("<I", len(code)) + code.encode() + b"\x89\x88tR"
    make = (
        named("numpy._core.multiarray", "_reconstruct") + named("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
    )
    body = b"C" + bytes([len(content)]) + content
    return b"\x80\x04" + make + b"(K\x01" + numbers + dtype + b"\x89" + body + b"tb."


def test_the_hand_written_array_is_read_where_it_is_honest(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(state("f8", (1,), struct.pack("<d", 0.5)))
    with convert_pickle(tmp_path / "a.pkl") as found:
        np.testing.assert_array_equal(found, [0.5])


@pytest.mark.parametrize(
    ("code", "shape", "content", "reason"),
    [
        ("f8", (3,), b"\x00" * 8, "do not fit its shape"),
        ("f8", (-1,), b"\x00" * 8, r"shape \(-1,\) is not admitted"),
        ("O8", (1,), b"\x41" * 8, "array of objects that does not fit"),
        ("V8", (1,), b"\x00" * 8, "element type 'V8' is not admitted"),
    ],
)
def test_an_array_that_lies_about_itself_is_refused(
    tmp_path: Path, code: str, shape: tuple[int, ...], content: bytes, reason: str
) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(state(code, shape, content))
    refuse(path, reason)


def test_an_array_of_objects_holds_as_many_as_its_shape_says(tmp_path: Path) -> None:
    honest = pickle.dumps(np.array([None], dtype=object), protocol=4)
    assert honest.count(b"]\x94Na") == 1
    # Push a value and pop it again, where the only item was appended to the list.
    (tmp_path / "a.pkl").write_bytes(honest.replace(b"]\x94Na", b"]\x94N0"))
    refuse(tmp_path / "a.pkl", "array of objects that does not fit its shape")


def test_a_reference_outside_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04\x8c\x01xQ.")
    refuse(path, "outside the file")


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_cut_pickle_is_an_error(tmp_path: Path, cut: int) -> None:
    data = pickle.dumps({"a": np.zeros(100)})
    (tmp_path / "a.pkl").write_bytes(data[:-cut])
    refuse(tmp_path / "a.pkl", "it is damaged")


def test_memory_is_limited(tmp_path: Path) -> None:
    # A megabyte that is a gigabyte once each reference to it is written out.
    path = written(tmp_path / "a.pkl", [["x" * 2**20] * 32] * 32)
    assert path.stat().st_size < 2 * 2**20
    with (
        pytest.raises(SourceError, match="it wants more than 419430400 bytes of memory"),
        convert_pickle(path, memory=400 * 2**20),
    ):
        pass


def test_time_is_limited(tmp_path: Path) -> None:
    value: object = []
    for _ in range(20):
        value = [value] * 10
    begin = time.monotonic()
    with (
        pytest.raises(SourceError, match=r"over 2 seconds|ended with status"),
        convert_pickle(written(tmp_path / "a.pkl", value), seconds=2, memory=64 * 2**30),
    ):
        pass
    assert time.monotonic() - begin < 20


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(SourceError, match=r"none\.pkl: it cannot be read"),
        convert_pickle(tmp_path / "none.pkl"),
    ):
        pass
