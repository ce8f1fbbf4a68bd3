from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from affectkit.functional import reweighted_adjacency
from affectkit.graph import (
    AFFECTNET_CORRELATION,
    LabelGraph,
    LabelGraphError,
    RankStatistics,
    find_label_graph,
)
from affectkit.labels import (
    AffectScale,
    LabelSpace,
    UnknownLabelError,
    ValenceArousalWheel,
    affect_scale,
    label_space,
)

GOLDEN = Path(__file__).parents[1] / "golden"
SPACE = LabelSpace("four.v1", ("calm", "happy", "sad", "angry"))
VA = affect_scale("va.unit")


def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN / "emotiongcn_adjacency.npz", allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.mark.golden
def test_the_named_constant_is_the_published_matrix_and_gives_the_published_graph() -> None:
    arrays = golden()
    assert torch.tensor(AFFECTNET_CORRELATION, dtype=torch.float64).tolist() == arrays["spearman"].tolist()
    graph = LabelGraph.affectnet7()
    torch.testing.assert_close(graph.adjacency, arrays["A"], rtol=0, atol=1e-12)
    torch.testing.assert_close(graph.propagation(), arrays["adj"], rtol=0, atol=1e-6)
    assert graph.nodes == (*label_space("affectnet7.official").labels, "valence", "arousal")
    assert graph.isolated == ()


def made_up(rows: int = 400) -> tuple[Tensor, Tensor]:
    """Happy is pleasant, sad is unpleasant and quiet, angry unpleasant and loud, calm is at random."""
    generator = torch.Generator().manual_seed(0)
    label = torch.randint(0, 4, (rows,), generator=generator)
    centre = torch.tensor([[0.0, 0.0], [0.6, 0.0], [-0.6, -0.6], [-0.6, 0.6]])
    noise = torch.rand(rows, 2, generator=generator) * 0.6 - 0.3
    return label, centre[label] + noise


def test_annotations_give_the_links_that_they_hold() -> None:
    graph = LabelGraph.from_annotations(*made_up(), space=SPACE, threshold=0.3)
    linked = {(graph.nodes[i], graph.nodes[j]) for i, j in graph.adjacency.nonzero().tolist() if i < j}
    assert linked == {
        ("happy", "valence"),
        ("sad", "valence"),
        ("sad", "arousal"),
        ("angry", "valence"),
        ("angry", "arousal"),
    }
    torch.testing.assert_close(graph.adjacency.sum(1), torch.ones(6, dtype=torch.float64))
    assert graph.isolated == ("calm",) and graph.adjacency[0, 0] == 1.0
    assert graph.propagation().isfinite().all()


def test_several_labels_a_sample_may_be_linked_with_each_other() -> None:
    generator = torch.Generator().manual_seed(0)
    several = (torch.rand(200, 4, generator=generator) < 0.4).float()
    several[:, 1] = several[:, 0]
    dims = torch.rand(200, 2, generator=generator)
    graph = LabelGraph.from_annotations(several, dims, space=SPACE, threshold=0.5, between_classes=True)
    assert graph.adjacency.fill_diagonal_(0).nonzero().tolist() == [[0, 1], [1, 0]]


def test_what_the_data_says_nothing_about_is_named_and_never_nan() -> None:
    label, dims = made_up()
    label[label == 3] = -100
    dims[:, 1] = 0.2
    with pytest.warns(UserWarning, match=r"nothing about angry \(no sample\), arousal \(always the same\)"):
        graph = LabelGraph.from_annotations(label, dims, space=SPACE)
    assert graph.isolated == ("calm", "angry", "arousal") or graph.isolated == ("angry", "arousal")
    assert graph.propagation().isfinite().all() and graph.adjacency.isfinite().all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LabelGraph.from_annotations(*made_up(), space=SPACE)


def test_cooccurrence_is_a_share_of_the_senders_samples() -> None:
    counts = torch.tensor([[10, 5, 0, 0], [5, 100, 0, 0], [0, 0, 7, 0], [0, 0, 0, 0]])
    with pytest.warns(UserWarning, match=r"nothing about angry \(no sample\): the graph has no link there"):
        graph = LabelGraph.from_cooccurrence(counts, space=SPACE, threshold=0.4, self_weight=0.75)
    # Half of calm's samples are happy, but few of happy's are calm.
    assert graph.adjacency[0].tolist() == [0.75, 0.25, 0.0, 0.0]
    assert graph.adjacency[1].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert graph.statistics is not None and graph.statistics[0, 1] == 0.5
    assert graph.isolated == ("sad", "angry")
    assert graph.adjacency.isfinite().all()
    # Shares count too, also below one sample.
    with pytest.warns(UserWarning, match="angry"):
        fewer = LabelGraph.from_cooccurrence(counts / 100, space=SPACE, threshold=0.4, self_weight=0.75)
    torch.testing.assert_close(fewer.adjacency, graph.adjacency)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LabelGraph.from_cooccurrence(counts + torch.eye(4), space=SPACE)
    with pytest.raises(LabelGraphError, match="is negative: give counts of 0 or more"):
        LabelGraph.from_cooccurrence(-counts, space=SPACE)


def test_labels_and_values_of_different_samples_link_nothing_and_that_is_said() -> None:
    label, dims = made_up()
    counted = RankStatistics(SPACE, VA)
    present = label[label >= 0]
    counted.update(torch.cat([present, torch.arange(4)]), None)
    counted.update(None, dims)
    with pytest.warns(UserWarning, match=r"No label of .* as where no sample has both: link them by"):
        graph = LabelGraph.from_statistics(counted.compute(), space=SPACE, scale=VA)
    assert set(graph.isolated) >= set(SPACE.labels)


def test_anchors_link_by_their_place_on_the_plane() -> None:
    space = LabelSpace("three.v1", ("neutral", "happy", "angry"))
    graph = LabelGraph.from_anchors(space, threshold=0.3)
    assert graph.statistics is not None
    expected = torch.tensor(ValenceArousalWheel().anchors(space), dtype=torch.float64)
    torch.testing.assert_close(graph.statistics[:3, 3:], expected)
    kept = [(graph.nodes[i], graph.nodes[j]) for i, j in graph.adjacency[:3].nonzero().tolist() if i != j]
    assert kept == [("happy", "valence"), ("happy", "arousal"), ("angry", "arousal")]
    own = ValenceArousalWheel({"neutral": (0, 0), "happy": (0, 1), "angry": (1, 0)})
    assert LabelGraph.from_anchors(space, wheel=own).adjacency[1].tolist() == [0, 0.5, 0, 0, 0.5]
    linked = LabelGraph.from_anchors(space, threshold=0.3, between_classes=True)
    assert linked.adjacency[0, 1] > 0  # the wheel's similarity of neutral with any other, 1/3
    # An axis that the wheel does not have stays alone, wherever it stands.
    scale = AffectScale("dva.unit", ("dominance", "valence", "arousal"), -1.0, 1.0)
    three = LabelGraph.from_anchors(space, scale=scale, threshold=0.3)
    assert three.isolated == ("neutral", "dominance")
    assert torch.equal(three.adjacency[:3, 4:], graph.adjacency[:3, 3:])
    with pytest.raises(LabelGraphError, match="the wheel has valence and arousal: link the nodes by hand"):
        LabelGraph.from_anchors(space, scale=AffectScale("d.unit", ("dominance",), -1.0, 1.0))


def test_embeddings_link_what_points_the_same_way() -> None:
    rows = torch.tensor([[1.0, 0.0], [5.0, 0.1], [0.0, 2.0], [0.0, 0.0]])
    graph = LabelGraph.from_embeddings(rows, space=SPACE, threshold=0.9)
    assert graph.adjacency[0].tolist() == [0.5, 0.5, 0, 0] and graph.isolated == ("sad", "angry")
    rows[2, 1] = torch.nan
    with pytest.raises(LabelGraphError, match="or one with a number that is not finite"):
        LabelGraph.from_embeddings(rows, space=SPACE)


def test_edges_by_hand_run_both_ways() -> None:
    graph = LabelGraph.from_edges([("joy", "valence"), ("sad", "arousal")], space=SPACE, scale=VA)
    expected = torch.zeros(6, 6)
    expected[1, 4] = expected[4, 1] = expected[2, 5] = expected[5, 2] = 1
    assert torch.equal(graph.adjacency, reweighted_adjacency(expected))
    with pytest.raises(UnknownLabelError, match="no label 'dominance'"):
        LabelGraph.from_edges([("happy", "dominance")], space=SPACE, scale=VA)
    for wrong in (("happy", "sad", "valence"), "happy"):
        with pytest.raises(LabelGraphError, match="give pairs of names"):
            LabelGraph.from_edges([wrong], space=SPACE, scale=VA)


def test_a_stored_graph_comes_back_with_its_labels(tmp_path: Path) -> None:
    graph = LabelGraph.from_annotations(*made_up(), space=SPACE)
    graph.save(tmp_path / "graph.safetensors")
    graph.save(tmp_path / "again.safetensors")
    assert (tmp_path / "graph.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.safetensors", "graph.safetensors"]
    found = find_label_graph(tmp_path / "graph.safetensors")
    assert (found.space, found.scale, found.origin) == (SPACE, VA, graph.origin)
    assert torch.equal(found.adjacency, graph.adjacency)
    assert found.statistics is not None and graph.statistics is not None
    assert torch.equal(found.statistics, graph.statistics)
    bare = LabelGraph(SPACE, torch.eye(4))
    bare.save(tmp_path / "bare.safetensors")
    back = LabelGraph.load(tmp_path / "bare.safetensors")
    assert back.scale is None and back.statistics is None and back.nodes == SPACE.labels
    assert find_label_graph("affectnet7").num_classes == 7 and find_label_graph(bare) is bare


def test_files_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelGraphError, match="cannot be read"):
        LabelGraph.load(tmp_path / "absent.safetensors")
    (tmp_path / "noise").write_bytes(b"no safetensors at all")
    with pytest.raises(LabelGraphError, match="cannot be read"):
        LabelGraph.load(tmp_path / "noise")
    save_file({"adjacency": torch.eye(2)}, tmp_path / "other")
    with pytest.raises(LabelGraphError, match="of format None"):
        LabelGraph.load(tmp_path / "other")
    for space in ('{"name": "x", "labels": ["a"]}', "[]", "{", '{"labels": ["a", "b"]}', "null"):
        strings = {"format": "affectkit-label-graph", "version": "1", "space": space}
        save_file({"adjacency": torch.eye(2)}, tmp_path / "wrong", {"affectkit": json.dumps(strings)})
        with pytest.raises(LabelGraphError, match="damaged label graph"):
            LabelGraph.load(tmp_path / "wrong")


def test_a_graph_of_other_labels_is_refused() -> None:
    graph = LabelGraph.from_edges([], space=SPACE, scale=VA)
    graph.require_nodes(
        LabelSpace("same.v2", ("calm", "joy", "sadness", "anger")), affect_scale("va.affectnet")
    )
    with pytest.raises(LabelGraphError, match=r"1 happy, .* but the data over 'turned' \(0 happy"):
        graph.require_nodes(LabelSpace("turned", ("happy", "calm", "sad", "angry")), VA)
    with pytest.raises(LabelGraphError, match="valence, arousal, but the data valence, arousal, dominance"):
        graph.require_nodes(SPACE, affect_scale("vad.unit"))
    with pytest.raises(LabelGraphError, match="but the data none"):
        graph.require_nodes(SPACE, None)


def test_matrices_that_do_not_fit_are_refused() -> None:
    with pytest.raises(LabelGraphError, match=r"shape \(4, 4\) for the 6 nodes calm"):
        LabelGraph(SPACE, torch.eye(4), VA)
    wrong = torch.eye(4)
    wrong[1, 2] = torch.nan
    with pytest.raises(LabelGraphError, match=r"infinity at \(happy, sad\)"):
        LabelGraph(SPACE, wrong)
    wrong[1, 2] = -0.1
    with pytest.raises(LabelGraphError, match=r"negative at \(happy, sad\)"):
        LabelGraph(SPACE, wrong)
    with pytest.raises(LabelGraphError, match="two nodes called 'valence'"):
        LabelGraph(LabelSpace("odd", ("valence", "sad")), torch.eye(4), VA)
    with pytest.raises(LabelGraphError, match=r"holds a NaN: give finite numbers, \(6, 6\)"):
        LabelGraph.from_correlation(torch.full((6, 6), torch.nan), space=SPACE, scale=VA)


def test_a_threshold_or_a_share_out_of_range_is_refused_by_every_rule() -> None:
    makers: list[Callable[..., LabelGraph]] = [
        lambda **given: LabelGraph.from_annotations(*made_up(), space=SPACE, **given),
        lambda **given: LabelGraph.from_cooccurrence(torch.eye(4), space=SPACE, **given),
        lambda **given: LabelGraph.from_anchors(LabelSpace("two.v1", ("happy", "sad")), **given),
        lambda **given: LabelGraph.from_embeddings(torch.eye(4), space=SPACE, **given),
    ]
    strange = ({"threshold": 0.0}, {"threshold": math.nan}, {"self_weight": 0.0}, {"self_weight": 1.5})
    for make in makers:
        for wrong in strange:
            with pytest.raises(LabelGraphError, match="a threshold above 0, and as self weight a share"):
                make(**wrong)
    with pytest.raises(LabelGraphError, match=r"self_weight=2: give"):
        LabelGraph.from_edges([], space=SPACE, self_weight=2.0)
