"""An utterance with past and future: marks, budget, and where the current one stands."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectkit.encoders import DialogueWindowText, TextTokenizer

pytest.importorskip("transformers", reason="needs the extra 'text'")
TOKENIZER = TextTokenizer("tiny")


def written(window: DialogueWindowText, ids: Sequence[int]) -> str:
    tokens = window.tokenizer.tokenizer.convert_ids_to_tokens(list(ids))
    return " ".join(tokens).replace(" ##", "")


def lines(**options: object) -> list[str]:
    window = DialogueWindowText(TOKENIZER, **options)  # type: ignore[arg-type]
    return [written(window, one.ids) for one in window(["ann", "bob", "ann"], ["hi", "oh, hi!", "bye"])]


def test_the_current_one_is_fenced_where_there_is_context() -> None:
    assert lines() == [
        "[CLS] ann : hi [SEP] bob : oh , hi ! ann : bye [SEP]",
        "[CLS] ann : hi [SEP] bob : oh , hi ! [SEP] ann : bye [SEP]",
        "[CLS] ann : hi bob : oh , hi ! [SEP] ann : bye [SEP]",
    ]
    assert lines(names=False)[1] == "[CLS] hi [SEP] oh , hi ! [SEP] bye [SEP]"
    assert lines(future=0)[:2] == ["[CLS] ann : hi [SEP]", "[CLS] ann : hi [SEP] bob : oh , hi ! [SEP]"]
    assert lines(past=1, future=0)[2] == "[CLS] bob : oh , hi ! [SEP] ann : bye [SEP]"
    assert lines(past=0, future=1)[0] == "[CLS] ann : hi [SEP] bob : oh , hi ! [SEP]"


def test_past_only_never_sees_what_comes() -> None:
    window = DialogueWindowText(TOKENIZER, future=0, budget=40)
    one = window(["a", "b", "a"], ["so", "is it", "that changes all"])
    other = window(["a", "b", "b"], ["so", "is it", "x"])
    assert one[:2] == other[:2] and one[2] != other[2]


def test_the_budget_is_cut_evenly_from_the_far_ends() -> None:
    # One token a letter; marks are 4 here: start, two fences, end.
    window = DialogueWindowText(TOKENIZER, names=False, budget=13)
    assert written(window, window.at(1, "aba", ["abcdefgh", "xyz", "ijklmnop"]).ids) == (
        "[CLS]fgh [SEP] xyz [SEP] ijk [SEP]"
    )
    # What the past does not need goes to the future, and the other way round.
    assert written(window, window.at(1, "aba", ["a", "xyz", "ijklmnop"]).ids) == (
        "[CLS] a [SEP] xyz [SEP] ijklm [SEP]"
    )
    assert written(window, window.at(1, "aba", ["abcdefgh", "xyz", "i"]).ids) == (
        "[CLS]defgh [SEP] xyz [SEP] i [SEP]"
    )
    # No room for two sides: the past alone; none at all: the beginning of the current one.
    assert written(window, window.at(1, "aba", ["ab", "qrstuvwx", "ij"]).ids) == (
        "[CLS] ab [SEP] qrstuvwx [SEP]"
    )
    assert written(window, window.at(1, "aba", ["ab", "abcdefghijklmnop", "ij"]).ids) == (
        "[CLS] abcdefghijk [SEP]"
    )


WORDS = st.lists(st.text("abc ", max_size=12), min_size=1, max_size=8)


@settings(max_examples=80, deadline=None)
@given(WORDS, st.integers(3, 30), st.none() | st.integers(0, 3), st.none() | st.integers(0, 3))
def test_every_window_keeps_its_promises(
    texts: list[str], budget: int, past: int | None, future: int | None
) -> None:
    window = DialogueWindowText(TOKENIZER, budget=budget, past=past, future=future)
    names = ["ab"[place % 2] for place in range(len(texts))]
    alone = DialogueWindowText(TOKENIZER, budget=500, past=0, future=0)(names, texts)
    every = window(names, texts)
    assert every == [window.at(place, names, texts) for place in range(len(texts))]
    for one, own in zip(every, alone, strict=True):
        assert len(one.ids) <= budget and 0 < one.start < one.stop < len(one.ids)
        current = one.ids[one.start : one.stop]
        assert current == own.ids[1:-1][: len(current)]
        # The current utterance is only cut where it does not fit by itself.
        assert len(current) == min(len(own.ids) - 2, budget - 2)
        if len(texts) > 2 and past is None and future is None and len(one.ids) < budget - 3:
            assert sum(len(other.ids) - 2 for other in alone) <= len(one.ids) - 2


def test_the_fence_is_the_tokenizers_own(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    vocabulary = {
        token: place for place, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "b"])
    }
    tokenizer = transformers.RobertaTokenizerFast(vocab=vocabulary, merges=[])
    tokenizer.save_pretrained(tmp_path)
    window = DialogueWindowText(TextTokenizer(str(tmp_path), max_length=32), names=False)
    (found,) = window("a", ["a"])
    assert written(window, found.ids) == "<s> a </s>"
    one = window("ab", ["a", "b"])[1]
    assert written(window, one.ids) == "<s> a </s> </s> b </s>" and (one.start, one.stop) == (4, 5)


def test_pickles_and_refuses() -> None:
    window = DialogueWindowText(TOKENIZER, budget=20)
    assert pickle.loads(pickle.dumps(window))("ab", ["a", "b"]) == window("ab", ["a", "b"])
    assert window([], []) == []
    with pytest.raises(ValueError, match="a budget of at least 3 tokens"):
        DialogueWindowText(TOKENIZER, budget=2)
    with pytest.raises(ValueError, match="past=-1"):
        DialogueWindowText(TOKENIZER, past=-1)
    with pytest.raises(ValueError, match="1 speakers for 2 utterances"):
        window("a", ["a", "b"])
