"""Which sensitive attributes of people a task predicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from affectkit.labels.sensitive_attributes import sensitive_attributes
from affectkit.tasks.affect_task import AffectTask

#: Options in which tasks name what they predict beside labels and axes.
_FURTHER: Final = ("attributes", "auxiliary", "indicators")


def sensitive_outputs(task: AffectTask) -> list[str]:
    """Sensitive attributes among a task's labels, axes and further outputs.

    Examples:
        >>> from affectkit.tasks import ConversationTask
        >>> sensitive_outputs(ConversationTask("meld7.official", {"text": 4}, hidden_dim=4))
        []
    """
    space = task.label_space
    names = [] if space is None else list(space.labels)
    axes: object = task.hparams.get("axes")
    names += [str(axis) for axis in axes] if isinstance(axes, (list, tuple)) else []
    # By name with their sizes. The attributes of an audience are a list: they are read.
    for option in _FURTHER:
        sizes: object = task.hparams.get(option)
        names += [str(name) for name in sizes] if isinstance(sizes, Mapping) else []
    return sensitive_attributes(names, space="" if space is None else space.name)
