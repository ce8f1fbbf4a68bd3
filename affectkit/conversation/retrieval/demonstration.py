"""What is shown to a model as an example, and what it is shown for."""

from __future__ import annotations

from typing import NamedTuple


class Demonstration(NamedTuple):
    """An utterance with its label.

    Attributes:
        text: What was said.
        label: Index in the label space of the index that holds it.
        conversation: Name of its conversation, unique over all data sets that are put together.
        split: The part of its data set that it is from.
        speaker: Who said it; "" where that is not known.
    """

    text: str
    label: int
    conversation: str
    split: str = "train"
    speaker: str = ""


class Asked(NamedTuple):
    """An utterance that demonstrations are looked for.

    Attributes:
        text: What was said.
        conversation: Name of its conversation, as demonstrations of the same one have it.
    """

    text: str
    conversation: str


class Retrieved(NamedTuple):
    """A demonstration and how similar it is.

    Attributes:
        demonstration: What was found.
        similarity: Cosine with the query.
    """

    demonstration: Demonstration
    similarity: float


def same_conversation(asked: Asked, demonstration: Demonstration) -> bool:
    """Whether a demonstration is from the conversation that is asked about.

    Examples:
        >>> same_conversation(Asked("Hi.", "meld/d1"), Demonstration("Bye.", 0, "meld/d1"))
        True
    """
    return asked.conversation == demonstration.conversation
