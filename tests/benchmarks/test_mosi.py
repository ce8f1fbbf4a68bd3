"""The benchmark on CMU-MOSI: its parts, its page, and a run on features that are made up."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
QUALITY = ROOT / "benchmarks" / "quality"
#: Enough for a batch of ten beside the twelve that are held out.
TRAINING = 24
PARTS = ("missing_modalities", "mosi_videos", "mosi_table", "mosi")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def mosi() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(QUALITY))
        yield importlib.import_module(PARTS[-1])
    for name in PARTS:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos for training and three for the test, in the layout of the published features."""
    folder = tmp_path_factory.mktemp("made")
    generator = np.random.default_rng(0)
    sizes = [2 + number % 4 for number in range(TRAINING + 3)]
    labels = generator.integers(0, 2, sum(sizes))
    names = [f"video{number:02d}" for number, size in enumerate(sizes) for _ in range(size)]

    def feature(width: int) -> NDArray[np.float32]:
        return (generator.normal(size=(sum(sizes), width)) + labels[:, None]).astype(np.float32)

    np.savez(
        folder / "mosi.npz",
        video_id=np.array(names),
        utterance=np.array([place for size in sizes for place in range(size)], dtype=np.int32),
        label=labels.astype(np.int64),
        split=np.array(["test" if name >= f"video{TRAINING:02d}" else "train" for name in names]),
        transcript=np.array(["IT WAS GOOD" if label else "NO NOT AT ALL" for label in labels]),
        text=feature(100),
        audio=feature(73),
        video=feature(100),
    )
    return folder


@pytest.fixture
def cell(mosi: ModuleType) -> Any:
    def make(system: str, seed: int, chances: list[float], **changes: Any) -> Any:
        fields = {
            "block": "distributed",
            "noise": True,
            "hidden": 0.0,
            "held_out": 12,
            "found": 70.0,
            "missing": {},
            "seconds": 1.0,
        }
        return mosi.Cell(system=system, seed=seed, chances=chances, **{**fields, **changes})

    return make


def test_the_pages_show_what_the_file_holds(mosi: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("mosi-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    results, fusion = (
        (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in ("results", "fusion")
    )
    assert mosi.table(result["rows"]) in results and files[-1].name in results
    assert mosi.errors_table(result["errors"]) in results and mosi.plain_table(result["rows"]) in results
    assert mosi.missing_table(result["missing"]) in fusion and files[-1].name in fusion
    assert mosi.failures(result["rows"]) == result["limit"]["failures"]
    for row in result["rows"]:
        if not row.get("published"):
            assert row["n"] == len(row["values"]) == 5
            assert row["value"] == pytest.approx(sum(row["values"]) / 5, abs=0.011)
    for block in ("distributed", "encoder"):
        assert {row["system"] for row in result["rows"] if row["block"] == block} >= set(mosi.FUSIONS)


def test_a_quick_run_writes_rows_and_goes_on(
    mosi: ModuleType, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setattr(mosi, "FUSIONS", ("concat", "leader_follower"))
    call = ["--data", str(data), "--encoder", "tiny", "--quick", "--work", str(tmp_path / "work")]
    call += ["--blocks", "distributed", "encoder", "--plain", "--out", str(tmp_path / "out.json")]
    assert mosi.main(call) == 0
    result = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result) and str(data) not in json.dumps(result)
    ours = [row for row in result["rows"] if not row.get("published")]
    assert {(row["block"], row["system"]) for row in ours if "," not in row["system"]} == {
        *(("distributed", f"{name} alone") for name in ("text", "audio", "visual")),
        *((block, name) for block in ("distributed", "encoder") for name in ("concat", "leader_follower")),
        ("encoder", "sentence alone"),
    }
    assert sum("trained on all 62 videos" in row["system"] for row in ours) == 2 * 2
    assert all(0 <= row["value"] <= 100 and row["n"] == 1 for row in ours)
    # Two fusions, three rates, both kinds of training and their difference.
    assert len(result["missing"]) == 2 * 3 * 3
    shown = capsys.readouterr().out
    for part in (
        mosi.table(result["rows"]),
        mosi.errors_table(result["errors"]),
        mosi.plain_table(result["rows"]),
        mosi.missing_table(result["missing"]),
    ):
        assert part in shown
    assert mosi.main(call) == 0
    assert "min left" not in capsys.readouterr().out


def test_held_out_videos_are_not_trained_on_and_noise_stays_away_from_the_test(
    mosi: ModuleType, data: Path, tmp_path: Path
) -> None:
    videos = importlib.import_module("mosi_videos")
    root = videos.make_features(data, None, tmp_path)
    made = videos.MosiVideos(root, ["text", "audio"], seed=1, held_out=5, noise={"text": 3.0})
    train = {key for batch in made.train_dataloader() for key in batch.keys}
    (held,) = made.val_dataloader()
    (test,) = made.test_dataloader()
    assert len(train) == 10 and len(held.keys) == 5 and len(test.keys) == 3
    assert not train & set(held.keys) and not (train | set(held.keys)) & set(test.keys)
    kept = torch.cat(
        [
            sample.features["text"]
            for key, sample in zip(made._train.keys, made._train.samples, strict=True)
            if key not in held.keys
        ]
    )
    torch.testing.assert_close(made.feature_statistics()["text"].mean, kept.double().mean(dim=0))
    assert made.class_counts("train").sum() == len(kept)
    other = videos.MosiVideos(root, ["text", "audio"], seed=2, held_out=5)
    assert set(next(iter(other.val_dataloader())).keys) != set(held.keys)

    class Stage:
        training = False
        validating = False

    clean = test.inputs["text"].clone()
    assert torch.equal(made.on_after_batch_transfer(test, 0).inputs["text"], clean)
    made.trainer = Stage()
    assert torch.equal(made.on_after_batch_transfer(test, 0).inputs["text"], clean)
    Stage.validating = True
    one, two = (made.on_after_batch_transfer(next(iter(made.val_dataloader())), 0).inputs for _ in range(2))
    assert torch.equal(one["text"], two["text"]) and torch.equal(one["audio"], held.inputs["audio"])
    moved = (one["text"] - held.inputs["text"]) / made.feature_statistics()["text"].deviation
    assert 2.5 < float(moved.std()) < 3.5


def test_the_system_is_chosen_on_held_out_videos_alone(mosi: ModuleType, cell: Any) -> None:
    label = torch.tensor([0, 1, 1, 0])
    right, wrong = [0.1, 0.9, 0.8, 0.2], [0.9, 0.9, 0.1, 0.9]
    cells = [cell("concat", seed, right) for seed in range(2)]
    cells += [cell("gated", seed, wrong, found=80.0) for seed in range(2)]
    cells += [cell("concat", seed, right, noise=False, found=99.0) for seed in range(2)]
    found = mosi.rows(cells, label)
    assert mosi.chosen(found, "distributed") == "gated"
    assert "| distributed | **gated** | 2 | 25.0 ± 0.0 |" in mosi.table(found)
    assert mosi.failures(found) == ["distributed: gated 25.0 < 79.0"]
    cells.append(cell("gated", 0, right, held_out=0, found=None))
    found = mosi.rows(cells, label)
    assert mosi.failures(found) == []
    assert "gated, trained on all 62 videos | 1 | 100.0 | 100.0 |  |" in mosi.table(found)


def test_errors_are_counted_in_the_right_place(mosi: ModuleType, cell: Any) -> None:
    table = importlib.import_module("mosi_table")
    known = table.Utterances(
        label=torch.tensor([0, 1, 1, 0]),
        words=torch.tensor([2, 5, 12, 30]),
        turns=torch.tensor([False, True, False, True]),
        first=torch.tensor([True, False, False, False]),
    )
    chances = [0.05, 0.95, 0.4, 0.65]
    cells = [cell("gated", 0, chances, found=90.0)]
    cells += [
        cell(f"{name} alone", 0, [0.1, 0.9, 0.1, middle])
        for name, middle in (("text", 0.9), ("audio", 0.9), ("visual", 0.1))
    ]
    rows = {row["part"]: (row["share"], row["accuracy"]) for row in mosi.errors(cells, known)}
    assert rows["1 to 4 words"] == rows["first of its video"] == (25.0, 100.0)
    assert rows["10 to 19 words"] == rows["20 words and more"] == (25.0, 0.0)
    assert rows["other label than before"] == (50.0, 50.0) and rows["label as before"] == (25.0, 0.0)
    assert rows["sure of it (above 90 %)"] == (50.0, 100.0)
    assert rows["borderline (below 70 %)"] == (50.0, 0.0)
    assert rows["all three modalities alone agree"] == (75.0, 66.7)
    assert rows["one of them disagrees"] == (25.0, 0.0)
