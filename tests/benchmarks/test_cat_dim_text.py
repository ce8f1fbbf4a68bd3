"""The benchmark on GoEmotions and EmoBank: its parts, its page, and a run on texts that are made up."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

ROOT = Path(__file__).parents[2]
QUALITY = ROOT / "benchmarks" / "quality"
PARTS = ("emotion_anchors", "cat_dim_graphs", "cat_dim_systems", "cat_dim_table", "cat_dim_text")
LEXICON_SYSTEMS = [
    "graph: anchors",
    "graph: anchors, self weight 0.9",
    "graph: rank over anchors",
    "graph: anchors, averaged",
    "graph: anchors, self weight 0.9, averaged",
    "graph: rank over anchors, averaged",
    "graph: anchors, learnt",
    "categories only",
]
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
    for split, size in (("train", 560), ("dev", 40), ("test", 40)):
        with (folder / "goemotions" / f"{split}.tsv").open("w", encoding="utf-8") as stream:
            for number in range(size):
                text = " ".join(WORDS[(number + place) % 5] for place in range(1 + number % 3))
                stream.write(f"{text}\t{number % 28}\t{split}{number}\n")
    with (folder / "emobank" / "emobank.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "split", "V", "A", "D", "text"])
        for split, size in (("train", 160), ("dev", 20), ("test", 20)):
            for number in range(size):
                word = WORDS[number % 5]
                rated = [2 + number % 5 / 2, 3 + number % 2, 2 + number % 3]
                writer.writerow([f"{split}{number}", split, *rated, f"so {word}"])
    return folder


def write_lexicon(
    path: Path, words: Iterable[str], *, header: str = "Word\tValence\tArousal\tDominance\n"
) -> Path:
    """Made-up ratings: few words are far from the middle of a dimension, most lie in it."""
    far = {
        "joy": (0.9, 0.6, 0.5),
        "love": (0.8, 0.5, 0.5),
        "grief": (0.1, 0.4, 0.3),
        "anger": (0.3, 0.9, 0.8),
    }
    lines = ["\t".join([word, *map(str, far.get(word, (0.5, 0.5, 0.5)))]) for word in (*words, "table")]
    path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_page_shows_what_the_files_hold(bench: ModuleType) -> None:
    files = sorted((ROOT / "benchmarks" / "results").glob("cat_dim_text-*.json"))
    assert files
    result = json.loads(files[-1].read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert bench.table(result["rows"], result["left_out"]) in page and bench.gains(result["rows"]) in page
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


def test_graphs_link_what_their_rule_says(bench: ModuleType, tmp_path: Path) -> None:
    graphs = importlib.import_module("cat_dim_graphs")
    space, scale = bench.label_space(bench.SPACE), bench.SCALE
    labels = torch.zeros(60, 28)
    labels[torch.arange(60), torch.arange(60) % 28] = 1
    # Every joy is love as well.
    labels[labels[:, space.index("joy")] == 1, space.index("love")] = 1
    vectors = torch.eye(31)
    vectors[30] = vectors[space.index("joy")]
    anchors = bench.read_lexicon(write_lexicon(tmp_path / "lexicon.txt", space.labels), space.labels)
    parts = graphs.GraphParts(space, scale, labels, vectors, anchors)
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
    for rule, make in graphs.RULES.items():
        if rule in graphs.RATED:
            with pytest.raises(ValueError, match="give --lexicon FILE"):
                make(parts._replace(anchors=None))
        else:
            assert torch.equal(make(parts._replace(anchors=None)).adjacency, made[rule].adjacency)


def test_a_lexicon_is_read_by_word_with_or_without_a_header(bench: ModuleType, tmp_path: Path) -> None:
    words = ["joy", "calm", "anger"]
    with_header = write_lexicon(tmp_path / "one.txt", words)
    without = write_lexicon(tmp_path / "two.txt", words, header="")
    for path in (with_header, without):
        found = bench.read_lexicon(path, ["anger", "joy"])
        assert found.tolist() == [[0.3, 0.9, 0.8], [0.9, 0.6, 0.5]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("calm\t0.5\t0.5", r"lexicon.txt, line 3 has 3 columns: give word, valence, arousal, dominance"),
        ("calm\t0.5\thigh\t0.5", r"line 3 rates 'calm' by .*high.*: give three numbers in 0..1"),
        ("calm\t0.5\t-0.5\t0.5", r"line 3 rates 'calm' by .*-0.5.*: rescale the ratings to 0..1"),
        ("calm\t0.5\tnan\t0.5", r"line 3 rates 'calm' by .*nan.*: rescale"),
        ("joy\t0.5\t0.5\t0.5", r"line 3 rates 'joy' a second time: keep one"),
        ("quiet\t0.5\t0.5\t0.5", r"lexicon.txt does not rate calm: add a line"),
    ],
)
def test_a_lexicon_that_does_not_fit_is_named_with_its_line(
    bench: ModuleType, tmp_path: Path, line: str, message: str
) -> None:
    path = write_lexicon(tmp_path / "lexicon.txt", ["joy"])
    path.write_text("\n".join([*path.read_text(encoding="utf-8").splitlines()[:2], line]), encoding="utf-8")
    with pytest.raises(bench.LexiconError, match=message):
        bench.read_lexicon(path, ["joy", "calm"])
    with pytest.raises(bench.LexiconError, match=r"no lexicon at .*absent"):
        bench.read_lexicon(tmp_path / "absent", ["joy"])


def test_an_averaged_graph_receives_means_of_the_same_links(bench: ModuleType, tmp_path: Path) -> None:
    systems = importlib.import_module("cat_dim_systems")
    space = bench.label_space(bench.SPACE)
    anchors = bench.read_lexicon(write_lexicon(tmp_path / "lexicon.txt", space.labels), space.labels)
    parts = importlib.import_module("cat_dim_graphs").GraphParts(
        space, bench.SCALE, torch.eye(28), torch.eye(31), anchors
    )
    assert systems.rule_of("graph: anchors, averaged") == "anchors"
    assert systems.rule_of("graph: no link") == "no link" and systems.rule_of("multi-task") is None
    assert [name for name in bench.SYSTEMS if systems.reads_lexicon(name)] == LEXICON_SYSTEMS

    def propagation(system: str) -> torch.Tensor:
        head = systems.head_of(system, 8, parts, hidden=0, dropout=0.0)
        (matrix, *_) = head.network.propagation.state_tensors()
        assert isinstance(matrix, torch.Tensor)
        return matrix

    summed, averaged = propagation("graph: anchors"), propagation("graph: anchors, averaged")
    assert torch.equal(summed > 0, averaged > 0)
    assert torch.allclose(averaged, summed / summed.sum(1, keepdim=True))
    # Four labels send half of themselves each to valence, which keeps half of its own.
    assert float(summed[28].sum()) > 1.4


def test_a_self_weight_of_half_ties_categories_to_dimensions(bench: ModuleType, tmp_path: Path) -> None:
    systems, graphs = importlib.import_module("cat_dim_systems"), importlib.import_module("cat_dim_graphs")
    space = bench.label_space(bench.SPACE)
    anchors = bench.read_lexicon(write_lexicon(tmp_path / "lexicon.txt", space.labels), space.labels)
    vectors = torch.randn(31, 6, generator=torch.Generator().manual_seed(0))
    parts = graphs.GraphParts(space, bench.SCALE, torch.eye(28), vectors, anchors)

    def sums(system: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the rows that a head makes for linked categories, and for dimensions."""
        graph = graphs.RULES[systems.rule_of(system)](parts)
        linked = [n for n in range(28) if graph.nodes[n] not in graph.isolated]
        assert len(linked) == 4
        torch.manual_seed(0)
        head = systems.head_of(system, 8, parts, hidden=0, dropout=0.0)
        received = torch.ones(31)
        if system.endswith(systems.AVERAGED):
            received = graph.adjacency.sum(0).float()
        rows = received.unsqueeze(1) * head.label_rows().detach()
        return rows[linked].sum(0), rows[28:].sum(0)

    for system in ("graph: anchors", "graph: anchors, averaged"):
        categories, dimensions = sums(system)
        assert torch.allclose(categories, dimensions, atol=1e-4) and float(dimensions.abs().max()) > 0.1
    categories, dimensions = sums("graph: anchors, self weight 0.9")
    assert float((categories - dimensions).abs().max()) > 0.1


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
    lexicon = write_lexicon(tmp_path / "lexicon.txt", bench.label_space(bench.SPACE).labels)
    bare = ["--data", str(data), "--encoder", str(encoder), "--quick", "--work", str(work)]
    call = [*bare, "--lexicon", str(lexicon)]
    assert bench.main([*call, "--out", str(tmp_path / "one.json")]) == 0
    result = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(result)
    modes = [cell["mode"] for cell in result["cells"]]
    assert modes == ["frozen"] * 13 + ["finetuned"] * 2
    chosen = result["cells"][-1]["system"]
    frozen = {c["system"]: c["selection"] for c in result["cells"] if c["mode"] == "frozen"}
    assert frozen[chosen] == max(value for name, value in frozen.items() if name.startswith("graph"))
    # One cell is taken as it was kept, one is left out because it is not finished.
    kept = sorted((work / "cells").glob("*/frozen-separate_heads-0.json"))[0]
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "selection": 12.5}))
    next((work / "cells").glob("*/frozen-multi-task-0.json")).unlink()
    assert bench.main([*call, "--finished", "--mode", "frozen", "--out", str(tmp_path / "two.json")]) == 0
    cells = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))["cells"]
    assert len(cells) == 12 and cells[0]["selection"] == 12.5 and "multi-task" not in str(cells)
    assert "frozen, separate heads, seed 0: dev 12.50" in capsys.readouterr().out
    # Without a lexicon, what reads it is left out, finished or not, and the table says so.
    assert bench.main([*bare, "--finished", "--mode", "frozen", "--out", str(tmp_path / "three.json")]) == 0
    without = json.loads((tmp_path / "three.json").read_text(encoding="utf-8"))
    assert [system for _, system in without["left_out"]] == LEXICON_SYSTEMS and without["lexicon"] is None
    assert {cell["system"] for cell in without["cells"]}.isdisjoint(LEXICON_SYSTEMS)
    printed = capsys.readouterr().out
    assert all(f"| frozen | {system} | left out: no lexicon |" in printed for system in LEXICON_SYSTEMS)
    # Cells that read other ratings are other cells.
    names = [bench.ratings_name(bench.read_lexicon(lexicon, bench.label_space(bench.SPACE).labels))]
    lexicon.write_text(lexicon.read_text(encoding="utf-8").replace("joy\t0.9", "joy\t0.7"), encoding="utf-8")
    names.append(bench.ratings_name(bench.read_lexicon(lexicon, bench.label_space(bench.SPACE).labels)))
    found = [len(list((work / "cells").glob(f"*-{name}/frozen-*-0.json"))) for name in names]
    assert found == [len(LEXICON_SYSTEMS), 0] and result["lexicon"] == f"28 rows, {names[0]}"
    assert result["left_out"] == []
    with pytest.raises(SystemExit):
        bench.main([*bare, "--lexicon", str(tmp_path / "absent")])
    assert "There is no lexicon at" in capsys.readouterr().err
