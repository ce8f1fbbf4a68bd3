"""No model that sorts people by sensitive attributes is handed on."""

from __future__ import annotations

from affectkit.share.error import ShareError
from affectkit.tasks import AffectTask
from affectkit.tasks.sensitive_outputs import sensitive_outputs


def refuse_sensitive(task: AffectTask, *, what: str) -> None:
    """Refuse a task that predicts a sensitive attribute of people.

    Args:
        task: The task.
        what: What was asked for, as a verb.

    Raises:
        ShareError: If it does; the message names the attributes.
    """
    found = sensitive_outputs(task)
    if found:
        raise ShareError(
            f"{type(task).__name__} predicts {', '.join(found)}, and affectkit does not {what} a model that "
            "sorts people by sensitive attributes: train one without these labels, or keep it in your own "
            "Python."
        )
