"""Tables of predictions: whole, the same after an interruption, and read by other programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from affectkit.predict import (
    PicturePredictor,
    PredictError,
    Prediction,
    PredictItem,
    find_pictures,
    write_predictions,
)


class Interrupted(PicturePredictor):
    """Stops after some rows, as a killed process would."""

    after = 5

    def rows(self, items: Iterable[PredictItem]) -> Iterator[Prediction]:
        for number, row in enumerate(super().rows(items)):
            if number == self.after:
                raise KeyboardInterrupt
            yield row


@pytest.fixture(scope="module")
def predictor(trained: Any) -> PicturePredictor:
    return PicturePredictor.from_checkpoint(trained.run, batch_size=2, device="cpu")


@pytest.fixture
def items(trained: Any, tmp_path: Path) -> list[PredictItem]:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "odd,\nname.png").write_bytes(b"no picture")
    return find_pictures([tmp_path / "in", trained.files / "test"])


def test_csv_and_json_lines_hold_the_rows(
    predictor: PicturePredictor, items: list[PredictItem], tmp_path: Path
) -> None:
    rows = list(predictor.predict(items))
    report = write_predictions(predictor, items, out=tmp_path / "p.csv")
    assert (report.rows, report.unread, report.kept) == (8, 1, 0)
    write_predictions(predictor, items, out=tmp_path / "p.jsonl")
    assert sorted(path.name for path in tmp_path.glob("*p.*")) == ["p.csv", "p.jsonl"]
    with (tmp_path / "p.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert list(table[0])[:4] == ["path", "label", "p_neutral", "p_surprise"]
    assert list(table[0])[-6:] == ["top", "entropy", "region", "model", "data", "error"]
    for row, cells, line in zip(rows, table, lines, strict=True):
        assert row.path == cells["path"] == line["path"]
        assert (row.label, row.label or "") == (line["label"], cells["label"])
        assert cells["region"] == line["region"] == "whole frame"
        assert cells["model"] == line["model"] == predictor.identity != ""
        assert (row.error, row.error or "") == (line["error"], cells["error"])
        for name, chance in row.probabilities.items():
            assert float(cells[f"p_{name}"]) == line["probabilities"][name] == round(chance, 6)
    assert table[0]["error"] and table[0]["p_joy"] == ""


@pytest.mark.parametrize("cut", [0, 7])
def test_an_interrupted_table_goes_on(
    trained: Any, predictor: PicturePredictor, items: list[PredictItem], tmp_path: Path, cut: int
) -> None:
    out, rows = tmp_path / "p.csv", tmp_path / ".p.csv.rows"
    with pytest.raises(KeyboardInterrupt):
        write_predictions(
            Interrupted(predictor.task, predictor.view, batch_size=2, identity=predictor.identity),
            items,
            out=out,
        )
    assert not out.exists()
    # a power cut in the middle of a line
    rows.write_bytes(rows.read_bytes()[: -cut or None])
    seen: list[tuple[int, int]] = []
    report = write_predictions(
        predictor, items, out=out, progress=lambda done, total: seen.append((done, total))
    )
    kept = 2 if cut else 4
    assert (report.kept, report.rows) == (kept, 8) and seen[0] == (kept, 8) and seen[-1] == (8, 8)
    write_predictions(predictor, items, out=tmp_path / "again.csv")
    assert out.read_bytes() == (tmp_path / "again.csv").read_bytes()
    assert not rows.exists()


def test_rows_of_another_model_or_of_other_pictures_are_not_kept(
    predictor: PicturePredictor, items: list[PredictItem], tmp_path: Path
) -> None:
    for identity, chosen in (("other", items), (predictor.identity, items[:-1])):
        with pytest.raises(KeyboardInterrupt):
            write_predictions(
                Interrupted(predictor.task, predictor.view, batch_size=2, identity=identity),
                chosen,
                out=tmp_path / "p.csv",
            )
        assert write_predictions(predictor, items, out=tmp_path / "p.csv").kept == 0


def test_a_table_needs_a_known_name_in_a_folder(predictor: PicturePredictor, tmp_path: Path) -> None:
    for name, why in (
        ("p.txt", r"end its name in \.csv, \.jsonl or \.parquet"),
        ("absent/p.csv", r"since there is no folder .*absent: make it"),
    ):
        with pytest.raises(PredictError, match=why):
            write_predictions(predictor, [], out=tmp_path / name)
