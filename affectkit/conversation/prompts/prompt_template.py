"""The text of a prompt with places for what changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Final

from affectkit.conversation.prompts.chat import ChatMessage

#: What a prompt can hold.
SLOTS: Final = (
    "instruction",
    "definitions",
    "context",
    "speaker_profile",
    "knowledge",
    "demonstrations",
    "labels",
    "question",
)
#: What the fixed words of a template can speak of.
MENTIONS: Final = ("speaker", "utterance")


class PromptError(ValueError):
    """A prompt cannot be made; the message names the slot and the remedy."""


@dataclass(frozen=True)
class PromptTemplate:
    """Two messages with ``{slots}``, made of paragraphs that an empty line separates.

    A paragraph whose slots are all empty is left out, its heading with it, so that a prompt without
    demonstrations has no heading for them. Every slot must be given, if only as "": what is forgotten
    is an error, never a gap in the prompt. Braces in what is filled in are plain text.

    Args:
        system: What the model is told once.
        user: What it is asked.
        wording: Words of slots that are the same in every prompt; they may speak of ``{speaker}`` and
            ``{utterance}``. What :meth:`messages` is given replaces them.

    Raises:
        PromptError: If a slot is unknown or stands twice, there is no ``{question}``, or words are given
            for a slot that the template lacks.

    Examples:
        >>> template = PromptTemplate(
        ...     system="Name the emotion.\\n\\nExamples:\\n{demonstrations}",
        ...     user="{question}",
        ...     wording={"question": "What does {speaker} feel?"},
        ... )
        >>> [one["content"] for one in template.messages({"demonstrations": ""}, speaker="Ann")]
        ['Name the emotion.', 'What does Ann feel?']
    """

    system: str
    user: str
    wording: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = list(_fields(f"{self.system}\n{self.user}"))
        for name in found:
            if name not in SLOTS:
                raise PromptError(
                    f"A prompt template has the slot {{{name}}}, which there is not: choose among "
                    f"{', '.join(SLOTS)}, and write a brace of the text twice."
                )
            if found.count(name) > 1:
                raise PromptError(f"A prompt template has the slot {{{name}}} twice: keep one of them.")
        if "question" not in found:
            raise PromptError("A prompt template asks nothing: put the slot {question} into it.")
        for name, text in self.wording.items():
            if name not in found:
                raise PromptError(
                    f"A prompt template has words for {name!r}, which it has no slot for: add {{{name}}} to "
                    "it, or leave the words out."
                )
            for mention in _fields(text):
                if mention not in MENTIONS:
                    raise PromptError(
                        f"The words for {name!r} speak of {{{mention}}}: they can of {{speaker}} and "
                        "{utterance} alone."
                    )

    @property
    def slots(self) -> tuple[str, ...]:
        """Slots of the template, in the order in which a model reads them."""
        return tuple(_fields(f"{self.system}\n{self.user}"))

    def messages(
        self,
        slots: Mapping[str, str],
        *,
        speaker: str = "",
        utterance: str = "",
        answer: str | None = None,
    ) -> list[ChatMessage]:
        """Fill the slots.

        Args:
            slots: Text of each slot that has no words of its own; "" leaves its paragraph out.
            speaker: Who is asked about.
            utterance: What they said.
            answer: What the model should say; None = it is not said yet.

        Raises:
            PromptError: If a slot is missing, or one is given that the template lacks.
        """
        said = {"speaker": speaker, "utterance": utterance}
        words = {name: _filled(text, said) for name, text in self.wording.items()}
        unknown = sorted(set(slots) - set(self.slots))
        if unknown:
            raise PromptError(
                f"A prompt was given {unknown[0]!r}, which its template has no slot for: it has "
                f"{', '.join(self.slots)}."
            )
        missing = [name for name in self.slots if name not in slots and name not in words]
        if missing:
            raise PromptError(
                f"A prompt lacks its {missing[0]!r}: give it, if only as '' to leave its paragraph out."
            )
        values = {**words, **slots}
        found = [
            ChatMessage(role="system", content=_paragraphs(self.system, values)),
            ChatMessage(role="user", content=_paragraphs(self.user, values)),
        ]
        if answer is not None:
            found.append(ChatMessage(role="assistant", content=answer))
        return found


def _fields(text: str) -> Iterator[str]:
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise PromptError(
            f"A prompt template has a brace alone ({error}): write a brace of the text twice."
        ) from error
    for _, name, form, conversion in pieces:
        if name is not None:
            yield name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")


def _filled(text: str, values: Mapping[str, str]) -> str:
    # In one pass, so that braces in the values are never read as slots.
    return "".join(
        before + ("" if name is None else values[name]) for before, name, _, _ in Formatter().parse(text)
    )


def _paragraphs(text: str, values: Mapping[str, str]) -> str:
    kept = [
        _filled(paragraph, values)
        for paragraph in text.split("\n\n")
        if not (names := list(_fields(paragraph))) or any(values[name] for name in names)
    ]
    return "\n\n".join(kept)
