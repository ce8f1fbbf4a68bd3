"""Chats to ids, with and without the tokenizer's own template."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from affectkit.conversation.prompts import ChatMessage, ChatTokenizer

pytest.importorskip("transformers", reason="needs the extra 'llm'")

CHAT = [ChatMessage(role="system", content="Label."), ChatMessage(role="user", content="Why?")]


def saved(folder: Path, template: str | None) -> ChatTokenizer:
    tiny = ChatTokenizer("tiny").tokenizer
    tiny.chat_template = template
    tiny.save_pretrained(folder)
    return ChatTokenizer(str(folder))


def test_a_chat_ends_where_the_answer_begins() -> None:
    tokenizer = ChatTokenizer("tiny")
    text = "<|system|>Label.<|end|><|user|>Why?<|end|><|assistant|>"
    assert tokenizer.text(CHAT) == text
    ids = tokenizer.prompt(CHAT)
    assert tokenizer.count(CHAT) == len(ids) == 5 + len("Label.Why?")
    assert tokenizer.decode(ids) == "Label.Why?"
    assert tokenizer.decode(tokenizer.answer("jöy")) == "jöy"
    # Answers are one after another as ids too: what a model would write after the prompt.
    whole = tokenizer.tokenizer(f"{text}joy<|end|>", add_special_tokens=False)["input_ids"]
    assert ids + tokenizer.answer("joy") == whole


def test_without_a_template_a_chat_is_paragraphs(tmp_path: Path) -> None:
    tokenizer = saved(tmp_path, None)
    assert tokenizer.text(CHAT) == "Label.\n\nWhy?\n\n"
    assert tokenizer.decode(tokenizer.prompt(CHAT)) == "Label.\n\nWhy?\n\n"


def test_a_template_without_a_system_message_gets_it_from_the_user(tmp_path: Path) -> None:
    tokenizer = saved(
        tmp_path,
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "[{{ m.role }}]{{ m.content }}{% endfor %}",
    )
    assert tokenizer.text(CHAT) == "[user]Label.\n\nWhy?"


def test_thinking_aloud_is_switched_off(tmp_path: Path) -> None:
    template = "{{ messages[-1].content }}{% if enable_thinking is false %}<think></think>{% endif %}"
    assert saved(tmp_path, template).text(CHAT) == "Why?<think></think>"


def test_sent_to_a_worker_it_is_the_same() -> None:
    tokenizer = ChatTokenizer("tiny")
    twin: ChatTokenizer = pickle.loads(pickle.dumps(tokenizer))
    assert twin.identity == tokenizer.identity and twin.prompt(CHAT) == tokenizer.prompt(CHAT)


def test_the_identity_knows_how_chats_are_written(tmp_path: Path) -> None:
    tokenizer = ChatTokenizer("tiny")
    same = saved(tmp_path / "same", tokenizer.tokenizer.chat_template)
    assert same.identity == tokenizer.identity
    assert saved(tmp_path / "other", "{{ messages[0].content }}").identity != tokenizer.identity


def test_a_tokenizer_without_an_end_is_refused(tmp_path: Path) -> None:
    tiny = ChatTokenizer("tiny").tokenizer
    tiny.eos_token = None
    tiny.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no token that ends a text"):
        ChatTokenizer(str(tmp_path))
