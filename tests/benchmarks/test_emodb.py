"""The benchmark on EMO-DB: its table, and a run on voices that are made up."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from affectkit.data.synthetic import write_emodb_folder

pytest.importorskip("sklearn", reason="needs scikit-learn")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def emodb() -> ModuleType:
    spec = importlib.util.spec_from_file_location("emodb", ROOT / "benchmarks" / "quality" / "emodb.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_emodb_folder(tmp_path_factory.mktemp("voices") / "emodb", speakers=3, versions=2)


def test_the_page_shows_what_the_files_hold(emodb: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("emodb-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert emodb.table(result["rows"]) in page and files[-1].name in page
    for row in result["rows"]:
        assert row["value"] == pytest.approx(sum(row["values"]) / row["n"], abs=0.011)
    assert emodb.failures(result["rows"]) == result["limit"]["failures"] == []
    assert "/" not in result["command"].replace("benchmarks/quality/", "")


def test_a_quick_run_writes_rows_and_keeps_its_cells(
    emodb: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    call = ["--data", str(folder), "--quick", "--work", str(tmp_path / "work")]
    try:
        assert (
            emodb.main([*call, "--out", str(tmp_path / "one.json"), "--picture", str(tmp_path / "a.png")])
            == 0
        )
        result = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
        assert str(tmp_path) not in json.dumps(result) and (tmp_path / "a.png").stat().st_size > 1000
        assert {(row["normalization"], row["system"]) for row in result["rows"]} == {
            (by, system) for by in emodb.NORMALIZATIONS for system in emodb.SYSTEMS
        }
        assert len(result["folds"]) == 2 * 3 * 3
        assert all(sum(map(sum, counts)) == 3 * 7 * 2 for counts in result["confusion"].values())
        # All cells but one are taken as they were kept; that one is measured anew and comes out the same.
        cells = sorted((tmp_path / "work" / "cells").glob("*.json"))
        kept = json.loads(cells[0].read_text(encoding="utf-8"))
        cells[0].unlink()
        capsys.readouterr()
        assert emodb.main([*call, "--out", str(tmp_path / "two.json")]) == 0
        assert capsys.readouterr().out.count("min left") == 1
        again = json.loads(cells[0].read_text(encoding="utf-8"))
        assert {**again, "seconds": 0} == {**kept, "seconds": 0}
        assert json.loads((tmp_path / "two.json").read_text())["rows"] == result["rows"]
        # What is not finished for every speaker is left out.
        cells[0].unlink()
        assert emodb.main([*call, "--finished", "--out", str(tmp_path / "three.json")]) == 0
        assert len(json.loads((tmp_path / "three.json").read_text())["folds"]) == 2 * 3 * 3 - 3
    finally:
        torch.set_num_threads(threads)


def test_the_held_out_speaker_decides_nothing(emodb: ModuleType, folder: Path) -> None:
    """Other recordings of the speaker who is held out change neither statistics nor network."""
    settings = emodb.Settings(epochs=1, batch=8)
    voices = emodb.read_voices(folder, settings)
    test = torch.tensor([one == "03" for one in voices.speakers])
    louder = voices._replace(frames=torch.where(test.reshape(-1, 1, 1), voices.frames + 5.0, voices.frames))
    by_training = [
        emodb.normalized(one, train=~test, by="training speakers")[~test] for one in (voices, louder)
    ]
    assert torch.equal(*by_training)
    rows = by_training[0][voices.mask[~test]]
    torch.testing.assert_close(rows.mean(dim=0), torch.zeros(40), atol=1e-4, rtol=0.0)
    # By each speaker, a level that one speaker alone has is gone.
    each = [emodb.normalized(one, train=~test, by="each speaker") for one in (voices, louder)]
    torch.testing.assert_close(*each, atol=1e-3, rtol=0.0)
    wrong = louder._replace(label=torch.where(test, (voices.label + 1) % 7, voices.label))
    options = {"normalization": "training speakers", "system": emodb.PLAIN, "seed": 0, "speaker": "03"}
    one, two = (emodb.measure(each, **options, settings=settings) for each in (louder, wrong))
    assert one.predicted == two.predicted and one.label != two.label


def test_scores_pool_folds_and_average_them(emodb: ModuleType) -> None:
    def cell(speaker: str, label: list[int], predicted: list[int]) -> object:
        return emodb.Cell("training speakers", emodb.PLAIN, 0, speaker, label, predicted, 1.0)

    found = emodb.scores([cell("03", [0, 0, 0, 1], [0, 0, 0, 0]), cell("08", [0, 1], [1, 1])])
    assert found["UAR, pooled folds"] == pytest.approx(100 * (3 / 4 + 1 / 2) / 2)
    assert found["UAR, mean over folds"] == pytest.approx(100 * (1 / 2 + 1 / 2) / 2)
    assert found["accuracy"] == pytest.approx(100 * 4 / 6)
