"""The ablation of distillation on FER+: its parts, its page, and a run on faces that are made up."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from affectkit.functional import class_f1, confusion_counts

ROOT = Path(__file__).parents[2]
QUALITY = ROOT / "benchmarks" / "quality"
VOTED = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    *("unknown", "NF"),
)


@pytest.fixture(scope="module")
def distill() -> Iterator[ModuleType]:
    pytest.importorskip("timm", reason="needs the extra 'all'")
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(QUALITY))
        yield importlib.import_module("ferplus_distill")
        for name in ("ferplus_distill", "ferplus_crossed", "ferplus_student", "ferplus_faces"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey noise with a brightness that tells the label, in the files of FER+."""
    root = tmp_path_factory.mktemp("made")
    folder = root / "ferplus"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name, count in (("train", 40), ("valid", 16)):
        votes = np.zeros((count, 10), dtype=np.uint8)
        content, offsets = b"", [0]
        for row in range(count):
            votes[row, row % 8], votes[row, 0] = 8, votes[row, 0] + 2
            pixels = generator.integers(0, 40, (48, 48)) + 25 * (row % 8)
            buffer = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="WEBP", lossless=True)
            content += buffer.getvalue()
            offsets.append(len(content))
        np.savez(
            folder / f"ferplus_{name}.npz",
            votes=votes,
            vote_names=np.array(VOTED),
            fer_row=np.arange(count, dtype=np.int32),
            offset=np.array(offsets, dtype=np.int64),
            blob=np.frombuffer(content, dtype=np.uint8),
        )
    return root


def test_a_quick_run_writes_rows_and_keeps_its_cells(
    distill: ModuleType, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--data", str(faces), "--quick", "--work", str(tmp_path / "work")]
    assert distill.main([*call, "--out", str(tmp_path / "one.json")]) == 0
    result = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result) and str(faces) not in json.dumps(result)
    measured = {row["system"] for row in result["rows"] if not row.get("published")}
    assert set(distill.SYSTEMS) | {"teacher"} <= measured
    published = [row for row in result["rows"] if row.get("published")]
    assert len(published) == 12 and all("README" in row["source"] for row in published)
    assert result["settings"]["train_faces"] + result["settings"]["prototype_faces"] == 40
    assert sum(result["grid"]["counts"]) == 4
    assert "nothing is claimed about EEG" in result["note"]
    printed = capsys.readouterr().out
    assert distill.crossed_table(result["rows"]) in printed
    crossed = {row["system"] for row in result["rows"] if row.get("labels") == "fer7.official"}
    assert crossed == set(distill.SYSTEMS)
    assert result["note"] in printed and "(EEG prototypes), published" in printed
    # One cell is taken as it was kept, one is measured anew, by the teacher as it was kept.
    cells = {path.stem: path for path in (tmp_path / "work").glob("*/*.json")}
    assert len(cells) == len(distill.SYSTEMS)
    kept = json.loads(cells["CE-0"].read_text())
    kept["scores"]["accuracy"] = 12.5
    cells["CE-0"].write_text(json.dumps(kept))
    cells["CE_+_KD-0"].unlink()
    assert distill.main([*call, "--out", str(tmp_path / "two.json")]) == 0
    again = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))
    changed = {row["system"] for row in again["rows"] if row not in result["rows"]}
    assert {name for name in changed if " minus " not in name} == {"CE"}
    assert "teacher, epoch" not in capsys.readouterr().out


def test_systems_differ_in_their_terms_alone(distill: ModuleType) -> None:
    terms = {name: distill.DistillTerms(**options) for name, options in distill.SYSTEMS.items()}
    used = {
        name: (each.objective, each.kd_weight, each.prototype_weight, each.geometry_weight)
        for name, each in terms.items()
    }
    assert used == {
        "CE": ("classification", 0.0, 0.0, 0.0),
        "votes": ("votes", 0.0, 0.0, 0.0),
        "CE + KD": ("classification", 0.3, 0.0, 0.0),
        "CE + KD + prototypes": ("classification", 0.3, 0.12, 0.0),
        "CE + KD + random prototypes": ("classification", 0.3, 0.12, 0.0),
        "CE + KD + prototypes + prior": ("classification", 0.3, 0.12, 0.012),
    }


def test_scores_count_every_label(distill: ModuleType) -> None:
    guess, label = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 2, 2])
    found = distill.scores_of(torch.eye(8)[guess], label)
    f1 = class_f1(confusion_counts(guess, label, num_classes=8))
    assert found["accuracy"] == pytest.approx(75.0)
    assert found["macro_f1_all"] == pytest.approx(100 * float(f1.sum()) / 8)
    assert found["uar_all"] == pytest.approx(100 * (1 + 1 + 0.5) / 8)


def test_another_label_space_counts_what_it_has(distill: ModuleType) -> None:
    # neutral, happiness and anger as FER2013 numbers them; a face of contempt has no number there
    label = torch.tensor([0, 1, 4, 7])
    theirs = distill.other_labels(label)
    assert theirs.tolist() == [6, 3, 0, -100]
    logits = torch.eye(8)[[0, 7, 4, 7]]
    logits[1, 1] = 0.5  # contempt before happiness
    found = distill.crossed_scores(logits, theirs)
    assert found["all-class"]["accuracy"] == pytest.approx(100 * 2 / 3)
    assert found["present-only"]["accuracy"] == pytest.approx(100.0)
    assert found["all-class"]["balanced accuracy"] == pytest.approx(100 * 2 / 8)
    assert found["present-only"]["balanced accuracy"] == pytest.approx(100.0)
    assert found["all-class"]["macro F1"] == pytest.approx(100 * 2 / 8)
    (row,) = (
        row
        for row in distill.crossed_rows("CE", [found, found])
        if row["scope"] == "all-class" and row["metric"] == "accuracy"
    )
    assert (row["value"], row["sd"], row["n"], row["labels"]) == (66.67, 0.0, 2, "fer7.official")


def test_a_face_lies_at_the_mean_place_of_its_votes(distill: ModuleType) -> None:
    votes = torch.zeros(2, 8)
    votes[0, 1], votes[1, 1], votes[1, 0] = 5, 5, 5
    places = distill.places_of(votes)
    # Neutral is the origin.
    torch.testing.assert_close(places[1], places[0] / 2)


def test_the_page_shows_what_the_file_holds(distill: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("ferplus_distill-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert distill.table(result["rows"]) in page and files[-1].name in page
    assert distill.crossed_table(result["rows"]) in page
    for row in result["rows"]:
        if "values" in row:
            assert row["n"] == len(row["values"]) == 3
            assert row["value"] == pytest.approx(sum(row["values"]) / row["n"], abs=0.011)
