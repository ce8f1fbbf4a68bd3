from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import torch

from affectkit.cli.main import main
from affectkit.data.schema import ConversationRecord, ItemRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.graph import LabelGraph, RankStatistics, encoded_label_embeddings
from affectkit.labels import AffectScale, LabelSpace, affect_scale

SPACE = LabelSpace("three.v1", ("calm", "happy", "sad"))
SEVERAL = LabelSpace("several.v1", ("calm", "happy", "sad"), kind="multilabel")
LABELS = [0, 1, 2, 1, 2, None, 0, 1]
VALENCE = [0.1, 0.8, -0.7, 0.6, -0.9, 0.5, None, 0.4]


def template(kind: str, space: LabelSpace | None, dims: AffectScale | None) -> Manifest:
    return Manifest(
        name="made-up",
        kind=kind,  # type: ignore[arg-type]
        label_space=space,
        dims=dims,
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
        synthetic=True,
    )


def write_items(folder: Path, votes: Mapping[int, list[float]] = MappingProxyType({})) -> None:
    with DatasetWriter(folder, template("text", SPACE, affect_scale("va.unit"))) as writer:
        for number, (label, valence) in enumerate(zip(LABELS, VALENCE)):
            record: ItemRecord = {
                "id": str(number),
                "label": label,
                "text": "so",
                "dims": [valence, 0.1 * number],
            }
            if number in votes:
                record["votes"] = votes[number]
            writer.add_item("train", f"s{number}", record)


def expected() -> LabelGraph:
    counted = RankStatistics(SPACE, affect_scale("va.unit"))
    label = torch.tensor([-100 if label is None else label for label in LABELS])
    dims = torch.tensor([[torch.nan if v is None else v, 0.1 * i] for i, v in enumerate(VALENCE)])
    counted.update(label, dims)
    return LabelGraph.from_statistics(
        counted.compute(), space=SPACE, scale=affect_scale("va.unit"), threshold=0.3
    )


@pytest.mark.parametrize("kind", ["items", "conversations"])
def test_a_graph_is_made_from_the_annotations_of_shards(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affectkit.cli.graph._AT_ONCE", 3)
    if kind == "items":
        write_items(tmp_path / "data")
    else:
        with DatasetWriter(
            tmp_path / "data", template("conversation", SPACE, affect_scale("va.unit"))
        ) as writer:
            record: ConversationRecord = {
                "id": "c",
                "speakers": ["ana"],
                "utterances": [
                    {"id": str(i), "text": "so", "speaker": 0, "label": label, "dims": [v, 0.1 * i]}
                    for i, (label, v) in enumerate(zip(LABELS, VALENCE))
                ],
            }
            writer.add_conversation("train", "c", record)
    out = tmp_path / "graph.safetensors"
    assert main(["graph", "make", str(tmp_path / "data"), str(out), "--threshold", "0.3"]) == 0
    shown = capsys.readouterr().out
    assert "5 nodes (calm, happy, sad, valence, arousal)" in shown and "threshold 0.3" in shown
    graph, reference = LabelGraph.load(out), expected()
    torch.testing.assert_close(graph.adjacency, reference.adjacency, rtol=0, atol=1e-12)
    assert graph.space == SPACE and graph.scale == affect_scale("va.unit")
    assert f"{int((reference.adjacency > 0).sum()) - 5} links" in shown


#: Who voted what, where somebody did; the first sample's label is not that of most votes.
VOTES = {0: [1.0, 3.0, 0.0], 2: [1.0, 0.0, 9.0], 4: [0.0, 0.0, 0.0], 5: [0.0, 2.0, 2.0], 6: [5.0, 0.0, 0.0]}


def soft() -> torch.Tensor:
    """What the votes say of each sample, its label where there are none, NaN where there is nothing."""
    rows = []
    for number, label in enumerate(LABELS):
        votes = VOTES.get(number, [])
        if sum(votes):
            rows.append([vote / sum(votes) for vote in votes])
        else:
            rows.append([torch.nan if label is None else float(label == place) for place in range(3)])
    return torch.tensor(rows, dtype=torch.float64)


def test_votes_are_soft_categories_unless_labels_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affectkit.cli.graph._AT_ONCE", 3)
    scale = affect_scale("va.unit")
    write_items(tmp_path / "data", VOTES)
    counted = RankStatistics(SPACE, scale)
    dims = torch.tensor([[torch.nan if v is None else v, 0.1 * i] for i, v in enumerate(VALENCE)])
    counted.update(soft(), dims)
    statistics = counted.compute()
    by_votes = LabelGraph.from_statistics(statistics, space=SPACE, scale=scale, threshold=0.3)
    out = str(tmp_path / "graph.safetensors")
    make = ["graph", "make", str(tmp_path / "data"), out, "--threshold", "0.3"]
    for more, wanted in (([], by_votes), (["--categories", "labels"], expected())):
        assert main([*make, *more]) == 0
        graph = LabelGraph.load(out)
        torch.testing.assert_close(graph.adjacency, wanted.adjacency, rtol=0, atol=1e-12)
        assert graph.statistics is not None and wanted.statistics is not None
        torch.testing.assert_close(graph.statistics, wanted.statistics, rtol=0, atol=1e-12)
        shown = capsys.readouterr().out
        assert ("self weight 0.5, categories by the votes of 4 samples" in shown) == (not more)
    labels = expected().statistics
    assert labels is not None and not torch.allclose(labels, statistics.correlation, atol=0.01)


def test_votes_for_several_labels_a_sample_are_no_shares(tmp_path: Path) -> None:
    scale = affect_scale("va.unit")
    rows = [([0], 0.5), ([0, 1], 0.8), ([1], -0.1), ([2], -0.7), ([1, 2], -0.4)]
    for name in ("plain", "voted"):
        with DatasetWriter(tmp_path / name, template("text", SEVERAL, scale)) as writer:
            for number, (chosen, valence) in enumerate(rows):
                record: ItemRecord = {
                    "id": str(number),
                    "label": None,
                    "text": "so",
                    "multilabel": chosen,
                    "dims": [valence, 0.0],
                }
                if name == "voted":
                    record["votes"] = [3.0, 1.0, 2.0]
                writer.add_item("train", f"s{number}", record)
        with pytest.warns(UserWarning, match="arousal"):
            assert main(["graph", "make", str(tmp_path / name), str(tmp_path / f"{name}.safetensors")]) == 0
    plain, voted = (LabelGraph.load(tmp_path / f"{name}.safetensors") for name in ("plain", "voted"))
    assert torch.equal(plain.adjacency, voted.adjacency) and plain.origin == voted.origin


def test_several_labels_and_anchors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with DatasetWriter(tmp_path / "data", template("text", SEVERAL, None)) as writer:
        for number, chosen in enumerate(([0], [0, 1], [0, 1], [2])):
            record: ItemRecord = {"id": str(number), "label": None, "text": "so", "multilabel": chosen}
            writer.add_item("train", f"s{number}", record)
    out = str(tmp_path / "graph.safetensors")
    assert main(["graph", "make", str(tmp_path / "data"), out, "--rule", "cooccurrence"]) == 0
    assert LabelGraph.load(out).adjacency.tolist() == [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 1]]
    assert "without a link: sad" in capsys.readouterr().out
    wheel = LabelSpace("wheel.v1", ("neutral", "happy", "sad"))
    with DatasetWriter(tmp_path / "other", template("text", wheel, None)) as writer:
        writer.add_item("train", "s", {"id": "s", "label": 1, "text": "so"})
    assert main(["graph", "make", str(tmp_path / "other"), out, "--rule", "anchors"]) == 0
    assert LabelGraph.load(out).nodes == ("neutral", "happy", "sad", "valence", "arousal")
    with DatasetWriter(
        tmp_path / "rated", template("text", wheel, affect_scale("vad.one_to_nine"))
    ) as writer:
        writer.add_item("train", "s", {"id": "s", "label": 1, "text": "so", "dims": [5.0, 5.0, 5.0]})
    assert main(["graph", "make", str(tmp_path / "rated"), out, "--rule", "anchors"]) == 0
    assert LabelGraph.load(out).scale == affect_scale("vad.one_to_nine")
    unknown = LabelSpace("odd.v1", ("happy", "moonstruck"))
    with DatasetWriter(tmp_path / "odd", template("text", unknown, None)) as writer:
        writer.add_item("train", "s", {"id": "s", "label": 1, "text": "so"})
    assert main(["graph", "make", str(tmp_path / "odd"), out, "--rule", "anchors"]) == 2
    assert "'moonstruck' is not on the valence-arousal wheel" in (said := capsys.readouterr().err)
    assert "--rule embeddings" in said
    assert main(["graph", "make", str(tmp_path / "other"), out]) == 2
    assert "no affect dimensions to correlate its labels with: use --rule anchors." in capsys.readouterr().err
    assert main(["graph", "make", str(tmp_path / "other"), out, "--rule", "cooccurrence"]) == 2
    assert "so that no two occur together" in capsys.readouterr().err


def test_a_graph_is_made_from_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with DatasetWriter(tmp_path / "data", template("text", SEVERAL, None)) as writer:
        record: ItemRecord = {"id": "s", "label": None, "text": "so", "multilabel": [0]}
        writer.add_item("train", "s", record)
    out = tmp_path / "graph.safetensors"
    given = ["graph", "make", str(tmp_path / "data"), str(out), "--rule", "embeddings", "--threshold", "0.1"]
    assert main([*given, "--scale", "vad.emobank"]) == 0
    assert "made by cosine of label embeddings" in capsys.readouterr().out
    graph = LabelGraph.load(out)
    names = ("calm", "happy", "sad", "valence", "arousal", "dominance")
    assert graph.nodes == names and graph.scale == affect_scale("vad.emobank")
    rows = encoded_label_embeddings(names, TinyTextEncoder())
    expected = LabelGraph.from_embeddings(
        rows, space=SEVERAL, scale=affect_scale("vad.emobank"), threshold=0.1
    )
    torch.testing.assert_close(graph.adjacency, expected.adjacency, rtol=0, atol=1e-12)
    assert main(given) == 0 and LabelGraph.load(out).nodes == names[:3]


def test_a_graph_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending in ("png", "svg"):
        assert main(["graph", "draw", "affectnet7", str(tmp_path / f"graph.{ending}")]) == 0
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
    assert "valence" in (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert main(["graph", "draw", "affectnet7", str(tmp_path / "graph.txt")]) == 2
    assert "end it in .png, .pdf or .svg" in capsys.readouterr().err
    assert main(["graph", "draw", "affectnet7", str(tmp_path / "none" / "graph.png")]) == 2
    assert "none for graph.png: make it first." in capsys.readouterr().err
    assert main(["graph", "draw", str(tmp_path / "absent"), str(tmp_path / "graph.png")]) == 2
    assert "cannot be read as safetensors" in capsys.readouterr().err
