"""The one module that knows onnx and onnxscript."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from affectkit._optional import require
from affectkit.predict.faces.onnx_session import open_onnx
from affectkit.share.batch_call import BatchCall
from affectkit.share.error import ShareError, first_line
from affectkit.share.torch_program import quiet

_PURPOSE = "Exporting to ONNX"
#: A protocol buffer holds no more.
_LIMIT = 2_000_000_000
KEY = "affectkit"


def onnx_bytes(program: ExportedProgram, call: BatchCall, note: Mapping[str, object]) -> bytes:
    """Turn a program into an ONNX model with named inputs and outputs.

    Raises:
        MissingExtraError: If a package of the extra is missing.
        ShareError: If an operation has no counterpart, or the model is over 2 GB.
    """
    require("onnxscript", extra="export", purpose=_PURPOSE)
    onnx: Any = require("onnx", extra="export", purpose=_PURPOSE)
    try:
        with quiet():
            made: Any = torch.onnx.export(
                program,
                (),
                dynamo=True,
                verbose=False,
                input_names=[spec.name for spec in call.inputs],
                output_names=list(call.outputs),
                custom_translation_table={torch.ops.aten.sort.stable: _sort_stable()},
            )
        model: Any = made.model_proto
    except Exception as error:  # the exporter raises whatever its passes raise
        raise ShareError(
            f"{type(call.task).__name__} cannot be exported to ONNX ({_cause(error)}): use --to torch-export."
        ) from error
    onnx.helper.set_model_props(model, {KEY: json.dumps(note, sort_keys=True)})
    if model.ByteSize() > _LIMIT:
        raise ShareError(
            f"{type(call.task).__name__} has over 2 GB of weights, which one ONNX file cannot hold: use --to "
            "torch-export."
        )
    data: bytes = model.SerializeToString()
    return data


class OnnxCall:
    """Runs an ONNX model on the CPU as read back from the bytes of its file."""

    def __init__(self, data: bytes) -> None:
        self._session: Any = open_onnx(data, extra="export", purpose=_PURPOSE)

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        """Predict."""
        names = [given.name for given in self._session.get_inputs()]
        found: Any = self._session.run(
            None, {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=True)}
        )
        return [torch.from_numpy(values) for values in found]


def read_onnx_note(path: Path) -> str:
    """The note of a model, "" where it has none."""
    onnx: Any = require("onnx", extra="export", purpose="Reading an ONNX model")
    model: Any = onnx.load(str(path), load_external_data=False)
    return next((str(entry.value) for entry in model.metadata_props if entry.key == KEY), "")


def _sort_stable() -> Callable[..., object]:
    """``sort(stable=True)`` for onnxscript, which lacks it: TopK puts the lower index first among equals."""
    script: Any = require("onnxscript", extra="export", purpose=_PURPOSE)
    op: Any = script.opset18
    onnx: Any = require("onnx", extra="export", purpose=_PURPOSE)

    def sort_stable(self: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
        # Bytes among others, which TopK of the run time does not know; no integer loses by a wider type.
        whole = op.Cast(self, to=onnx.TensorProto.INT64) if "INT" in str(self.dtype) else self
        count = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))
        values, indices = op.TopK(whole, count, axis=dim, largest=int(descending), sorted=1)
        return op.CastLike(values, self), indices

    return sort_stable


def _cause(error: BaseException) -> str:
    """The first line of what began it: an exporter wraps its errors several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
