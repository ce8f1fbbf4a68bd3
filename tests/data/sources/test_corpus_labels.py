from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectkit.data.sources import SourceError
from affectkit.data.sources.corpus_labels import CorpusLabel, read_corpus_labels
from affectkit.labels import affect_scale, label_space

MER = label_space("mer6.official")
MOSI = affect_scale("sentiment.mosi")


def saved(path: Path, **corpora: dict[str, object]) -> Path:
    members: dict[str, Any] = {name: np.array(clips, dtype=object) for name, clips in corpora.items()}
    np.savez_compressed(path, **members)
    return path


def test_numbers_names_and_marks_of_absence(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "label.npz",
        train_corpus={"a": {"emo": 3, "val": -1.5}, "b": {"emo": "worried", "val": -10}},
        test1_corpus={"c": {"emo": np.int64(0), "val": np.float32(2)}},
    )
    assert read_corpus_labels(path, space=MER, scale=MOSI) == {
        "a": CorpusLabel("a", "train", 3, -1.5),
        "b": CorpusLabel("b", "train", 4, None),
        "c": CorpusLabel("c", "test1", 0, 2.0),
    }
    assert read_corpus_labels(path, space=None, scale=None)["a"] == CorpusLabel("a", "train", None, None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"emo": 6, "val": 0}, "emo 6, not in 0 neutral"),
        ({"emo": "calm", "val": 0}, "emo 'calm'"),
        ({"emo": 1.0, "val": 0}, "emo 1.0"),
        ({"emo": True, "val": 0}, "emo True"),
        ({"emo": 1, "val": 4}, "sentiment 4 lies outside"),
        ({"emo": 1, "val": "high"}, "val 'high'"),
        ({"emo": 1}, "no emo and val"),
        (1, "no emo and val"),
    ],
)
def test_a_label_that_does_not_fit_is_refused(tmp_path: Path, values: object, words: str) -> None:
    path = saved(tmp_path / "label.npz", train_corpus={"clip": values})
    with pytest.raises(SourceError, match=rf"label\.npz: the clip 'clip'.*{words}"):
        read_corpus_labels(path, space=MER, scale=MOSI)


def test_a_clip_in_two_corpora_is_refused(tmp_path: Path) -> None:
    clip = {"emo": 1, "val": 0}
    path = saved(tmp_path / "label.npz", train_corpus={"x": clip}, val_corpus={"x": clip})
    with pytest.raises(SourceError, match="'x' occurs twice"):
        read_corpus_labels(path, space=MER, scale=MOSI)


def test_other_members_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'names' is no corpus"):
        read_corpus_labels(saved(tmp_path / "a.npz", names={}), space=MER, scale=None)
    with pytest.raises(SourceError, match="labels no clip"):
        read_corpus_labels(saved(tmp_path / "b.npz", train_corpus={}), space=MER, scale=None)
