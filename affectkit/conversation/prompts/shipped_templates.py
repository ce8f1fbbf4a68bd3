"""Prompt templates by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from affectkit.conversation.prompts.prompt_template import PromptError, PromptTemplate

_QUESTION: Final = (
    'Which of these emotions does {speaker} feel while saying "{utterance}"? '
    "Reply with one label and nothing else."
)

#: ``"prc_emo"``: everything, in the order of PRC-Emo's third prompt; the words are our own.
#: ``"plain"``: the conversation and the labels.
TEMPLATES: Final[Mapping[str, PromptTemplate]] = MappingProxyType(
    {
        "prc_emo": PromptTemplate(
            system="\n\n".join(
                (
                    "{instruction}",
                    "{definitions}",
                    "The conversation, with > before the utterance in question:\n{context}",
                    "About the speaker:\n{speaker_profile}",
                    "Two readings of the utterance:\n{knowledge}",
                    "Utterances of other conversations, and what was felt in them:\n{demonstrations}",
                    "Labels: {labels}",
                )
            ),
            user="{question}",
            wording={
                "instruction": (
                    "You annotate conversations. For one utterance you decide which emotion its speaker "
                    "feels, judging by the words and by the situation in which they are said."
                ),
                "definitions": (
                    "An explicit reading says which feeling the words themselves state. An implicit reading "
                    "says which feeling stands behind them, as manner, relation and situation suggest."
                ),
                "question": _QUESTION,
            },
        ),
        "plain": PromptTemplate(
            system="\n\n".join(
                (
                    "{instruction}",
                    "The conversation, with > before the utterance in question:\n{context}",
                    "Labelled utterances:\n{demonstrations}",
                    "Labels: {labels}",
                )
            ),
            user="{question}",
            wording={
                "instruction": "Name the emotion with which an utterance of a conversation is said.",
                "question": _QUESTION,
            },
        ),
    }
)


def prompt_template(name: str) -> PromptTemplate:
    """A shipped template by its name.

    Raises:
        PromptError: If there is none of that name.

    Examples:
        >>> prompt_template("plain").slots
        ('instruction', 'context', 'demonstrations', 'labels', 'question')
    """
    if name not in TEMPLATES:
        raise PromptError(
            f"There is no prompt template {name!r}: choose among {', '.join(sorted(TEMPLATES))}, or give a "
            "PromptTemplate of your own."
        )
    return TEMPLATES[name]
