"""Array members to tensors, without pickles and without trusting a stated size."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from numpy.lib import format as npy
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from affectkit.data.decode.error import DecodeError


def decode_npy(data: bytes | memoryview) -> Tensor:
    """Decode an ``.npy`` file of plain numbers.

    Raises:
        DecodeError: If it holds Python objects, is damaged, or is shorter than it states.
    """
    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"its version is {version}")
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.hasobject or dtype.kind not in "biufc":
            raise ValueError(f"it holds {dtype}, and only plain numbers are read")
        if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
            raise ValueError(f"it states the shape {shape} but has {len(data) - file.tell()} bytes")
        flat = np.frombuffer(data, dtype=dtype, offset=file.tell())
        array = flat.reshape(shape, order="F" if fortran else "C")
        return torch.from_numpy(np.array(array, dtype=dtype.newbyteorder("="), order="C"))
    except Exception as error:  # numpy's header parser raises whatever its tokenizer raises
        raise DecodeError(f"The npy file is damaged ({error}): restore it or make it anew.") from error


def decode_safetensors(data: bytes | memoryview) -> dict[str, Tensor]:
    """Decode a safetensors file; the tensors do not share memory with ``data``.

    Raises:
        DecodeError: If it is damaged, or a tensor has a type that torch lacks.
    """
    try:
        return load(bytes(data))
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise DecodeError(
            f"The safetensors file is damaged ({error}): restore it or make it anew."
        ) from error
