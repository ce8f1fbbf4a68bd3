"""Tasks and components with the methods of the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from torch import nn

from affectkit.share.pretrained import load_pretrained, save_pretrained
from affectkit.tasks import AffectTask
from affectkit.tasks.saved_folder import CONFIG
from affectkit.tasks.saved_on_hub import download_pretrained, hub_library

_Module = TypeVar("_Module", bound=nn.Module)


def with_hub(kind: type[_Module]) -> type[_Module]:
    """A subclass of a task or component with ``save_pretrained``, ``from_pretrained`` and ``push_to_hub``.

    ``huggingface_hub.PyTorchModelHubMixin`` does the work. A task is written as
    :func:`~affectkit.share.save_pretrained` does it; a component whose constructor takes plain values as
    ``model.safetensors`` with these values in ``config.json``.

    Args:
        kind: Class of the task or component.

    Raises:
        MissingExtraError: If huggingface_hub is not installed.

    Examples:
        >>> from affectkit.heads import ClassificationHead
        >>> head = with_hub(ClassificationHead)(8, 3)  # head.push_to_hub("my-name/my-head")
        >>> isinstance(head, ClassificationHead), hasattr(head, "push_to_hub")
        (True, True)
    """
    mixin: type = hub_library().PyTorchModelHubMixin
    names: dict[str, object] = {
        # Under its own name: a record of it shall name the class that others can import.
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
    }
    if issubclass(kind, AffectTask):
        names |= {"_save_pretrained": _save_task, "_from_pretrained": classmethod(_load_task)}
    made: type[_Module] = type(kind.__name__, (kind, mixin), names)
    return made


def _save_task(self: AffectTask, save_directory: Path) -> None:
    save_pretrained(self, save_directory)


def _load_task(
    cls: type[AffectTask],
    /,
    *,
    model_id: str,
    revision: str | None = None,
    model_kwargs: Mapping[str, object] | None = None,
    **options: object,
) -> AffectTask:
    folder = Path(model_id) if Path(model_id).is_dir() else download_pretrained(model_id, revision=revision)
    # Beside what the caller changes come the hub's own options and, for a constructor that takes any
    # name, all that config.json holds.
    known = {"cache_dir", "force_download", "local_files_only", "token", "map_location", "strict"}
    known |= set(json.loads((folder / CONFIG).read_text(encoding="utf-8"))) if options else set()
    changes = {name: value for name, value in options.items() if name not in known}
    return load_pretrained(folder, task=cls, **{**changes, **(model_kwargs or {})})
