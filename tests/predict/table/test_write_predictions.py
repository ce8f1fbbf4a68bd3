"""A table is that of its predictor, whatever was begun before."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from affectkit.labels import LabelSpace
from affectkit.predict import Prediction, PredictItem, write_predictions


class Fixed:
    """Predicts the first label of a space for everything."""

    things = "texts"
    identity = "fixed"
    batch_size = 1
    manner = "softmax"

    def __init__(self, *labels: str, stops_after: int = 99) -> None:
        self.label_space: LabelSpace | None = LabelSpace("own", labels)
        self._labels = labels
        self._stops_after = stops_after

    def find(
        self, paths: Iterable[str | os.PathLike[str]], *, split: str = "test", every: float | None = None
    ) -> list[PredictItem]:
        return [PredictItem(str(path), "all", dict) for path in paths]

    def rows(self, items: Iterable[PredictItem]) -> Iterator[Prediction]:
        for number, item in enumerate(items):
            if number == self._stops_after:
                raise KeyboardInterrupt
            chances = {label: 1.0 / len(self._labels) for label in self._labels}
            yield Prediction(number, item.path, "all", self._labels[0], chances, (), {}, None)

    def described(self, model: str) -> str:
        return model


def test_rows_of_other_labels_are_not_kept(tmp_path: Path) -> None:
    out = tmp_path / "p.jsonl"
    items = Fixed("joy").find(["a", "b", "c"])
    for labels, kept in ((("joy", "fear"), 2), (("fear", "joy"), 0)):
        with pytest.raises(KeyboardInterrupt):
            write_predictions(Fixed("joy", "fear", stops_after=2), items, out=out)
        seen: list[Prediction] = []
        assert write_predictions(Fixed(*labels), items, out=out, watch=seen.append).kept == kept
        assert {json.loads(line)["label"] for line in out.read_text().splitlines()} == {labels[0]}
        assert [row.path for row in seen] == ["a", "b", "c"] and seen[0].top == 0.5
