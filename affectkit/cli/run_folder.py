"""Where a run lives: `runs/NAME/TIME`, with `runs/NAME/latest` pointing at the newest."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

#: Set by the first process for the ranks that Lightning starts from it.
RUN_FOLDER_VARIABLE = "AFFECTKIT_RUN_FOLDER"
CHECKPOINT_NAMES = ("last", "best")


class CheckpointNotFoundError(FileNotFoundError):
    """A checkpoint was named that is not there. Training never starts afresh instead."""


def run_name(arguments: list[str]) -> str:
    """Name a run after its first configuration file, or `run` where none is given."""
    config = _first_config(arguments)
    if config is None:
        return "run"
    folder = enclosing_run(config)
    return folder.parent.name if folder is not None else config.stem


def enclosing_run(path: Path) -> Path | None:
    """Return the run folder that ``path`` (a saved configuration or a checkpoint) lies in, if any."""
    for parent in path.absolute().parents:
        if (parent / "config.yaml").is_file():
            return parent.resolve()
    return None


def choose_run_folder(
    arguments: list[str],
    *,
    root: Path,
    explicit: str | None,
    checkpoint: str | None,
    starts_training: bool,
) -> Path:
    """Decide which folder this command reads and writes.

    A run folder given by the user, or by the process that started this rank, is taken as it is.
    A checkpoint or a configuration inside a run folder means that folder; ``last`` and ``best``
    mean the newest run of the same name. Only training from nothing makes a new folder.
    """
    inherited = os.environ.get(RUN_FOLDER_VARIABLE)
    if explicit is not None:
        return Path(explicit).absolute()
    if inherited:
        return Path(inherited)
    family = (root / run_name(arguments)).absolute()
    if checkpoint is not None and checkpoint not in CHECKPOINT_NAMES:
        found = enclosing_run(Path(checkpoint))
        if found is not None:
            return found
    config = _first_config(arguments)
    saved = enclosing_run(config) if config is not None else None
    if saved is not None and (checkpoint is not None or not starts_training):
        return saved
    if checkpoint in CHECKPOINT_NAMES or not starts_training:
        latest = family / "latest"
        if latest.exists():
            return latest.resolve()
        if checkpoint in CHECKPOINT_NAMES:
            raise CheckpointNotFoundError(
                f"There is no run in {family}, so '--ckpt_path {checkpoint}' names nothing: "
                "train one first, or name the checkpoint file itself."
            )
    return _new_folder(family)


def resolve_checkpoint(checkpoint: str | None, folder: Path) -> Path | None:
    """Turn ``last``, ``best`` or a path into the path of an existing file.

    Raises:
        CheckpointNotFoundError: If the file is absent.
    """
    if checkpoint is None:
        return None
    named = checkpoint in CHECKPOINT_NAMES
    path = folder / "checkpoints" / f"{checkpoint}.ckpt" if named else Path(checkpoint)
    if not path.is_file():
        raise CheckpointNotFoundError(
            f"The checkpoint {path} does not exist, so nothing can be resumed or evaluated: "
            "leave out --ckpt_path to train from the beginning, or name another file."
        )
    return path.absolute()


def check_trained(checkpoint: Path | None, folder: Path, command: str) -> None:
    """Refuse to evaluate a model as it was built in the folder of one that was trained.

    Its scores would replace those of the trained model, and nothing would say that they are not.

    Raises:
        CheckpointNotFoundError: If ``command`` evaluates, ``folder`` has weights, and none are named.
    """
    if command == "fit" or checkpoint is not None or not any((folder / "checkpoints").glob("*.ckpt")):
        return
    raise CheckpointNotFoundError(
        f"The run {folder} has trained weights and none are named, so that its model would be evaluated "
        "untrained: add --ckpt_path best, or name another --run_folder for the model as it was built."
    )


def point_latest(folder: Path) -> None:
    """Point `latest` beside ``folder`` at it, replacing the old link in one step."""
    link = folder.parent / "latest"
    fresh = folder.parent / f".latest-{os.getpid()}"
    fresh.symlink_to(folder.name)
    fresh.replace(link)


def _new_folder(family: Path) -> Path:
    rank = os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or "0"
    if rank != "0":
        # Started by torchrun or SLURM beside rank 0, which alone makes the folder and writes in it.
        return family / f"rank-{rank}-writes-nothing"
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    for number in range(1000):
        folder = family / (stamp if number == 0 else f"{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"A thousand runs were started in {family} within one second: wait and try again.")


def _first_config(arguments: list[str]) -> Path | None:
    for position, argument in enumerate(arguments):
        option, equals, value = argument.partition("=")
        if option in ("--config", "-c"):
            if equals:
                return Path(value)
            if position + 1 < len(arguments):
                return Path(arguments[position + 1])
    return None
