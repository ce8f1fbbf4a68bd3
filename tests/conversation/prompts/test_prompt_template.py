"""Slots are filled, left out as a whole, or missed."""

from __future__ import annotations

import pytest

from affectkit.conversation.prompts import SLOTS, TEMPLATES, PromptError, PromptTemplate, prompt_template

FULL = {slot: f"[{slot}]" for slot in SLOTS}


def test_the_order_of_prc_emo_is_that_of_its_third_prompt() -> None:
    template = prompt_template("prc_emo")
    assert template.slots == (
        "instruction",
        "definitions",
        "context",
        "speaker_profile",
        "knowledge",
        "demonstrations",
        "labels",
        "question",
    )
    system, user, answer = template.messages(FULL, answer="joy")
    places = [system["content"].index(f"[{slot}]") for slot in template.slots[:-1]]
    assert places == sorted(places) and user == {"role": "user", "content": "[question]"}
    assert answer == {"role": "assistant", "content": "joy"}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_the_words_of_a_shipped_template_name_speaker_and_utterance(name: str) -> None:
    template = prompt_template(name)
    slots = {slot: "" for slot in template.slots if slot not in template.wording}
    system, user = template.messages(slots, speaker="Ann", utterance="Oh {no}!")
    assert "Ann" in user["content"] and "Oh {no}!" in user["content"]
    assert system["content"].count("\n\n") == sum(slot in template.wording for slot in template.slots) - 2


def test_an_empty_slot_takes_its_heading_along_and_braces_of_a_text_stay() -> None:
    template = PromptTemplate(
        system="Always {{so}}.\n\nKnown:\n{knowledge}\n{speaker_profile}\n\nSaid:\n{context}",
        user="{question}",
    )
    given = {"knowledge": "", "speaker_profile": "", "context": "A: {labels} {", "question": "?"}
    assert template.messages(given)[0]["content"] == "Always {so}.\n\nSaid:\nA: {labels} {"
    half = template.messages({**given, "speaker_profile": "calm"})[0]["content"]
    assert half == "Always {so}.\n\nKnown:\n\ncalm\n\nSaid:\nA: {labels} {"


def test_a_slot_that_is_missing_or_unknown_is_refused() -> None:
    template = PromptTemplate(system="{context}", user="{question}", wording={"question": "{speaker}?"})
    with pytest.raises(PromptError, match="lacks its 'context'"):
        template.messages({})
    with pytest.raises(PromptError, match="was given 'labels'"):
        template.messages({"context": "", "labels": ""})


@pytest.mark.parametrize(
    ("system", "user", "wording", "reason"),
    [
        ("{contxt}", "{question}", {}, "slot {contxt}, which there is not"),
        ("{context!r}", "{question}", {}, "slot {context!r}, which there is not"),
        ("{context}", "{context} {question}", {}, "{context} twice"),
        ("{context}", "What?", {}, "asks nothing"),
        ("{context", "{question}", {}, "brace alone"),
        ("{context}", "{question}", {"labels": "joy"}, "words for 'labels'"),
        ("{context}", "{question}", {"question": "{labels}?"}, "speak of {labels}"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(
    system: str, user: str, wording: dict[str, str], reason: str
) -> None:
    with pytest.raises(PromptError, match=reason.replace("{", r"\{").replace("}", r"\}")):
        PromptTemplate(system=system, user=user, wording=wording)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(PromptError, match="choose among plain, prc_emo"):
        prompt_template("v3")
