"""What a larger model, or a person, wrote down about each utterance."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from affectkit.conversation.prompts.prompt_template import PromptError


class UtteranceReading(NamedTuple):
    """What is known about one utterance beside the conversation.

    Attributes:
        explicit: Which feeling its words state.
        implicit: Which feeling stands behind them.
        speaker_profile: What its speaker is like.
    """

    explicit: str = ""
    implicit: str = ""
    speaker_profile: str = ""


class UtteranceKnowledge:
    """Readings by the key of an utterance, ``CONVERSATION#NUMBER`` with numbers from 0.

    Args:
        readings: Reading of each utterance.
        source: Where they are from, for messages.

    Examples:
        >>> known = UtteranceKnowledge({"d1#0": UtteranceReading(implicit="She hides her joy.")})
        >>> known["d1#0"].implicit
        'She hides her joy.'
    """

    def __init__(self, readings: Mapping[str, UtteranceReading], *, source: str = "The knowledge") -> None:
        self._readings = dict(readings)
        self._source = source

    def __len__(self) -> int:
        return len(self._readings)

    def __getitem__(self, key: str) -> UtteranceReading:
        self.require([key])
        return self._readings[key]

    def require(self, keys: Iterable[str]) -> None:
        """Refuse to go on where an utterance has no reading.

        Raises:
            PromptError: The first one is named.
        """
        wanted = list(keys)
        missing = [key for key in wanted if key not in self._readings]
        if missing:
            raise PromptError(
                f"{self._source} says nothing about utterance {missing[0]!r} ({len(missing)} of "
                f"{len(wanted)} are missing): add a line for each, if only with its key."
            )

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> UtteranceKnowledge:
        """Read a JSONL file of objects with a ``key`` and any of :class:`UtteranceReading`'s fields.

        Raises:
            FileNotFoundError: If there is no such file.
            PromptError: If a line is no such object, or a key occurs twice; the line is named.
        """
        file = Path(path)
        readings: dict[str, UtteranceReading] = {}
        # Lines end with \n alone: texts may hold the other line ends of Unicode.
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
            if not line.strip():
                continue
            where = f"Line {number} of {file.name}"
            try:
                found: object = json.loads(line)
            except ValueError as error:
                raise PromptError(f"{where} is no JSON ({error}): write one object a line.") from error
            key, reading = _parsed(found, where)
            if key in readings:
                raise PromptError(f"{where} has the key {key!r} of an earlier line: keep one of them.")
            readings[key] = reading
        return cls(readings, source=file.name)


def _parsed(found: object, where: str) -> tuple[str, UtteranceReading]:
    fields = ("key", *UtteranceReading._fields)
    if not isinstance(found, dict) or not isinstance(found.get("key"), str):
        raise PromptError(f"{where} has no 'key': write an object with the key of an utterance.")
    wrong = sorted(name for name, value in found.items() if name not in fields or not isinstance(value, str))
    if wrong:
        raise PromptError(f"{where} has a wrong field {wrong[0]!r}: give texts named {', '.join(fields)}.")
    return found["key"], UtteranceReading(**{name: text for name, text in found.items() if name != "key"})
