"""A task as a program of torch.export."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from affectkit.share.batch_call import BatchCall
from affectkit.share.error import ShareError, first_line
from affectkit.share.exportable_parts import exportable_parts
from affectkit.share.parity import EXAMPLE_ROWS

#: Name of the note among the extra files of a program.
NOTE = "affectkit.json"


def trace(call: BatchCall) -> ExportedProgram:
    """Follow a task with an example, for batches of any size.

    Raises:
        ShareError: If an operation stops the exporter; the message names it.
    """
    rows = Dim("batch")
    shapes = (tuple({0: rows} for _ in call.inputs),)
    try:
        with quiet(), torch.no_grad(), exportable_parts(call):
            return torch.export.export(call, call.example(EXAMPLE_ROWS), dynamic_shapes=shapes, strict=False)
    except Exception as error:  # torch.export raises whatever the parts of a model raise
        raise ShareError(
            f"{type(call.task).__name__} cannot be exported, since torch.export cannot follow an operation "
            f"of it ({_reason(error)}): use it from Python, with load_pretrained or "
            "load_from_checkpoint."
        ) from error


def program_bytes(program: ExportedProgram, note: Mapping[str, object]) -> bytes:
    """A program with its note, as a file holds them."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={NOTE: json.dumps(note, sort_keys=True)})
    return buffer.getvalue()


class ProgramCall:
    """Runs a program as read back from the bytes of its file."""

    def __init__(self, data: bytes) -> None:
        self._module = torch.export.load(io.BytesIO(data)).module()

    def __call__(self, *tensors: Tensor) -> Sequence[Tensor]:
        """Predict."""
        with torch.no_grad():
            found: Sequence[Tensor] = self._module(*tensors)
        return found


def read_program_note(path: Path) -> str:
    """The note of a program, "" where it has none."""
    extra: dict[str, str] = {NOTE: ""}
    torch.export.load(path, extra_files=extra)
    return extra[NOTE]


def _reason(error: Exception) -> str:
    """The first line, and where the size of the batch became a constant, the line that says so."""
    constant = next(
        (line for line in str(error).splitlines() if "specialized it to be a constant" in line), ""
    )
    return f"{first_line(error)} {constant.strip(' -').partition('. ')[0]}".strip()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what an exporter says on the way, a whole graph at times, from the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
