"""The benchmark on GoEmotions and EmoBank: its parts, its page, and a run on texts that are made up."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]
QUALITY = ROOT / "benchmarks" / "quality"
PARTS = ("emotion_anchors", "cat_dim_graphs", "cat_dim_systems", "cat_dim_table", "cat_dim_text")
WORDS = ("so", "very", "good", "bad", "calm")

pytestmark = pytest.mark.filterwarnings("ignore:The annotations of:UserWarning")


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    pytest.importorskip("transformers", reason="needs the extra 'text'")
    with pytest.MonkeyPatch.context() as patch:
        # The script runs alone, so its own folder is where it looks for its parts.
        patch.syspath_prepend(str(QUALITY))
        yield importlib.import_module(PARTS[-1])
        for name in PARTS:
            del sys.modules[name]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence encoder with random weights, as a local folder."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'text'")
    folder = tmp_path_factory.mktemp("package") / "model"
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*marks, *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    transformers.BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=40,
    )
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def write(folder: Path) -> Path:
    """Comments that their label follows from, and sentences that their valence does."""
    (folder / "goemotions").mkdir(parents=True)
    (folder / "emobank").mkdir()
    for split, size in (("train", 192), ("dev", 40), ("test", 40)):
        with (folder / "goemotions" / f"{split}.tsv").open("w", encoding="utf-8") as stream:
            for number in range(size):
                text = " ".join(WORDS[(number + place) % 5] for place in range(1 + number % 3))
                stream.write(f"{text}\t{number % 28}\t{split}{number}\n")
    with (folder / "emobank" / "emobank.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "split", "V", "A", "D", "text"])
        for split, size in (("train", 80), ("dev", 20), ("test", 20)):
            for number in range(size):
                word = WORDS[number % 5]
                rated = [2 + number % 5 / 2, 3 + number % 2, 2 + number % 3]
                writer.writerow([f"{split}{number}", split, *rated, f"so {word}"])
    return folder


def test_the_page_shows_what_the_files_hold(bench: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("cat_dim_text-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert bench.table(result["rows"]) in page and bench.gains(result["rows"]) in page
    assert files[-1].name in page
    ours = {row["system"] for row in result["rows"] if not row.get("published")}
    assert "separate heads" in ours <= set(importlib.import_module("cat_dim_systems").SYSTEMS)
    for row in result["rows"]:
        if row.get("published"):
            assert row["source"]
        else:
            assert 1 <= row["n"] == len(row["values"]) <= 3
            assert row["value"] == pytest.approx(sum(row["values"]) / row["n"], abs=0.011)
    cells = [bench.Cell(**cell) for cell in result["cells"]]
    assert json.loads(json.dumps(bench.rows(cells))) == result["rows"]
    assert "/" not in result["command"].replace("benchmarks/quality/", "")


def test_graphs_link_what_their_rule_says(bench: ModuleType) -> None:
    graphs = importlib.import_module("cat_dim_graphs")
    space, scale = bench.label_space(bench.SPACE), bench.SCALE
    labels = torch.zeros(60, 28)
    labels[torch.arange(60), torch.arange(60) % 28] = 1
    # Every joy is love as well.
    labels[labels[:, space.index("joy")] == 1, space.index("love")] = 1
    vectors = torch.eye(31)
    vectors[30] = vectors[space.index("joy")]
    parts = graphs.GraphParts(space, scale, labels, vectors)
    made = {rule: make(parts) for rule, make in graphs.RULES.items()}
    assert all(graph.nodes == (*space.labels, "valence", "arousal", "dominance") for graph in made.values())
    assert len(made["no link"].isolated) == 31

    def linked(rule: str, one: str, other: str) -> bool:
        nodes = made[rule].nodes
        return bool(made[rule].adjacency[nodes.index(one), nodes.index(other)] > 0)

    assert linked("anchors", "joy", "valence") and not linked("anchors", "realization", "valence")
    assert linked("rank over anchors", "grief", "valence") and not linked("anchors", "joy", "love")
    assert linked("co-occurrence", "joy", "love") and not linked("co-occurrence", "joy", "valence")
    assert linked("embeddings", "joy", "dominance") and not linked("embeddings", "joy", "love")
    assert graphs.links(made["co-occurrence"])["with dimensions"] == 0


def test_scores_group_labels_and_keep_each_axis(bench: ModuleType) -> None:
    space = bench.label_space(bench.SPACE)
    groups = bench.ekman_groups(space)
    assert [bench.EKMAN.labels[group] for group in groups][:3] == ["joy", "joy", "anger"]
    probability = torch.full((2, 28), 0.1)
    probability[0, space.index("grief")] = 0.9
    said = bench.joined(probability, groups)
    assert said.shape == (2, 7) and said[0, bench.EKMAN.index("sadness")] == pytest.approx(0.9)
    assert said[1].tolist() == pytest.approx([0.1] * 7)
    labels = (probability > 0.5).float()
    dims = torch.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 2.0]])
    answers = bench.Answers(probability, labels, torch.stack([dims[:, 0], -dims[:, 1], dims[:, 2]], 1), dims)
    found = bench.scores(answers, [0.5, 0.5])
    assert [found[f"Pearson {axis}"] for axis in "VAD"] == pytest.approx([100.0, -100.0, 100.0])
    assert found["CCC V"] == pytest.approx(100.0) and found["CCC A"] < 0
    # One of 28 labels, and one of 7, occurs and is found.
    assert found["macro F1, 28 labels"] == pytest.approx(100 / 28)
    assert found["macro F1, Ekman"] == pytest.approx(100 / 7)
    assert 0.1 <= bench.best_threshold(probability, labels) < 0.9


def test_a_gain_is_measured_seed_by_seed_and_the_graph_is_chosen_on_dev(bench: ModuleType) -> None:
    table = importlib.import_module("cat_dim_table")

    def cell(system: str, seed: int, value: float, dev: float, mode: str = "frozen") -> object:
        scores = dict.fromkeys(table.METRICS, value)
        return table.Cell(mode, system, seed, scores, scores, dev, 0, [0.3, 0.3], 1.0)

    cells = [
        cell("separate heads", 0, 50.0, 1.0),
        cell("separate heads", 1, 60.0, 1.0),
        cell("graph: anchors", 0, 52.0, 2.0),
        cell("graph: anchors", 1, 61.0, 4.0),
        cell("graph: no link", 0, 70.0, 2.5),
        cell("graph: no link", 0, 70.0, 9.0, mode="finetuned"),
    ]
    assert table.best_graph(cells) == "graph: anchors" and table.best_graph(cells[:2]) is None
    found = {(row["mode"], row["system"], row["metric"]): row for row in table.rows(cells)}
    gain = found["frozen", "graph: anchors", "Pearson V, over separate heads"]
    assert gain["values"] == [2.0, 1.0] and gain["value"] == 1.5
    assert ("frozen", "separate heads", "Pearson V, over separate heads") not in found
    assert ("finetuned", "graph: no link", "Pearson V, over separate heads") not in found
    assert [line.split(":")[0] for line in table.failures(table.rows(cells))] == [
        "frozen, separate heads, Pearson V"
    ]


def test_a_quick_run_writes_rows_and_keeps_its_cells(
    bench: ModuleType, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, work = write(tmp_path / "data"), tmp_path / "work"
    call = ["--data", str(data), "--encoder", str(encoder), "--quick", "--work", str(work)]
    assert bench.main([*call, "--out", str(tmp_path / "one.json")]) == 0
    result = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result)
    modes = [cell["mode"] for cell in result["cells"]]
    assert modes == ["frozen"] * 9 + ["finetuned"] * 2
    chosen = result["cells"][-1]["system"]
    frozen = {c["system"]: c["selection"] for c in result["cells"] if c["mode"] == "frozen"}
    assert frozen[chosen] == max(value for name, value in frozen.items() if name.startswith("graph"))
    # One cell is taken as it was kept, one is left out because it is not finished.
    kept = sorted((work / "cells").glob("*/frozen-separate_heads-0.json"))[0]
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "selection": 12.5}))
    next((work / "cells").glob("*/frozen-multi-task-0.json")).unlink()
    assert bench.main([*call, "--finished", "--mode", "frozen", "--out", str(tmp_path / "two.json")]) == 0
    cells = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))["cells"]
    assert len(cells) == 8 and cells[0]["selection"] == 12.5 and "multi-task" not in str(cells)
    assert "frozen, separate heads, seed 0: dev 12.50" in capsys.readouterr().out
