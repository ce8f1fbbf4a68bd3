"""Messages as chat models read them."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypedDict


class ChatMessage(TypedDict):
    """One message of a chat, as ``apply_chat_template`` of transformers takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Turn(NamedTuple):
    """One utterance of a conversation.

    Attributes:
        speaker: Name of who says it.
        text: What is said.
    """

    speaker: str
    text: str
