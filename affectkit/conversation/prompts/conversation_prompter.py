"""An utterance in its conversation to the messages that ask a language model about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from affectkit.conversation.prompts.chat import ChatMessage, Turn
from affectkit.conversation.prompts.prompt_template import PromptError, PromptTemplate
from affectkit.conversation.prompts.shipped_templates import prompt_template
from affectkit.conversation.prompts.utterance_knowledge import UtteranceReading

#: What stands before the utterance that is asked about.
MARK: Final = "> "


class Example(NamedTuple):
    """A demonstration as a prompt shows it.

    Attributes:
        text: What was said.
        answer: The word for its label.
    """

    text: str
    answer: str


class ConversationPrompter:
    """Asks about one utterance at a time, with the turns around it.

    With ``context="past"`` nothing is read that was said later, so that the prompt can be asked while
    the talk goes on. A prompt that is too long loses the turns that are farthest away first, then the
    least similar demonstrations, then readings and profile; the utterance itself is never cut.

    Args:
        labels: Words that the model chooses from.
        template: Name of a shipped template, or one of your own.
        context: ``"past"``: the turns before. ``"both"``: also those after.
        window: Turns on a side.

    Raises:
        PromptError: If an argument is out of range.

    References:
        Do LLMs Feel? (PRC-Emo). AAAI 2026. arXiv:2511.07061.

    Deviation from the paper:
        Its code shows as many turns after the utterance as before, though the text speaks of history:
        that is ``context="both"``.

    Examples:
        >>> prompter = ConversationPrompter(["joy", "anger"], template="plain", window=1)
        >>> talk = [Turn("Ann", "Hi."), Turn("Bo", "You came!"), Turn("Ann", "Of course.")]
        >>> print(prompter.messages(talk, 1)[0]["content"])
        Name the emotion with which an utterance of a conversation is said.
        <BLANKLINE>
        The conversation, with > before the utterance in question:
        Ann: Hi.
        > Bo: You came!
        <BLANKLINE>
        Labels: joy, anger
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        template: str | PromptTemplate = "prc_emo",
        context: Literal["past", "both"] = "past",
        window: int = 5,
    ) -> None:
        if context not in ("past", "both") or window < 0 or not labels:
            raise PromptError(
                f"ConversationPrompter got context={context!r}, window={window} and {len(labels)} labels: "
                "give 'past' or 'both', a window of at least 0, and at least one label."
            )
        self.labels = tuple(labels)
        self.template = prompt_template(template) if isinstance(template, str) else template
        self.context: Literal["past", "both"] = context
        self.window = window

    def messages(
        self,
        turns: Sequence[Turn],
        place: int,
        *,
        examples: Sequence[Example] = (),
        reading: UtteranceReading | None = None,
    ) -> list[ChatMessage]:
        """Ask about the utterance at ``place``, whatever the length.

        Args:
            turns: The conversation.
            place: Position of the utterance.
            examples: Demonstrations, the most similar first.
            reading: What is known about the utterance.

        Raises:
            PromptError: If the template has no slot for something that there is to say.
        """
        return self._asked(turns, place, self._seen(len(turns), place), examples, reading)

    def fitted(
        self,
        turns: Sequence[Turn],
        place: int,
        *,
        count: Callable[[list[ChatMessage]], int],
        max_tokens: int,
        examples: Sequence[Example] = (),
        reading: UtteranceReading | None = None,
    ) -> list[ChatMessage]:
        """Ask with as much as ``max_tokens`` allow.

        Args:
            turns: As in :meth:`messages`.
            place: As in :meth:`messages`.
            count: Tokens of messages, e.g. ``ChatTokenizer.count``.
            max_tokens: Tokens that the prompt may have.
            examples: As in :meth:`messages`.
            reading: As in :meth:`messages`.

        Raises:
            PromptError: If the utterance alone is too long.
        """
        seen, shown, known = self._seen(len(turns), place), list(examples), reading
        while True:
            asked = self._asked(turns, place, seen, shown, known)
            length = count(asked)
            if length <= max_tokens:
                return asked
            if len(seen) > 1:
                # The later one of two that are equally far: what was said before explains more.
                seen.remove(max(seen, key=lambda other: (abs(other - place), other)))
            elif shown:
                shown.pop()
            elif known is not None and any(known):
                profile = known.speaker_profile
                known = UtteranceReading(speaker_profile=profile) if any(known[:2]) else None
            else:
                raise PromptError(
                    f"The prompt for {_line(turns[place])[:60]!r} has {length} tokens without any context, "
                    f"and {max_tokens} are allowed: raise max_tokens, or shorten utterance or template."
                )

    def _seen(self, count: int, place: int) -> list[int]:
        last = place if self.context == "past" else place + self.window
        return list(range(max(0, place - self.window), min(count - 1, last) + 1))

    def _asked(
        self,
        turns: Sequence[Turn],
        place: int,
        seen: Sequence[int],
        examples: Sequence[Example],
        reading: UtteranceReading | None,
    ) -> list[ChatMessage]:
        known = reading or UtteranceReading()
        readings = [
            f"{name}: {_flat(text)}"
            for name, text in (("Explicit", known.explicit), ("Implicit", known.implicit))
            if text
        ]
        slots = {
            "context": "\n".join((MARK if other == place else "") + _line(turns[other]) for other in seen),
            "speaker_profile": _flat(known.speaker_profile),
            "knowledge": "\n".join(readings),
            "demonstrations": "\n".join(f'"{_flat(one.text)}": {one.answer}' for one in examples),
            "labels": ", ".join(self.labels),
        }
        if not readings:
            # There is nothing that they would define.
            slots["definitions"] = ""
        lacking = [name for name, text in slots.items() if text and name not in self.template.slots]
        if lacking:
            raise PromptError(
                f"The prompt template has no slot {{{lacking[0]}}}, and there is something to put there: add "
                "the slot, or do without."
            )
        return self.template.messages(
            {name: text for name, text in slots.items() if name in self.template.slots},
            speaker=_flat(turns[place].speaker),
            utterance=_flat(turns[place].text),
        )


def _flat(text: str) -> str:
    """A text on one line, since a line is a turn."""
    return " ".join(text.split())


def _line(turn: Turn) -> str:
    return f"{_flat(turn.speaker)}: {_flat(turn.text)}"
