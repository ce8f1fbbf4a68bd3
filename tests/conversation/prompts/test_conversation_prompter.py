"""What is shown around an utterance, and what goes first where there is no room."""

from __future__ import annotations

from typing import Literal

import pytest

from affectkit.conversation.prompts import (
    ChatMessage,
    ConversationPrompter,
    Example,
    PromptError,
    PromptTemplate,
    Turn,
    UtteranceReading,
)

LABELS = ("joy", "anger")
TALK = [Turn("AB"[place % 2], f"line {place}") for place in range(9)]
BARE = PromptTemplate(
    system="{context}\n\n{demonstrations}\n\n{knowledge}\n\n{speaker_profile}\n\n{labels}",
    user="{question}",
    wording={"question": "{speaker} {utterance}"},
)


def prompter(context: Literal["past", "both"] = "past", window: int = 3) -> ConversationPrompter:
    return ConversationPrompter(LABELS, template=BARE, context=context, window=window)


def lines(messages: list[ChatMessage]) -> list[int]:
    """Numbers of the turns that are shown; 100 more for the one in question."""
    text = messages[0]["content"].split("\n\n")[0]
    return [int(line.split()[-1]) + 100 * line.startswith("> ") for line in text.splitlines()]


@pytest.mark.parametrize(
    ("context", "place", "expected"),
    [
        ("past", 0, [100]),
        ("past", 2, [0, 1, 102]),
        ("past", 8, [5, 6, 7, 108]),
        ("both", 0, [100, 1, 2, 3]),
        ("both", 4, [1, 2, 3, 104, 5, 6, 7]),
        ("both", 8, [5, 6, 7, 108]),
    ],
)
def test_the_window(context: Literal["past", "both"], place: int, expected: list[int]) -> None:
    assert lines(prompter(context).messages(TALK, place)) == expected


def test_the_past_alone_is_not_moved_by_what_comes_later() -> None:
    changed = [*TALK[:5], *(Turn("C", "other") for _ in TALK[5:])]
    assert prompter().messages(TALK, 4) == prompter().messages(changed, 4)
    assert prompter("both").messages(TALK, 4) != prompter("both").messages(changed, 4)


def test_everything_that_is_known_is_said_once() -> None:
    reading = UtteranceReading("It says so.", "It\nis meant.", "A calm man.")
    system, user = ConversationPrompter(LABELS, window=1).messages(
        TALK, 4, examples=[Example("Great\nday", "joy"), Example("Go!", "anger")], reading=reading
    )
    for text in (
        "Explicit: It says so.\nImplicit: It is meant.",
        '"Great day": joy\n"Go!": anger',
        "A calm man.",
        "B: line 3\n> A: line 4",
        "Labels: joy, anger",
        "An explicit reading says",
    ):
        assert system["content"].count(text) == 1
    assert "line 4" in user["content"]
    # What nothing is said about has no heading and no definition.
    bare = ConversationPrompter(LABELS, window=1).messages(TALK, 4)[0]["content"]
    assert "reading" not in bare and "speaker:" not in bare and "other conversations" not in bare


def words(messages: list[ChatMessage]) -> int:
    return sum(len(message["content"].split()) for message in messages)


def test_what_is_farthest_goes_first_then_examples_then_what_is_known() -> None:
    asked = prompter("both")
    reading = UtteranceReading("it states", "", "calm")
    examples = [Example("one", "joy"), Example("two", "anger")]
    full = asked.messages(TALK, 4, examples=examples, reading=reading)
    left: list[tuple[list[int], int, bool, bool]] = []
    for most in range(words(full), 7, -1):
        try:
            fit = asked.fitted(TALK, 4, count=words, max_tokens=most, examples=examples, reading=reading)
        except PromptError:
            break
        assert words(fit) <= most and fit[1] == full[1]
        text = fit[0]["content"]
        state = (lines(fit), text.count('"') // 2, "Explicit" in text, "calm" in text)
        if not left or left[-1] != state:
            left.append(state)
    turns = [1, 2, 3, 104, 5, 6, 7]
    expected = []
    for gone in (7, 1, 6, 2, 5, 3):
        expected.append((list(turns), 2, True, True))
        turns.remove(gone)
    expected += [([104], 2, True, True), ([104], 1, True, True), ([104], 0, True, True)]
    expected += [([104], 0, False, True), ([104], 0, False, False)]
    assert left == expected


def test_an_utterance_that_is_too_long_alone_is_named() -> None:
    with pytest.raises(PromptError, match="'A: line 4' has 9 tokens without any context, and 8 are"):
        prompter().fitted(TALK, 4, count=words, max_tokens=8)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(PromptError, match="window=-1"):
        ConversationPrompter(LABELS, window=-1)
    with pytest.raises(PromptError, match="0 labels"):
        ConversationPrompter([])
    plain = ConversationPrompter(LABELS, template="plain")
    with pytest.raises(PromptError, match=r"no slot \{knowledge\}"):
        plain.messages(TALK, 1, reading=UtteranceReading(explicit="x"))
