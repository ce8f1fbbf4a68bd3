"""Chats to token ids, as the tokenizer of a language model has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from affectkit.conversation.prompts.chat import ChatMessage
from affectkit.encoders.transformers_bridge import load_language_tokenizer, text_model_source


class ChatTokenizer:
    """The tokenizer of a language model, with its way to write a chat.

    A prompt ends where the model's answer begins; models that can be told not to think aloud are. An
    answer is its words and the end of a turn. Both are made into tokens apart, as a model that answers
    meets them. A tokenizer without a template of chats gets plain paragraphs; where its template knows
    no system message, that is the beginning of the user's.

    Pickled, it is its name; a worker process loads it anew.

    Args:
        name_or_path: Local folder, or a hub name, of the language model; ``"tiny"`` is one of bytes.

    Raises:
        MissingExtraError: If transformers is not installed.
        FileNotFoundError: If the name is written as a path and no folder is there.
        ValueError: If the tokenizer has no token that ends a text.

    Examples:
        >>> tokens = ChatTokenizer("tiny")
        >>> tokens.text([{"role": "user", "content": "Hurray!"}])
        '<|user|>Hurray!<|end|><|assistant|>'
    """

    def __init__(self, name_or_path: str) -> None:
        self.source = text_model_source(name_or_path, owner="ChatTokenizer")
        self.tokenizer: Any = load_language_tokenizer(self.source)
        if self.tokenizer.eos_token_id is None:
            raise ValueError(
                f"The tokenizer of {self.source.label!r} has no token that ends a text: give it an "
                "eos_token, with which every answer ends."
            )
        self._knows_system = True
        if self.tokenizer.chat_template is not None:
            try:
                self._written([{"role": "system", "content": "."}, {"role": "user", "content": "."}])
            except TemplateError:
                self._knows_system = False

    @property
    def pad_id(self) -> int:
        """What fills up a row."""
        return int(self.tokenizer.pad_token_id)

    @property
    def end_id(self) -> int:
        """What ends an answer."""
        return int(self.tokenizer.eos_token_id)

    @property
    def identity(self) -> str:
        """Digest of the vocabulary and of how chats are written: two that agree give the same ids."""
        known = [sorted(self.tokenizer.get_vocab().items()), self.tokenizer.chat_template, self.end_id]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]

    def text(self, messages: Sequence[ChatMessage]) -> str:
        """The chat as the model reads it, up to where its answer begins."""
        if self.tokenizer.chat_template is None:
            paragraphs = "\n\n".join(message["content"] for message in messages)
            return f"{self.tokenizer.bos_token or ''}{paragraphs}\n\n"
        if self._knows_system or messages[0]["role"] != "system":
            return self._written(messages)
        first, second, *rest = messages
        joined = ChatMessage(role="user", content=f"{first['content']}\n\n{second['content']}")
        return self._written([joined, *rest])

    def prompt(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Ids of a chat, up to where the answer begins."""
        # The text has the special tokens already.
        ids: list[int] = self.tokenizer(self.text(messages), add_special_tokens=False)["input_ids"]
        return ids

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """How many tokens a chat has."""
        return len(self.prompt(messages))

    def answer(self, text: str) -> list[int]:
        """Ids of an answer, the end of the turn included."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*ids, self.end_id]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def _written(self, messages: Sequence[ChatMessage]) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        )

    def __reduce__(self) -> tuple[object, ...]:
        return ChatTokenizer, (self.source.name,)
