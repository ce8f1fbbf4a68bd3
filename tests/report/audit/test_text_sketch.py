"""Similar texts share a key of their sketches; equal words share all."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from affectkit.report.audit import jaccard, normal_text, shingles, text_sketch
from affectkit.report.audit.near_pairs import Numbers, find_pairs

LETTERS = "abcdefghijklmnopqrstuvwxyz "


@given(st.text(alphabet=LETTERS, max_size=60))
def test_what_a_copy_loses_does_not_change_the_sketch(text: str) -> None:
    noisy = f"  {text.upper()} ?! ".replace(" ", " \n—")
    assert normal_text(noisy) == " ".join(text.split())
    assert text_sketch(normal_text(noisy)) == text_sketch(normal_text(text))


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_the_share_of_common_shingles(left: str, right: str) -> None:
    def naive(text: str) -> list[str]:
        found = [text[i : i + 4] for i in range(len(text)) if len(text[i : i + 4]) == 4]
        return found or [text]

    one, other = naive(left), naive(right)
    common = [piece for piece in dict.fromkeys(one) if piece in other]
    either = dict.fromkeys([*one, *other])
    assert jaccard(shingles(left), shingles(right)) == len(common) / len(either)


def test_the_stated_share_of_similar_texts_meets_in_a_key() -> None:
    rng = random.Random(0)
    met, total, strangers = 0, 0, 0
    for _ in range(400):
        text = "".join(rng.choice(LETTERS) for _ in range(120)).strip()
        place = rng.randrange(20, 100)
        edited = text[:place] + rng.choice("0123456789") + text[place + 1 :]
        other = "".join(rng.choice(LETTERS) for _ in range(120)).strip()
        keys = text_sketch(text)
        total += 1
        met += any(a == b for a, b in zip(keys, text_sketch(edited), strict=True))
        strangers += any(a == b for a, b in zip(keys, text_sketch(other), strict=True))
        assert jaccard(shingles(text), shingles(edited)) > 0.9
    # 0.9998 of them are expected at 0.9, and unrelated texts hardly ever meet.
    assert met >= total - 1
    assert strangers == 0


def test_a_sketch_is_the_same_on_every_machine() -> None:
    assert text_sketch("nobody was at home")[:2] == (4028964718, 2459772443)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abc d", min_size=5, max_size=30), min_size=2, max_size=10), st.data())
def test_only_similar_pairs_are_found_and_all_of_equal_words(texts: list[str], data: st.DataObject) -> None:
    for text in list(texts):
        place = data.draw(st.integers(0, len(text)))
        texts.append(f"{text[:place]}!{text[place:]}" if data.draw(st.booleans()) else f"{text} {text}")
    normal = [normal_text(text) for text in texts]
    sketches = np.array([text_sketch(one) for one in normal], dtype=np.uint64)

    def similar(one: int, other: int) -> bool:
        return jaccard(shingles(normal[one]), shingles(normal[other])) >= 0.8

    def near(left: Numbers, right: Numbers) -> NDArray[np.bool_]:
        return np.array([similar(*pair) for pair in zip(left.tolist(), right.tolist())], dtype=np.bool_)

    found = find_pairs(list(sketches.T), len(texts), near=near)
    pairs = set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    everything = {(i, j) for i, j in combinations(range(len(texts)), 2)}
    assert pairs <= {pair for pair in everything if similar(*pair)}
    assert pairs >= {(i, j) for i, j in everything if shingles(normal[i]) == shingles(normal[j])}
