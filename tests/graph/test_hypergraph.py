from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.encoders import HypergraphEncoder
from affectkit.functional import hypergraph_propagation
from affectkit.graph import (
    Hypergraph,
    LabelGraphError,
    attribute_hypergraph,
    joined_hypergraph,
    knn_hypergraph,
)
from affectkit.types import Encoding

GOLDEN = Path(__file__).parents[1] / "golden"


def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN / "hmllm_hgnn_conv.npz", allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def near(value: Tensor, reference: Tensor) -> None:
    assert value.shape == reference.shape
    assert (value - reference).abs().max() <= 1e-5 * reference.abs().max()


def dense(node: Tensor, edge: Tensor, size: int, edges: int, weight: Tensor, *, row: bool) -> Tensor:
    incidence = torch.zeros(size, edges, dtype=torch.float64)
    incidence[node, edge] = 1.0
    degree = (incidence * weight).sum(1)
    inverse = torch.where(degree > 0, 1 / degree, 0.0)
    middle = incidence @ torch.diag(weight / incidence.sum(0)) @ incidence.T
    if row:
        return torch.diag(inverse) @ middle
    return torch.diag(inverse.sqrt()) @ middle @ torch.diag(inverse.sqrt())


@pytest.mark.golden
def test_both_normalisations_reproduce_the_reference() -> None:
    arrays = golden()
    (node, edge), x = arrays["hyperedge_index"], arrays["X"]
    mixed = x @ arrays["W"].T + arrays["b"]
    edges = int(edge.max()) + 1
    near(hypergraph_propagation(torch.eye(8), node, edge, num_edges=edges), arrays["L_sym"])
    near(hypergraph_propagation(mixed, node, edge, num_edges=edges), arrays["out_sym"])
    plain = hypergraph_propagation(x @ arrays["W"].T, node, edge, num_edges=edges, normalization="row")
    near(plain, arrays["out_pyg_rownorm_nobias"])
    encoder = HypergraphEncoder(5, 4, hidden_dims=())
    encoder.load_state_dict({"layers.0.weight": arrays["W"], "layers.0.bias": arrays["b"]})
    graph = Hypergraph(node, edge, 8, tuple(str(number) for number in range(edges)))
    encoding: Encoding = encoder(x, graph)
    near(encoding.pooled, arrays["out_sym"])


@pytest.mark.parametrize("row", [False, True])
def test_weights_and_lonely_nodes_equal_the_product_of_matrices(row: bool) -> None:
    node, edge = torch.tensor([0, 1, 1, 2, 4]), torch.tensor([0, 0, 1, 1, 2])
    weight = torch.tensor([2.0, 0.5, 1.0], dtype=torch.float64)
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    result = hypergraph_propagation(
        x, node, edge, num_edges=3, weight=weight, normalization="row" if row else "symmetric"
    )
    expected = dense(node, edge, 5, 3, weight, row=row) @ x
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    assert not result[3].any()  # in no hyperedge


def test_row_normalisation_is_that_of_torch_geometric() -> None:
    from torch_geometric.nn import HypergraphConv

    graph = knn_hypergraph(torch.randn(12, 3, generator=torch.Generator().manual_seed(0)), 4)
    x = torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    layer = HypergraphConv(5, 4)
    encoder = HypergraphEncoder(5, 4, hidden_dims=(), normalization="row")
    with torch.no_grad():
        encoder.layers[0].bias.zero_()  # type: ignore[operator]
        encoder.layers[0].weight.copy_(layer.lin.weight)  # type: ignore[operator]
    encoding: Encoding = encoder(x, graph)
    torch.testing.assert_close(
        encoding.pooled, layer(x, torch.stack([graph.node, graph.edge])), rtol=1e-5, atol=1e-6
    )


def test_attributes_become_the_sets_of_those_who_have_them() -> None:
    graph = attribute_hypergraph({"scene": ["b", None, "a"], "age": [30, 20, 30]})
    members = {name: graph.node[graph.edge == number].tolist() for number, name in enumerate(graph.names)}
    assert members == {"age=30": [0, 2], "age=20": [1], "scene=b": [0], "scene=a": [2]}
    nobody = attribute_hypergraph({"scene": [None, None]})
    assert nobody.num_edges == 0 and nobody.node.dtype == torch.int64
    with pytest.raises(LabelGraphError, match="one value a sample"):
        attribute_hypergraph({"a": [1], "b": [1, 2]})


def test_neighbours_are_the_sample_itself_and_the_nearest() -> None:
    # Five samples in one place: each must still be in its own hyperedge, and ties go by order.
    same = knn_hypergraph(torch.zeros(5, 2), 2)
    assert same.node.reshape(5, 2).tolist() == [[0, 1], [1, 0], [2, 0], [3, 0], [4, 0]]
    features = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    graph = knn_hypergraph(features, 4)
    for sample in range(30):
        distance = (features - features[sample]).norm(dim=1)
        expected = set(distance.sort().indices[:4].tolist())
        assert set(graph.node[graph.edge == sample].tolist()) == expected
    with pytest.raises(LabelGraphError, match=r"a k in 1\.\.N"):
        knn_hypergraph(features, 31)


def test_hypergraphs_are_joined_with_their_weights() -> None:
    one = attribute_hypergraph({"age": [30, 20, 30]})
    near_by = knn_hypergraph(torch.tensor([[0.0], [1.0], [5.0]]), 2)
    both = joined_hypergraph(one, near_by)
    assert both.num_edges == 5 and both.names[:3] == ("age=30", "age=20", "near 0")
    assert both.edge.tolist() == [0, 1, 0, 2, 2, 3, 3, 4, 4] and both.weight is None
    heavy = Hypergraph(one.node, one.edge, 3, one.names, torch.tensor([2.0, 3.0]))
    weight = joined_hypergraph(heavy, near_by).weight
    assert weight is not None and weight.tolist() == [2.0, 3.0, 1.0, 1.0, 1.0]
    with pytest.raises(LabelGraphError, match="all over the same nodes"):
        joined_hypergraph(one, knn_hypergraph(torch.zeros(2, 1), 1))


def test_layers_equal_the_formula_and_every_parameter_learns() -> None:
    graph = attribute_hypergraph({"age": [30, 20, 30, 20], "scene": ["a", "a", "b", None]})
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    encoder = HypergraphEncoder(5, 3, hidden_dims=(6,), dropout=0.5).eval()
    state = encoder.state_dict()
    step = dense(graph.node, graph.edge, 4, graph.num_edges, torch.ones(4).double(), row=False).float()
    hidden = torch.relu(step @ (x @ state["layers.0.weight"].T + state["layers.0.bias"]))
    expected = step @ (hidden @ state["layers.1.weight"].T + state["layers.1.bias"])
    encoding: Encoding = encoder(x, graph.to("cpu"))
    torch.testing.assert_close(encoding.pooled, expected, rtol=1e-5, atol=1e-6)
    torch.autograd.backward(encoding.pooled.square().sum())
    assert all(p.grad is not None and bool(p.grad.any()) for p in encoder.parameters())


def test_refusals() -> None:
    with pytest.raises(LabelGraphError, match="hyperedges 0 to 1, but has 1"):
        Hypergraph(torch.tensor([0, 1]), torch.tensor([0, 1]), 2, ("a",))
    with pytest.raises(LabelGraphError, match="one of each a membership"):
        Hypergraph(torch.tensor([0, 1]), torch.tensor([0]), 2, ("a",))
    with pytest.raises(LabelGraphError, match="positive weight"):
        Hypergraph(torch.tensor([0]), torch.tensor([0]), 1, ("a",), torch.zeros(1))
    with pytest.raises(LabelGraphError, match="a feature that is not finite"):
        knn_hypergraph(torch.tensor([[0.0], [torch.nan]]), 2)
    graph = attribute_hypergraph({"age": [30, 20]})
    with pytest.raises(ValueError, match="for 2 nodes"):
        HypergraphEncoder(5, 3)(torch.zeros(3, 5), graph)
    with pytest.raises(ValueError, match="dropout=1"):
        HypergraphEncoder(5, 3, dropout=1.0)
    with pytest.raises(ValueError, match="'column': give one of symmetric"):
        hypergraph_propagation(torch.zeros(1, 1), graph.node, graph.edge, num_edges=1, normalization="column")  # type: ignore[arg-type]
