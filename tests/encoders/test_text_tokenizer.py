from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from affectkit.encoders import TextTokenizer

TEXTS = ["oh no !", "", "that is great , is n\u2019t it ?"]


def test_ids_are_those_of_each_text_alone(folder: Path) -> None:
    tokenizer = TextTokenizer(str(folder), max_length=6)
    rows = tokenizer(TEXTS)
    assert rows == [tokenizer([text])[0] for text in TEXTS]
    assert rows[0] == [2, 4, 5, 6, 3] and rows[1] == [2, 3] and len(rows[2]) == 6
    assert tokenizer([]) == []
    ids, mask = tokenizer.padded(rows)
    assert ids.tolist()[0] == [2, 4, 5, 6, 3, tokenizer.pad_id] and mask.sum(1).tolist() == [5, 2, 6]
    assert not ids[~mask].any()


def test_punctuation_becomes_plain_unless_switched_off(folder: Path) -> None:
    plain = TextTokenizer(str(folder))
    assert plain(["oh \u2014 no\u2026"]) == plain(["oh - no..."])
    raw = TextTokenizer(str(folder), ascii_punctuation=False)
    assert raw(["oh \u2014 no\u2026"]) != plain(["oh - no..."])


def test_it_is_made_again_where_a_pickle_arrives(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    tokenizer = TextTokenizer(folder.name, max_length=5, ascii_punctuation=False)
    sent = pickle.dumps(tokenizer)
    assert len(sent) < 1000
    monkeypatch.chdir("/")
    again: TextTokenizer = pickle.loads(sent)
    assert again(TEXTS) == tokenizer(TEXTS) and again.max_length == 5 and not again.ascii_punctuation


def test_refusals(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="TextTokenizer found no folder"):
        TextTokenizer(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="max_length=0"):
        TextTokenizer(str(folder), max_length=0)
    with pytest.raises(TypeError, match="item of type int"):
        TextTokenizer(str(folder))(["oh", 3])  # type: ignore[list-item]
