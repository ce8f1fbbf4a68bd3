from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from affectkit.graph import LabelGraph, LabelGraphNetwork
from affectkit.graph.geometric_bridge import EdgePropagation, geometric_data


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


P = noise(6, 6, seed=1) * (torch.rand(6, 6, generator=torch.Generator().manual_seed(2)) < 0.5)
E = noise(6, 5)


@pytest.mark.parametrize("widths", [(4,), (9, 4), (3, 8, 4)])
@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_layers_equal_the_formula(widths: tuple[int, ...], learnable: bool, sparse: bool) -> None:
    network = LabelGraphNetwork(
        E, P, widths=widths, negative_slope=0.3, learnable_embeddings=learnable, sparse=sparse
    )
    expected = E
    for number, weight in enumerate(network.weights):
        if number:
            expected = torch.where(expected > 0, expected, 0.3 * expected)
        expected = P @ expected @ weight
    torch.testing.assert_close(network(), expected, rtol=1e-5, atol=1e-5)
    assert any(name == "embeddings" for name, _ in network.named_parameters()) == learnable


def test_a_learnt_propagation_starts_from_the_graph_and_moves() -> None:
    dense = LabelGraphNetwork(E, P, widths=(7, 4), learnable_propagation=True)
    edges = LabelGraphNetwork(E, P, widths=(7, 4), learnable_propagation=True, sparse=True)
    with torch.no_grad():
        for one, other in zip(dense.weights, edges.weights):
            other.copy_(one)
    torch.testing.assert_close(dense(), edges(), rtol=1e-5, atol=1e-5)
    for network in (dense, edges):
        torch.autograd.backward(network().square().sum())
    matrix = dense.propagation.state_tensors()[0]
    index, weight = edges.propagation.state_tensors()
    assert matrix.grad is not None and weight.grad is not None
    # The sparse form learns the edges there are, with the same gradient.
    torch.testing.assert_close(matrix.grad[index[1], index[0]], weight.grad, rtol=1e-4, atol=1e-5)
    assert len(weight) == int((P != 0).sum()) < matrix.numel()


def test_the_bridge_agrees_with_the_product_and_with_its_own_layers() -> None:
    from torch_geometric.nn import SimpleConv

    x = noise(6, 3, seed=4)
    torch.testing.assert_close(EdgePropagation(P)(x), P @ x, rtol=1e-5, atol=1e-5)
    graph = LabelGraph.affectnet7()
    data = geometric_data(graph, noise(9, 3))
    passed = SimpleConv(aggr="sum")(data.x, data.edge_index, data.edge_weight)
    torch.testing.assert_close(passed, graph.propagation("none") @ data.x, rtol=1e-5, atol=1e-5)
    assert data.num_nodes == 9 and data.validate()


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"give \(N, E\) and \(N, N\)"):
        LabelGraphNetwork(E, torch.eye(5), widths=(4,))
    with pytest.raises(ValueError, match="at least one width"):
        LabelGraphNetwork(E, P, widths=())


def test_edges_send_the_gradient_of_the_product_and_travel_with_their_buffer() -> None:
    x = noise(6, 3, seed=4).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    edges = EdgePropagation(P)
    torch.autograd.backward((edges(x) * noise(6, 3, seed=5)).sum())
    torch.autograd.backward(((P @ twin) * noise(6, 3, seed=5)).sum())
    assert x.grad is not None and twin.grad is not None
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-5, atol=1e-5)
    other = EdgePropagation(P.T)
    other.load_state_dict(edges.state_dict())
    torch.testing.assert_close(other(x), edges(x))
    assert copy.deepcopy(edges)._sorted is None
    assert edges.double()(x.double()).dtype == torch.float64


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("learnable", [False, True])
@pytest.mark.parametrize("widths", [(9,), (7, 9), (9, 7), (8, 7, 9)])
@pytest.mark.parametrize("few", [1, 4, 40])
def test_scores_are_the_products_with_all_rows_in_any_order(
    few: int, widths: tuple[int, ...], learnable: bool, sparse: bool
) -> None:
    network = LabelGraphNetwork(E, P, widths=widths, learnable_propagation=learnable, sparse=sparse).double()
    features = noise(few, 3, widths[-1], seed=6).double().requires_grad_()
    leaves = [features, *network.parameters()]
    expected, found = features @ network().T, network.scores(features)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    weight = noise(*expected.shape, seed=7).double()
    for one, other in zip(
        torch.autograd.grad((found * weight).sum(), leaves),
        torch.autograd.grad((expected * weight).sum(), leaves),
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_few_features_meet_the_weights_before_the_nodes_do() -> None:
    # Rows of 50 labels cost more than the products of 4 features with the weights, and less than of 400.
    count = 50
    links = torch.eye(count) + torch.ones(count, count) / count
    network = LabelGraphNetwork(noise(count, 6, seed=8), links, widths=(20, 30))
    for few in (4, 400):
        features = noise(few, 30, seed=9)
        with FlopCounterMode(display=False) as taken:
            network.scores(features)
        with FlopCounterMode(display=False) as by_rows:
            features @ network().T
        done, rows = taken.get_total_flops(), by_rows.get_total_flops()
        assert done < rows / 2 if few == 4 else done == rows
