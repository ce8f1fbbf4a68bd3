"""The tensors of a safetensors member, read where they lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affectkit.data.schema.error import ShardError
from affectkit.data.schema.strict_json import parse_json

_DTYPES: Final[Mapping[str, torch.dtype]] = {
    "BF16": torch.bfloat16,
    "BOOL": torch.bool,
    "F16": torch.float16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "I8": torch.int8,
    "U8": torch.uint8,
}
_CACHED_HEADER: Final = 2**14  # a longer header is parsed each time, so that the cache stays small


class _Place(NamedTuple):
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


class StoredTensors(Mapping[str, Tensor]):
    """A safetensors file as a mapping that copies nothing before it is asked.

    ``tensors[name]`` is a private copy, so changing it changes nothing on disk or for the next reader.
    :meth:`copy_into` copies once, from the file to where the numbers are wanted: that is what makes
    padding a batch from mapped shards cheap. Headers repeat from sample to sample and are parsed once.

    Args:
        data: The file, e.g. a slice of a mapped tar.

    Raises:
        ShardError: If the file is damaged: lengths, names, types, or places that are not in the file,
            leave a gap or overlap.

    Examples:
        >>> from safetensors.torch import save
        >>> stored = StoredTensors(save({"text": torch.ones(2, 3)}))
        >>> stored.shape("text"), stored["text"].sum()
        ((2, 3), tensor(6.))
    """

    __slots__ = ("_data", "_places")

    def __init__(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        length = int.from_bytes(view[:8], "little")
        if len(view) < 8 or length > len(view) - 8:
            raise _damaged(f"it has {len(view)} bytes and states a header of {length}")
        header = bytes(view[8 : 8 + length])
        self._data = view[8 + length :]
        read = _places if length <= _CACHED_HEADER else _places.__wrapped__
        self._places = read(header, len(self._data))

    def __getitem__(self, name: str) -> Tensor:
        place = self._places[name]
        content = bytearray(self._data[place.start : place.stop])
        if not content:
            return torch.empty(place.shape, dtype=place.dtype)
        return torch.frombuffer(content, dtype=place.dtype).reshape(place.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places  # the inherited one would copy the tensor to find out

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it.

        Raises:
            KeyError: If there is none of that name.
        """
        return self._places[name].shape

    def copy_into(self, name: str, out: NDArray[np.float32]) -> None:
        """Copy a tensor to ``out``, which has its shape.

        Raises:
            KeyError: If there is none of that name.
        """
        place = self._places[name]
        if place.dtype == torch.float32:
            out[...] = np.frombuffer(self._data[place.start : place.stop], dtype="<f4").reshape(place.shape)
        else:
            torch.from_numpy(out).copy_(self[name])


@lru_cache(maxsize=1024)
def _places(header: bytes, size: int) -> dict[str, _Place]:
    """Where each tensor lies within the ``size`` bytes after the header."""
    fields = parse_json(header, where="The header of the safetensors file")
    if not isinstance(fields, dict):
        raise _damaged("its header is no JSON object")
    found: dict[str, _Place] = {}
    for name, about in fields.items():
        if name != "__metadata__":
            found[name] = _place(name, about)
    end = 0
    for name, place in sorted(found.items(), key=lambda item: item[1][2:]):
        if place.start != end:
            raise _damaged(f"{name!r} does not lie where the tensor before it ends")
        end = place.stop
    if end != size:
        raise _damaged(f"it states {end} bytes of tensors and has {size}")
    return found


def _place(name: str, about: object) -> _Place:
    match about:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [int(start), int(stop)]}:
            pass
        case _:
            raise _damaged(f"its header does not say what {name!r} is")
    dtype = _DTYPES.get(kind)
    if dtype is None:
        raise _damaged(f"{name!r} has the type {kind}, which is not read")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise _damaged(f"{name!r} has the shape {shape}")
    if start < 0 or stop - start != math.prod(shape) * dtype.itemsize:
        raise _damaged(f"{name!r} of shape {shape} and type {kind} cannot lie in bytes {start} to {stop}")
    return _Place(dtype, tuple(shape), start, stop)


def _damaged(what: str) -> ShardError:
    return ShardError(f"The safetensors file is damaged ({what}): restore it or make it anew.")
