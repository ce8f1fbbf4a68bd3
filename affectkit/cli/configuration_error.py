"""What is wrong with a configuration, in one sentence in place of a page of candidates."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager

#: What jsonargparse says beside the reason: which types were tried, and the whole value once more.
_NOISE = re.compile(
    "Does not validate against|Subtypes:|Errors:|Given value|"
    "Expected a <class 'NoneType'>|Expected a path but"
)
_PLACE = re.compile(r"(?:Parser key \"([^\"]+)\"|Problem with given class_path '([^']+)'):\s*(.*)")
_MISSING = "the following arguments are required: "


class ConfigurationError(ValueError):
    """A value of the configuration is absent, unknown or refused by what it is for."""


def told_parsing(message: str, *, command: str) -> str:
    """Say what the parser of a training command refuses, and what to write instead.

    Args:
        message: What jsonargparse says, a line for each level and each candidate type.
        command: E.g. ``fit``.

    Examples:
        >>> told_parsing("the following arguments are required: fit.data, fit.model", command="fit")
        'No model and no data are named: add --config recipe:NAME, see `affectkit recipes`.'
    """
    places: list[str] = []
    reasons: list[str] = []
    kind = ""
    for line in message.splitlines():
        text = line.strip().removeprefix("- ")
        if not text or _NOISE.match(text):
            continue
        found = _PLACE.match(text)
        if found is None:
            reasons.append(text)
            continue
        kind = found[2] or kind
        places.append(found[1] or found[2].rpartition(".")[2])
        reasons += [found[3]] if found[3] else []
    told = "; ".join(dict.fromkeys(reasons)).rstrip(".")
    reason = re.sub(r"<class '([^']+)'>", r"\1", told) or "no type that it may have fits"
    where = ": ".join(places)
    missing = reason.removeprefix(_MISSING).split(", ") if reason.startswith(_MISSING) else []
    if missing and not kind:
        return "No model and no data are named: add --config recipe:NAME, see `affectkit recipes`."
    if missing:
        options = " ".join(f"--{places[0]}.init_args.{name} VALUE" for name in missing)
        return f"{where} is not told its {' and '.join(missing)}: add {options}."
    help_option = f"--{places[0]}.help {kind}" if kind and places else "--help"
    listed = f"`affectkit {command} {help_option}` lists the options"
    return f"{where}{': ' if where else ''}{reason}; {listed}."


@contextmanager
def explained_parsing(command: str) -> Iterator[None]:
    """Turn what the parser refuses into one sentence.

    Raises:
        ConfigurationError: In place of the parser's error.
    """
    try:
        yield
    except argparse.ArgumentError as error:
        raise ConfigurationError(told_parsing(str(error), command=command)) from error


@contextmanager
def explained_building() -> Iterator[None]:
    """Turn a value that a component refuses into its own sentence, without the types that were tried.

    Raises:
        ConfigurationError: In place of the parser's error, which wraps that of the component.
    """
    try:
        yield
    except ValueError as error:
        reason: BaseException = error
        while reason.__cause__ is not None:
            reason = reason.__cause__
        # A component's own error says enough; others may be bugs, of which the traceback is wanted.
        if reason is error or not isinstance(reason, ValueError):
            raise
        raise ConfigurationError(f"The configuration cannot be built: {reason}") from error
