"""What may be shown for an utterance, and what must never be."""

from __future__ import annotations

import importlib.util
import pickle
import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from affectkit.conversation.retrieval import (
    Asked,
    Demonstration,
    DemonstrationError,
    DemonstrationIndex,
    Retrieved,
    demonstration_index,
    grid_rows,
    same_conversation,
)
from affectkit.conversation.retrieval.demonstration_index import Backend
from affectkit.labels import LabelSpace, LabelSpaceMismatchError, label_space

SPACE = label_space("meld7.official")
FAISS = pytest.param(
    "faiss",
    marks=pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed"),
)


def corpus(count: int = 300, *, seed: int = 0) -> tuple[Tensor, list[Demonstration]]:
    """Utterances of few texts and few vectors, in conversations of ten."""
    drawn = random.Random(seed)
    texts = [f"{drawn.choice(['Okay', 'OKAY ', 'No', 'Well'])} {drawn.randrange(40)}" for _ in range(count)]
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randint(-2, 3, (count, 6), generator=generator).float()
    return vectors, [
        Demonstration(text, place % 7, f"d{place // 10}", speaker="A") for place, text in enumerate(texts)
    ]


def index_of(vectors: Tensor, kept: list[Demonstration], backend: Backend = "torch") -> DemonstrationIndex:
    return DemonstrationIndex(vectors, kept, label_space=SPACE, encoder="hash:1", backend=backend, block=64)


def by_hand(
    vectors: Tensor, kept: list[Demonstration], query: Tensor, asked: Asked, k: int
) -> list[Demonstration]:
    rows, wanted = grid_rows(vectors).long().tolist(), grid_rows(query[None]).long()[0].tolist()
    scores = [sum(a * b for a, b in zip(row, wanted, strict=True)) for row in rows]
    found: list[Demonstration] = []
    texts = {" ".join(asked.text.lower().split())}
    for place in sorted(range(len(kept)), key=lambda one: (-scores[one], one)):
        text = " ".join(kept[place].text.lower().split())
        if kept[place].conversation == asked.conversation or text in texts or len(found) == k:
            continue
        texts.add(text)
        found.append(kept[place])
    return found


def shown(found: list[Retrieved]) -> list[Demonstration]:
    return [one.demonstration for one in found]


@pytest.mark.parametrize("backend", ["torch", FAISS])
@pytest.mark.parametrize("k", [0, 1, 3, 90])
def test_equals_a_search_by_hand(backend: Backend, k: int) -> None:
    vectors, kept = corpus()
    index = index_of(vectors, kept, backend)
    asked = [Asked(one.text, one.conversation) for one in kept[:40:3]]
    found = index.search(vectors[:40:3], asked, k=k)
    expected = [by_hand(vectors, kept, vectors[3 * n], one, k) for n, one in enumerate(asked)]
    assert [shown(one) for one in found] == expected
    for one in found:
        assert [hit.similarity for hit in one] == sorted((hit.similarity for hit in one), reverse=True)


@pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed")
def test_faiss_gives_the_same_for_vectors_that_differ_by_less_than_its_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.ones(500, 64) + 1e-5 * torch.randn(500, 64, generator=generator)
    kept = [Demonstration(f"{place}", 0, f"d{place}") for place in range(500)]
    asked = [Asked("?", "other")] * 20
    one, two = (
        index_of(vectors, kept, backend).search(vectors[:20], asked, k=5) for backend in ("torch", "faiss")
    )
    assert one == two


def test_a_query_gets_the_same_alone_and_among_others() -> None:
    _, kept = corpus(200)
    index = index_of(torch.randn(200, 33), kept)
    queries, asked = torch.randn(50, 33), [Asked("?", f"d{place % 20}") for place in range(50)]
    together = index.search(queries, asked, k=4)
    for place in range(50):
        assert index.search(queries[place : place + 1], asked[place : place + 1], k=4) == [together[place]]


def test_a_longer_list_is_asked_for_where_many_are_left_out() -> None:
    kept = [Demonstration(f"text {place}", 0, "own" if place < 190 else "other") for place in range(200)]
    index = index_of(torch.ones(200, 2), kept)
    found = index.search(torch.ones(1, 2), [Asked("?", "own")], k=3)
    assert shown(found[0]) == kept[190:193]


def test_a_rule_of_ones_own_takes_the_place_of_the_guard() -> None:
    kept = [Demonstration("Hi", 0, "a", speaker="A"), Demonstration("Bye", 0, "b", speaker="B")]
    index = index_of(torch.ones(2, 2), kept)

    def by_a_or_near(asked: Asked, one: Demonstration) -> bool:
        return one.speaker == "A" or same_conversation(asked, one)

    query = torch.ones(1, 2)
    assert shown(index.search(query, [Asked("?", "c")], k=2, exclude=by_a_or_near)[0]) == kept[1:]
    assert index.search(query, [Asked("?", "b")], k=2, exclude=by_a_or_near) == [[]]


def test_an_example_of_another_split_or_without_a_label_is_refused() -> None:
    for wrong, reason in (
        (Demonstration("Hi", 0, "a", split="test"), "from the split 'test'"),
        (Demonstration("Hi", -100, "a"), "has label -100"),
        (Demonstration("Hi", 7, "a"), "has label 7"),
    ):
        with pytest.raises(DemonstrationError, match=reason):
            index_of(torch.ones(1, 2), [wrong])


def test_labels_are_mapped_explicitly() -> None:
    other = LabelSpace("self.v1", ("happy", "bored", "neutral"))
    index = DemonstrationIndex(
        torch.eye(3),
        [Demonstration(text, label, text) for label, text in enumerate(("Hurray", "Yawn", "Well"))],
        label_space=other,
        encoder="hash:1",
    )
    mapped = index.relabelled(other.map_to(SPACE, drop=["bored"]))
    found = mapped.search(torch.tensor([[3.0, 2.0, 1.0]]), [Asked("?", "?")], k=3)
    assert [(one.demonstration.text, SPACE.labels[one.demonstration.label]) for one in found[0]] == [
        ("Hurray", "joy"),
        ("Well", "neutral"),
    ]
    with pytest.raises(LabelSpaceMismatchError, match=r"index\.label_space\.map_to"):
        mapped.relabelled(other.map_to(SPACE, drop=["bored"]))
    with pytest.raises(DemonstrationError, match="at least one"):
        index.relabelled(other.map_to(SPACE, drop=["happy", "bored", "neutral"]))


def test_several_indexes_become_one() -> None:
    vectors, kept = corpus(20)
    whole = index_of(vectors, kept)
    parts = [index_of(vectors[:7], kept[:7]), index_of(vectors[7:], kept[7:])]
    joined = DemonstrationIndex.joined(parts)
    assert joined.digest == whole.digest and len(joined) == 20
    foreign = DemonstrationIndex(vectors, kept, label_space=SPACE, encoder="hash:2")
    with pytest.raises(DemonstrationError, match=r"'hash:2'.*cannot be joined"):
        DemonstrationIndex.joined([whole, foreign])
    with pytest.raises(DemonstrationError, match="got no index"):
        DemonstrationIndex.joined([])


def test_saved_loaded_and_sent_it_is_the_same(tmp_path: Path) -> None:
    vectors, kept = corpus(30)
    index = index_of(vectors, kept)
    index.save(tmp_path / "index.safetensors")
    loaded = DemonstrationIndex.load(tmp_path / "index.safetensors", encoder="hash:1")
    asked = [Asked(one.text, one.conversation) for one in kept]
    expected = index.search(vectors, asked, k=3)
    for other in (loaded, pickle.loads(pickle.dumps(index))):
        assert other.digest == index.digest and other.label_space == SPACE
        assert other.search(vectors, asked, k=3) == expected
    with pytest.raises(DemonstrationError, match="encoded by 'hash:1', but the queries by 'hash:9'"):
        DemonstrationIndex.load(tmp_path / "index.safetensors", encoder="hash:9")


def test_a_file_does_not_say_which_splits_may_be_shown(tmp_path: Path) -> None:
    path = tmp_path / "index.safetensors"
    vectors, kept = corpus(3)
    of_test = [one._replace(split="test") for one in kept]
    DemonstrationIndex(vectors, of_test, label_space=SPACE, encoder="hash:1", splits=["test"]).save(path)
    with pytest.raises(DemonstrationError, match="from the split 'test', and only 'train' may be shown"):
        DemonstrationIndex.load(path)
    assert len(DemonstrationIndex.load(path, splits=["test"])) == 3


def test_a_changed_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.safetensors"
    vectors, kept = corpus(3)
    index_of(vectors, kept).save(path)
    path.write_bytes(path.read_bytes().replace(b'"A"]', b'"B"]'))
    with pytest.raises(DemonstrationError, match="not those that were saved"):
        DemonstrationIndex.load(path)
    monkeypatch.setattr(demonstration_index, "_KIND", "something else")
    index_of(vectors, kept).save(path)
    monkeypatch.undo()
    with pytest.raises(DemonstrationError, match="no index of demonstrations"):
        DemonstrationIndex.load(path)


def test_what_does_not_fit_is_refused() -> None:
    vectors, kept = corpus(10)
    index = index_of(vectors, kept)
    with pytest.raises(DemonstrationError, match=r"width 6, but was asked with \(1, 5\) for 1"):
        index.search(torch.ones(1, 5), [Asked("?", "?")], k=1)
    with pytest.raises(DemonstrationError, match="k=-1"):
        index.search(vectors[:1], [Asked("?", "?")], k=-1)
    with pytest.raises(DemonstrationError, match="10 vectors for 9"):
        index_of(vectors, kept[:9])
    with pytest.raises(DemonstrationError, match="block=0"):
        DemonstrationIndex(vectors, kept, label_space=SPACE, encoder="hash:1", block=0)
