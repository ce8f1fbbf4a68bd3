"""Reads a pickle without trusting it; run by its path in a process of its own, with limits set first.

Nothing of affectkit is imported here, so that the process starts fast and its address space stays
small. Every class that a pickle names is refused but the constructors of numpy arrays, and even those
are stand-ins written here: numpy's own would believe a hostile state.
"""

from __future__ import annotations

import json
import math
import pickle
import resource
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

_MAX_DEPTH: Final = 24
_NUMBERS: Final = frozenset("biuf")


class RefusedPickleError(Exception):
    """The pickle asks for something other than arrays and plain values."""


class _DType:
    __slots__ = ("code", "endian")

    def __init__(self, code: object) -> None:
        if not isinstance(code, str) or code[:1] not in "biufUO" or not code[1:].isascii():
            raise RefusedPickleError(f"the element type {code!r} is not admitted")
        self.code = code
        self.endian = "<"

    def __setstate__(self, state: object) -> None:
        if (
            not isinstance(state, tuple)
            or len(state) < 5
            or state[1] not in ("<", ">", "|", "=")
            or any(part is not None for part in state[2:5])
        ):
            raise RefusedPickleError("a structured element type is not admitted")
        self.endian = str(state[1])

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.code).newbyteorder(">" if self.endian == ">" else "<")


class _Array:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: object = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise RefusedPickleError("an array without a state of five parts is not admitted")
        _, shape, dtype, fortran, content = state
        self.value = _array(content, dtype, shape, "F" if fortran else "C")


class _Constructor:
    """A callable that a pickle can neither change nor subclass."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *args: object) -> object:
        return self._make(*args)

    def __setstate__(self, state: object) -> None:
        raise RefusedPickleError("a pickle that changes a constructor is not admitted")


def _array(content: object, dtype: object, shape: object, order: str) -> object:
    if not isinstance(dtype, _DType) or not isinstance(shape, tuple):
        raise RefusedPickleError("an array without element type or shape is not admitted")
    if not all(isinstance(side, int) and not isinstance(side, bool) and side >= 0 for side in shape):
        raise RefusedPickleError(f"the array shape {shape!r} is not admitted")
    count = math.prod(shape)
    if dtype.code[0] == "O":
        if not isinstance(content, list) or len(content) != count or order != "C":
            raise RefusedPickleError("an array of objects that does not fit its shape is not admitted")
        return _nested(content, shape)
    if not isinstance(content, bytes | bytearray):
        raise RefusedPickleError("an array without its bytes is not admitted")
    kind = dtype.numpy()
    if len(content) != count * kind.itemsize:
        raise RefusedPickleError("an array whose bytes do not fit its shape is not admitted")
    flat = np.frombuffer(content, kind) if kind.itemsize else np.zeros(count, kind)
    array: npt.NDArray[Any] = flat.reshape(shape[::-1]).T if order == "F" else flat.reshape(shape)
    return array.tolist() if kind.kind == "U" else array


def _nested(items: Sequence[object], shape: tuple[int, ...]) -> object:
    if not shape:
        return items[0]
    if len(shape) == 1:
        return list(items)
    step = math.prod(shape[1:])
    return [_nested(items[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def _scalar(dtype: object, content: object) -> object:
    array = _array(content, dtype, (), "C")
    return array.item() if isinstance(array, np.ndarray) else array


def _make_dtype(code: object, *_flags: object) -> _DType:
    return _DType(code)


def _make_array(*_args: object) -> _Array:
    return _Array()


def _from_buffer(content: object, dtype: object, shape: object, order: object, *_rest: object) -> object:
    return _array(content, dtype, shape, "F" if order == "F" else "C")


def _refuse_call(*_args: object) -> object:
    raise RefusedPickleError("numpy.ndarray called by itself is not admitted")


_ADMITTED: Final = {
    ("numpy", "dtype"): _Constructor(_make_dtype),
    ("numpy", "ndarray"): _Constructor(_refuse_call),
    **{
        (f"numpy.{core}.{module}", name): _Constructor(make)
        for core in ("core", "_core")
        for module, name, make in (
            ("multiarray", "_reconstruct", _make_array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that knows numpy arrays, numbers, strings, lists, tuples and dicts, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for an admitted constructor."""
        found = _ADMITTED.get((module, name))
        if found is None:
            raise RefusedPickleError(f"it asks for {module}.{name}")
        return found

    def persistent_load(self, pid: object) -> Any:
        """Refused: nothing outside the file is looked up."""
        raise RefusedPickleError("it asks for an object outside the file")


class _Tree:
    """Writes a value as tagged JSON, with every numeric array in a file of its own."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.arrays = 0

    def node(self, value: object, depth: int = 0) -> list[object]:
        if depth > _MAX_DEPTH:
            raise RefusedPickleError(f"it nests more than {_MAX_DEPTH} levels")
        if isinstance(value, _Array):
            return self.node(value.value, depth + 1)
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in _NUMBERS:
                raise RefusedPickleError(f"an array of {value.dtype} is not admitted")
            self.arrays += 1
            name = f"{self.arrays}.npy"
            np.save(self.out / name, value, allow_pickle=False)
            return ["array", name]
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise RefusedPickleError("a dict with keys other than strings is not admitted")
            return ["dict", [[key, self.node(item, depth + 1)] for key, item in value.items()]]
        if isinstance(value, list | tuple):
            return ["list", [self.node(item, depth + 1) for item in value]]
        if value is None or isinstance(value, bool | int | str):
            return ["value", value]
        if isinstance(value, float):
            return ["float", value.hex()]
        raise RefusedPickleError(f"a value of type {type(value).__name__} is not admitted")


def read_npz(file: IO[bytes]) -> dict[str, object]:
    """The members of an npz, those with pickled objects through :class:`ArrayUnpickler`."""
    found: dict[str, object] = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                found[name.removesuffix(".npy")] = _read_npy(member)
    return found


def _read_npy(member: IO[bytes]) -> object:
    version = np.lib.format.read_magic(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise RefusedPickleError(f"npy version {version} is not admitted")
    shape, fortran, dtype = read(member)
    if dtype == np.dtype(object):
        return ArrayUnpickler(member).load()
    if dtype.hasobject or dtype.kind not in "biufU":
        raise RefusedPickleError(f"an array of {dtype} is not admitted")
    order = "F" if fortran else "C"
    stand_in = _DType(dtype.str[1:])
    stand_in.endian = dtype.str[0]
    return _array(member.read(), stand_in, tuple(shape), order)


def _limit(name: int, value: int) -> None:
    _, hard = resource.getrlimit(name)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(name, (value, value))


def main(kind: str, path: str, out: str, seconds: str, memory: str) -> int:
    """Convert the pickle or npz at ``path`` into ``out``; print the reason where it is refused."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, int(seconds))
    _limit(resource.RLIMIT_AS, int(memory))
    _limit(resource.RLIMIT_FSIZE, int(memory))
    _limit(resource.RLIMIT_NPROC, 0)
    try:
        with Path(path).open("rb") as file:
            value = read_npz(file) if kind == "npz" else ArrayUnpickler(file).load()
        tree = _Tree(Path(out)).node(value)
        (Path(out) / "tree.json").write_text(json.dumps(tree, allow_nan=False), encoding="utf-8")
    except MemoryError:
        print(f"it wants more than {memory} bytes of memory")
        return 3
    except RefusedPickleError as error:
        print(error)
        return 3
    except (RecursionError, zipfile.BadZipFile, pickle.UnpicklingError, EOFError) as error:
        print(f"it is damaged ({type(error).__name__})")
        return 3
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, OSError) as error:
        print(f"it is damaged ({type(error).__name__}: {error})")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
