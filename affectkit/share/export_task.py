"""A trained task to a file that runs without affectkit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

import torch

import affectkit
from affectkit.atomic_file import write_atomically
from affectkit.share.batch_call import BatchCall
from affectkit.share.error import ShareError
from affectkit.share.input_specs import input_specs
from affectkit.share.load_shared import load_run_or_folder
from affectkit.share.onnx_bridge import OnnxCall, onnx_bytes, read_onnx_note
from affectkit.share.parity import Parity, check_parity
from affectkit.share.refuse_sensitive import refuse_sensitive
from affectkit.share.tensor_spec import TensorSpec
from affectkit.share.torch_program import ProgramCall, program_bytes, read_program_note, trace
from affectkit.share.unexportable import check_exportable
from affectkit.tasks import AffectTask

ExportForm: TypeAlias = Literal["torch-export", "onnx"]
FORMS: Final[tuple[ExportForm, ...]] = get_args(ExportForm)
#: How evaluation prepares a sample, where the data module has such an option; no paths among them.
_PREPARATION: Final = (
    *("size", "streams", "fit", "box_margin", "normalize", "normalization", "patterns", "segments"),
    *("rate", "resampled", "max_seconds", "budget", "past", "future", "names", "max_length", "modalities"),
)


class ExportReport(NamedTuple):
    """What was written.

    Attributes:
        path: The file.
        size: Its bytes.
        inputs: What it reads.
        outputs: Names of what it gives.
        parity: How far it is from the task.
    """

    path: Path
    size: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]
    parity: Parity


def export_task(
    task: AffectTask,
    out: str | os.PathLike[str],
    *,
    data: Mapping[str, object],
    form: ExportForm = "torch-export",
    length: int | None = None,
    facts: Mapping[str, object] | None = None,
) -> ExportReport:
    """Export a task for batches of any size, and compare what was exported with it before it is written.

    The file says in its metadata (``affectkit.json`` of a torch program, ``affectkit`` of an ONNX model) what
    its inputs and outputs are, in which order the labels stand and how samples were prepared.

    Args:
        task: The task; it is put into evaluation.
        out: The file; what lies there is replaced, or left alone where anything fails.
        data: Its data module: ``class_path`` and ``init_args``, as in a configuration.
        form: ``"torch-export"`` (read with ``torch.export.load``) or ``"onnx"``.
        length: Steps of an axis of time (turns, tokens, samples), which is fixed; None = those of the data's
            options, else 16 turns, 128 tokens, 4 seconds.
        facts: What else the note shall say.

    Raises:
        MissingExtraError: If a package that ONNX needs is missing.
        ShareError: If an operation cannot be exported, the answers differ, or a sensitive attribute of people
            would be predicted; the message names it.
    """
    if form not in FORMS:
        raise ShareError(f"A task cannot be exported as {form!r}: choose {' or '.join(FORMS)}.")
    refuse_sensitive(task, what="export")
    check_exportable(task)
    call = BatchCall(task, input_specs(task, data, length=length))
    note = {**_note(call, data, form), **(facts or {})}
    program = trace(call)
    unchecked = program_bytes(program, note) if form == "torch-export" else onnx_bytes(program, call, note)
    exported = ProgramCall(unchecked) if form == "torch-export" else OnnxCall(unchecked)
    parity = check_parity(call, exported, form=form)
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, unchecked)
    return ExportReport(path, len(unchecked), call.inputs, call.outputs, parity)


def export_run(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    form: ExportForm = "torch-export",
    length: int | None = None,
) -> ExportReport:
    """Export the best checkpoint of a run, or a folder that was shared; see :func:`export_task`.

    Args:
        run: Run folder, checkpoint, or a folder that ``save_pretrained`` wrote with its run.
        out: The file.
        form: ``"torch-export"`` or ``"onnx"``.
        length: Steps of an axis of time.

    Raises:
        MissingExtraError: If a package that ONNX needs is missing.
        ShareError: If the run cannot be loaded or exported.
    """
    found = load_run_or_folder(run)
    facts = {"checkpoint_sha256": found.digest, "trained_with": found.record.version}
    return export_task(found.task, out, data=found.data, form=form, length=length, facts=facts)


def read_export_note(path: str | os.PathLike[str]) -> dict[str, object]:
    """What an exported file says of itself.

    Raises:
        MissingExtraError: If it is an ONNX model and onnx is not installed.
        ShareError: If :func:`export_task` did not write it.
    """
    place = Path(path)
    if not place.is_file():
        raise ShareError(f"There is no file {place}: give one that `affectkit export` wrote.")
    try:
        with place.open("rb") as file:
            # A torch program is a zip file.
            text = read_program_note(place) if file.read(2) == b"PK" else read_onnx_note(place)
        note: object = json.loads(text)
    except (ValueError, RuntimeError) as error:
        raise ShareError(f"{place} holds no note of affectkit: give a file of `affectkit export`.") from error
    if not isinstance(note, dict):
        raise ShareError(f"{place} holds no note of affectkit: give a file of `affectkit export`.")
    return note


def _note(call: BatchCall, data: Mapping[str, object], form: ExportForm) -> dict[str, object]:
    task = call.task
    space = task.label_space
    axes: object = getattr(task, "axes", None) or task.hparams.get("axes")
    options = data.get("init_args")
    values = options if isinstance(options, Mapping) else {}
    return {
        "affectkit": affectkit.__version__,
        "torch": torch.__version__,
        "form": form,
        "task": f"{type(task).__module__}.{type(task).__qualname__}",
        "label_space": None
        if space is None
        else {"name": space.name, "kind": space.kind, "labels": list(space.labels)},
        "axes": [str(axis) for axis in axes] if isinstance(axes, (list, tuple)) else None,
        "inputs": [spec.to_plain() for spec in call.inputs],
        "outputs": list(call.outputs),
        "data_module": str(data.get("class_path")),
        "preparation": {name: values[name] for name in _PREPARATION if name in values},
    }
