"""The few-shot benchmark on FER+: its parts, its page, and a run on faces that are made up."""

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

ROOT = Path(__file__).parents[2]
QUALITY = ROOT / "benchmarks" / "quality"
VOTED = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
PARTS = ("ferplus_faces", "ferplus_base", "ferplus_adapt", "ferplus_fewshot")


@pytest.fixture(scope="module")
def fewshot() -> Iterator[ModuleType]:
    for name in ("open_clip", "transformers", "matplotlib"):
        pytest.importorskip(name, reason="needs the extra 'all'")
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(QUALITY))
        module = importlib.import_module(PARTS[-1])
        yield module
        for name in PARTS:
            del sys.modules[name]


@pytest.fixture(scope="module")
def encoder(fewshot: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence encoder with random weights, as a local folder."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")
    folder = tmp_path_factory.mktemp("package") / "model"
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", ":", "-"]
    described = " ".join(fewshot.SYSTEMS["descriptor"].options["descriptors"])
    known = sorted(set(described.replace(",", "").replace(":", "").split()) - set(letters))
    words = [*marks, *known, *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=160,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def _write(folder: Path, *, train: int, valid: int) -> None:
    """Grey noise with a brightness that tells the label, and a stray vote on every fifth face."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name, count in (("train", train), ("valid", valid)):
        votes = np.zeros((8 * count, 10), dtype=np.uint8)
        content, offsets = b"", [0]
        for row in range(len(votes)):
            votes[row, row % 8] = 10
            if row % 5 == 0:
                votes[row, 3] += 1
            pixels = generator.integers(0, 40, (48, 48)) + 25 * (row % 8)
            buffer = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="WEBP", lossless=True)
            content += buffer.getvalue()
            offsets.append(len(content))
        np.savez(
            folder / f"ferplus_{name}.npz",
            votes=votes,
            vote_names=np.array(VOTED),
            fer_row=np.arange(len(votes), dtype=np.int32),
            offset=np.array(offsets, dtype=np.int64),
            blob=np.frombuffer(content, dtype=np.uint8),
        )


def test_the_page_shows_what_the_files_hold(fewshot: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("ferplus_fewshot-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert fewshot.table(result["rows"]) in page
    assert files[-1].name in page
    assert (ROOT / "docs" / "images" / "ferplus_fewshot.png").is_file()
    assert {row["system"] for row in result["rows"]} == set(fewshot.SYSTEMS)
    for row in result["rows"]:
        assert row["n"] == len(row["values"]) == (1 if row["system"] == "zero-shot" else 3)
        assert row["value"] == pytest.approx(sum(row["values"]) / row["n"], abs=0.011)
    assert "/" not in result["command"].replace("benchmarks/quality/", "")


def _faces(fewshot: ModuleType, labels: list[int]) -> object:
    from ferplus_faces import Faces

    label = torch.tensor(labels)
    return Faces(torch.arange(len(label)).view(-1, 1, 1).expand(-1, 2, 2), label, torch.eye(4)[label])


def test_shots_and_selection_share_no_face_and_few_are_the_first_of_many(fewshot: ModuleType) -> None:
    faces = _faces(fewshot, [0, 1, 2, 3] * 12)
    many = fewshot.draw_shots(faces, shots=5, selection=4, seed=3)
    few = fewshot.draw_shots(faces, shots=2, selection=4, seed=3)
    number = [
        set(part.pixels[:, 0, 0].tolist()) for part in (many.train, many.selection, few.train, few.selection)
    ]
    assert len(number[0]) == 20 and len(number[1]) == 16 and not number[0] & number[1]
    assert number[2] < number[0] and number[3] == number[1]
    assert many.train.counts() == [5, 5, 5, 5]
    other = fewshot.draw_shots(faces, shots=5, selection=4, seed=4)
    assert set(other.train.pixels[:, 0, 0].tolist()) != number[0]
    with pytest.raises(SystemExit, match="12 faces of sadness"):
        fewshot.draw_shots(faces, shots=10, selection=4, seed=0)


def test_scores_and_intervals_count_every_class_once(fewshot: ModuleType) -> None:
    label = torch.tensor([0] * 8 + [1] * 4 + [2] * 2 + [3] * 2)
    guess = label.clone()
    guess[8:12] = 0
    guess[14] = 0
    found = fewshot.scores(guess, label)
    assert float(found["UAR"]) == pytest.approx(100 * (1 + 0 + 1 + 0.5) / 4)
    assert float(found["accuracy"]) == pytest.approx(100 * 11 / 16)
    assert float(found["recall of contempt"]) == 50.0
    drawn = fewshot.bootstrap(guess.unsqueeze(0), label)
    # Only the class of two faces, one of them right, can vary: recall 0, 50 or 100.
    assert fewshot.interval(drawn["UAR"]) == [50.0, 75.0]
    assert fewshot.interval(drawn["recall of sadness"]) == [100.0, 100.0]
    # Two seeds that are always right and always wrong: their mean does not vary.
    both = torch.stack([label, (label + 1) % 4])
    assert fewshot.interval(fewshot.bootstrap(both, label)["UAR"]) == [50.0, 50.0]


def test_a_gain_over_zero_shot_is_measured_draw_by_draw(fewshot: ModuleType) -> None:
    label = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    same = [0, 1, 1, 0, 2, 2, 3, 0]
    given: dict[str, object] = dict.fromkeys(fewshot.Cell._fields, 0)
    cells = [
        fewshot.Cell(**{**given, "system": "zero-shot", "guess": same}),
        fewshot.Cell(**{**given, "system": "CoOp", "shots": 1, "guess": same}),
    ]
    found = {(row["system"], row["metric"]): row for row in fewshot.rows(cells, label)}
    assert found["CoOp", "UAR"]["interval"][0] < found["CoOp", "UAR"]["interval"][1]
    assert found["CoOp", "UAR over zero-shot"]["interval"] == [0.0, 0.0]
    assert ("zero-shot", "UAR over zero-shot") not in found


def test_the_base_sees_no_face_with_a_vote_for_a_new_class(fewshot: ModuleType, tmp_path: Path) -> None:
    _write(tmp_path / "ferplus", train=10, valid=2)
    splits = fewshot.read_faces(tmp_path)
    # Every fifth face has a vote for sadness, so 2 of 10 of each known class go; new ones stay.
    assert splits["train"].known.counts() == [8, 8, 8, 8]
    assert splits["train"].new.counts() == [10, 10, 10, 10]
    assert splits["val"].new.counts() == [2, 2, 2, 2]
    known = splits["train"].known
    assert torch.equal(known.votes.argmax(1), known.label) and (known.votes.sum(1) == 10).all()


def test_a_quick_run_writes_rows_and_keeps_its_cells(
    fewshot: ModuleType, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path / "ferplus", train=20, valid=2)
    call = ["--data", str(tmp_path), "--encoder", str(encoder), "--quick", "--work", str(tmp_path / "work")]
    one = [*call, "--out", str(tmp_path / "one.json"), "--plot", str(tmp_path / "images" / "one.png")]
    assert fewshot.main(one) == 0
    with Image.open(tmp_path / "images" / "one.png") as picture:
        assert picture.width > 500
    result = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result) and str(encoder) not in json.dumps(result)
    assert {row["system"] for row in result["rows"]} == set(fewshot.SYSTEMS)
    assert result["test_faces"] == dict.fromkeys(fewshot.NEW, 2)
    uar = {row["system"]: row for row in result["rows"] if row["metric"] == "UAR"}
    assert all(row["interval"][0] <= row["value"] <= row["interval"][1] for row in uar.values())
    # Whatever learns has the same number of candidates: here two stops instead of four.
    assert set(result["candidates"].values()) == {1, 6, 12}
    assert result["candidates"]["Tip-Adapter"] == 12 and result["candidates"]["zero-shot"] == 1
    # One cell is taken as it was kept, one is measured anew, with the base as it was kept.
    cells = {path.stem: path for path in (tmp_path / "work").glob("cells-*/*.json")}
    assert len(cells) == len(fewshot.SYSTEMS)
    kept = json.loads(cells["CoOp-1-0"].read_text())
    cells["CoOp-1-0"].write_text(json.dumps({**kept, "selection_uar": 12.5}))
    cells["linear_probe-1-0"].unlink()
    assert fewshot.main([*call, "--out", str(tmp_path / "two.json")]) == 0
    again = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))
    changed = [row for row in again["rows"] if row not in result["rows"]]
    assert [(row["system"], row["metric"], row["value"]) for row in changed] == [
        ("CoOp", "selection UAR", 12.5)
    ]
    printed = capsys.readouterr().out
    assert printed.count("base, epoch") == 1 and "sadness 2, fear 2, disgust 2, contempt 2" in printed


def test_the_choice_is_the_best_candidate_on_selection(fewshot: ModuleType, encoder: Path) -> None:
    from ferplus_adapt import Views, logits_of, teach
    from ferplus_base import BaseSettings, random_base
    from ferplus_faces import Faces

    base = random_base(str(encoder), BaseSettings(width=64, layers=1))
    label = torch.arange(4).repeat(4)
    pixels = (torch.rand(16, 48, 48, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    faces = Faces(pixels, label, torch.eye(4)[label])
    # Chosen on the very faces it learns: more steps at a larger rate must win over hardly any.
    views = Views(base, fewshot.draw_shots(faces, shots=2, selection=2, seed=0), seed=0)
    views.shots = views.shots._replace(selection=views.shots.train)
    views.selection = views.features[0]
    system = fewshot.System("linear_probe", {}, rates=(1e-9, 3e-3))
    taught = teach(system, views, seed=0, stops=(1, 40))
    assert (taught.choice.rate, taught.choice.step, taught.candidates) == (3e-3, 40, 4)
    # The state that was chosen is the one that answers.
    guess = logits_of(taught.adapter, views.shots.selection, views.selection).argmax(1)
    right = (guess == views.shots.selection.label).float().mean()
    assert float(right) == pytest.approx(taught.choice.uar)
