"""Sessions of onnxruntime; the only module that touches it."""

from __future__ import annotations

from typing import Any

from affectkit._optional import require


def open_onnx(data: bytes, *, extra: str, purpose: str) -> Any:
    """Open a model on the CPU.

    Args:
        data: The file.
        extra: The affectkit extra that installs onnxruntime for this use.
        purpose: What needs it, as the subject of a sentence.

    Raises:
        MissingExtraError: If onnxruntime is not installed.
    """
    runtime: Any = require("onnxruntime", extra=extra, purpose=purpose)
    return runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
