"""From a run folder or a checkpoint to the task that wrote it."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from affectkit.labels import LabelSpaceMismatchError
from affectkit.predict.error import PredictError
from affectkit.predict.local_model import HUB, local_model
from affectkit.tasks import AffectTask, CheckpointRecord
from affectkit.tasks.checkpoint_record import MissingPartError
from affectkit.tasks.run_checkpoint import run_checkpoint, shipped_task
from affectkit.tasks.saved_folder import (
    CONFIG,
    WEIGHTS,
    SavedFolderError,
    is_saved_folder,
    read_saved_config,
    saved_checkpoint,
)
from affectkit.tasks.sensitive_outputs import sensitive_outputs


class LoadedTask(NamedTuple):
    """A task and where it came from.

    Attributes:
        task: The task, with its weights.
        checkpoint: The file, or the folder for others.
        digest: First twelve digits of the SHA-256 of the file, or of a folder's configuration and weights.
    """

    task: AffectTask
    checkpoint: Path
    digest: str


def find_checkpoint(model: str | os.PathLike[str]) -> Path:
    """The checkpoint of a run: the best one, else the last; a file is taken as it is.

    Args:
        model: Checkpoint, run folder, its folder ``checkpoints``, or ``runs/NAME``, which is the
            latest run in it; or a folder that ``save_pretrained`` wrote, which stands for its checkpoint,
            here or on the hub, ``hf:OWNER/NAME``.

    Raises:
        PredictError: If there is none.
    """
    named = local_model(model)
    if named.startswith(HUB):
        raise PredictError(
            f"The model {named} is none of affectkit, or the hub does not answer: name one that "
            "save_pretrained wrote, and check the network."
        )
    place = Path(named)
    found = run_checkpoint(place)
    if found is not None:
        return found
    if is_saved_folder(place):
        return place
    if not place.is_dir():
        raise PredictError(
            f"There is no run folder or checkpoint {place}: correct the path of the model, or write "
            f"hf:{place} if it is a model of the hub."
        )
    raise PredictError(
        f"The folder {place} holds no checkpoint (no checkpoints/best.ckpt and no checkpoints/last.ckpt): "
        "name a run folder in which a training finished an epoch, or a checkpoint file."
    )


def read_record(path: Path) -> CheckpointRecord:
    """What a checkpoint says of the task that wrote it; the weights stay on the disk.

    Raises:
        PredictError: If the file is no checkpoint of affectkit.
    """
    try:
        saved = path.is_dir()
        record = CheckpointRecord.of(read_saved_config(path)) if saved else CheckpointRecord.peek(path)
    except Exception as error:  # torch's reader raises whatever its parts raise
        reason = str(error).partition("\n")[0].rstrip(".")
        raise PredictError(
            f"The file {path} cannot be read as a checkpoint ({reason}): name one that a task of affectkit "
            "wrote."
        ) from error
    if record is None:
        raise PredictError(f"The checkpoint {path} is not one of affectkit: name one that its tasks wrote.")
    return record


def load_task(path: Path, /, *, task: type[AffectTask] | None = None, **changes: object) -> LoadedTask:
    """Build the task of a checkpoint; no class outside affectkit is imported unless it is given.

    Args:
        path: The checkpoint.
        task: Class of the task, where it is one of your own.
        changes: Constructor arguments of the task: parts that it had been given, or values to
            change, e.g. ``base_weights``.

    Raises:
        PredictError: If the file is no checkpoint of affectkit, its task is of your own and not given, a part
            that it had been given is missing, ``task`` is not the class that wrote it, that class takes no
            argument of a name in ``changes``, or it predicts a sensitive attribute of people.
    """
    record = read_record(path)
    kind = task or shipped_task(record.task)
    if kind is None:
        name = record.task.rpartition(".")[2]
        raise PredictError(
            f"The checkpoint {path} was made by {record.task}, which is not a task of affectkit: give the "
            f"class, `from_checkpoint(path, task={name})` or `--task {record.task}`."
        )
    _check_class(kind, record, path)
    _check_names(kind, changes)
    missing = [name for name in record.injected if name not in changes]
    if missing:
        call = ", ".join(f"{name}=..." for name in missing)
        raise PredictError(
            f"The task of {path} was built in Python with ready parts ({', '.join(record.injected)}), of "
            f"which a checkpoint keeps the weights alone: name what makes {', '.join(missing)}, "
            f"`--part {missing[0]}=MODULE.FUNCTION`, or give it in Python, `open_predictor(model, {call})`."
        )
    try:
        source = saved_checkpoint(path) if path.is_dir() else path
    except SavedFolderError as error:
        raise PredictError(str(error)) from error
    # Of a folder both: what the configuration says of reading matters as the weights do.
    files = [path / CONFIG, path / WEIGHTS] if path.is_dir() else [path]
    digest = _digest(files)
    try:
        loaded = kind.load_from_checkpoint(
            source, map_location="cpu", hparams_file=None, strict=None, weights_only=True, **changes
        )
    except (MissingPartError, LabelSpaceMismatchError):
        raise  # of these the remedy is another one
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        if _name(kind) == record.task or kind is shipped_task(record.task):
            raise
        reason = str(error).partition("\n")[0].rstrip(".: ")
        raise PredictError(
            f"The checkpoint {path} was made by {record.task or 'a task without a name'} and cannot be "
            f"loaded as {_name(kind)} ({reason}): give the class that made it."
        ) from error
    found = sensitive_outputs(loaded)
    if found:
        raise PredictError(
            f"The model {path} predicts {', '.join(found)}, and affectkit sorts nobody by sensitive "
            "attributes: use a model without these labels, or run the task from your own Python."
        )
    return LoadedTask(loaded, path, digest)


def _check_class(kind: type[AffectTask], record: CheckpointRecord, path: Path) -> None:
    """Refuse one task of affectkit for a checkpoint of another one."""
    made = shipped_task(record.task)
    if made is None or shipped_task(_name(kind)) is None or issubclass(kind, made):
        return
    raise PredictError(
        f"The checkpoint {path} was made by {made.__name__} and not by {kind.__name__}: leave the task out "
        f"(`--task`), or give one that is derived from {made.__name__}."
    )


def _check_names(kind: type[AffectTask], names: Iterable[str]) -> None:
    """Refuse arguments that no constructor of the task takes: Lightning would drop them in silence."""
    known: list[str] = []
    for place in kind.__mro__:
        if "__init__" not in vars(place):
            continue
        found = inspect.signature(vars(place)["__init__"]).parameters.values()
        known += [each.name for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
        # What it does not name it hands on to the next one.
        if not any(each.kind is each.VAR_KEYWORD for each in found):
            break
    known = sorted({*known} - {"self"})
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1) or known
            raise PredictError(
                f"{kind.__name__} has no option {name!r}: "
                + (f"write {near[0]}." if len(near) == 1 else f"give one of {', '.join(near)}.")
            )


def _name(kind: type[AffectTask]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _digest(files: Sequence[Path]) -> str:
    if len(files) == 1:
        with files[0].open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    joined = hashlib.sha256("".join(_digest([one]) for one in files).encode())
    return joined.hexdigest()[:12]
