from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.encoders.tiny import TinyTextEncoder
from affectkit.graph import (
    LabelGraph,
    LabelGraphError,
    random_label_embeddings,
    write_label_embeddings,
)
from affectkit.heads import CategoricalDimensionalGraphHead
from affectkit.labels import LabelSpace, affect_scale
from affectkit.losses import CCCLoss
from affectkit.types import AffectOutput, Encoding, Head, LossTerms, Target

GOLDEN = Path(__file__).parents[1] / "golden"
SPACE = LabelSpace("three.v1", ("calm", "happy", "sad"))
GRAPH = LabelGraph.from_edges(
    [("happy", "valence"), ("sad", "valence"), ("sad", "dominance")],
    space=SPACE,
    scale=affect_scale("vad.unit"),
)
X = torch.randn(4, 3, 10, generator=torch.Generator().manual_seed(0))


def head(**options: object) -> CategoricalDimensionalGraphHead:
    torch.manual_seed(0)
    chosen: dict[str, object] = {"embedding_dim": 5, "hidden_dims": (8,), **options}
    return CategoricalDimensionalGraphHead(10, GRAPH, **chosen)  # type: ignore[arg-type]


def predict(module: CategoricalDimensionalGraphHead, x: Tensor = X) -> tuple[Tensor, Tensor]:
    output: AffectOutput = module(Encoding(x))
    assert output.logits is not None and output.dims is not None
    return output.logits, output.dims


@pytest.mark.golden
def test_the_official_head_its_losses_and_gradients() -> None:
    with np.load(GOLDEN / "emotiongcn_head.npz", allow_pickle=False) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    backbone = nn.Conv2d(3, 8, 3, padding=1)
    module = CategoricalDimensionalGraphHead(
        8, "affectnet7", label_embeddings=golden["label_embeddings"], hidden_dims=(6,)
    )
    with torch.no_grad():
        backbone.weight.copy_(golden["w/features.weight"])
        assert backbone.bias is not None
        backbone.bias.copy_(golden["w/features.bias"])
        module.network.weights[0].copy_(golden["w/gc1.weight"])
        module.network.weights[1].copy_(golden["w/gc2.weight"])

    def near(name: str, value: Tensor) -> None:
        reference = golden[name]
        assert value.shape == reference.shape, name
        assert (value - reference).abs().max() <= 1e-5 * reference.abs().max(), name

    # The stored adjacency belongs to the published graph.
    torch.testing.assert_close(LabelGraph.affectnet7().adjacency.float(), golden["w/A"], rtol=0, atol=1e-6)
    maps: Tensor = backbone(golden["image"])
    pooled = maps.amax((2, 3))
    near("pooled_feature", pooled)
    near("classifier_rows", module.label_rows())
    near("gcn_hidden", module.network.embeddings @ module.network.weights[0])
    output: AffectOutput = module(Encoding(pooled))
    assert output.logits is not None and output.dims is not None
    near("logits_cat", output.logits)
    near("pred_va", output.dims)
    category = F.cross_entropy(output.logits, golden["labels_cat"], golden["ce_class_weights"])
    ccc: LossTerms = CCCLoss(mixed_moments=True)(output, Target(dims=golden["labels_va"]))
    near("loss_cat", category)
    near("loss_ccc", ccc.total)
    loss = category + ccc.total
    near("loss", loss)
    torch.autograd.backward(loss)
    gradients = {
        "features.weight": backbone.weight.grad,
        "features.bias": backbone.bias.grad,
        "gc1.weight": module.network.weights[0].grad,
        "gc2.weight": module.network.weights[1].grad,
    }
    for name, gradient in gradients.items():
        assert gradient is not None
        near(f"grad/{name}", gradient)


def test_rows_of_the_network_are_classifiers_and_regressors() -> None:
    module = head()
    logits, dims = predict(module)
    rows = module.label_rows()
    torch.testing.assert_close(logits, X @ rows[:3].T)
    torch.testing.assert_close(dims, X @ rows[3:].T)
    assert module.nodes == ("calm", "happy", "sad", "valence", "arousal", "dominance")
    typed: Head = module
    assert isinstance(typed, nn.Module)


def test_bounds_and_graphs_without_dimensions() -> None:
    free, kept = head(), head(bounds=(1.0, 5.0))
    torch.testing.assert_close(predict(kept)[1], 3 + 2 * predict(free)[1].tanh())
    assert predict(kept, 1000 * X)[1].min() >= 1 and predict(kept, 1000 * X)[1].max() <= 5
    plain = CategoricalDimensionalGraphHead(10, LabelGraph(SPACE, torch.eye(3)), embedding_dim=4)
    output: AffectOutput = plain(Encoding(X))
    assert output.logits is not None and output.logits.shape == (4, 3, 3) and output.dims is None


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("bounds", [None, (1.0, 5.0)])
def test_a_bias_is_added_to_the_score_of_each_node(rows: int, bounds: tuple[float, float] | None) -> None:
    # One row of three utterances makes no row of weights, three rows do.
    module = head(bias=True, bounds=bounds)
    assert module.bias is not None and not bool(module.bias.detach().any())
    x = X[:rows]
    torch.testing.assert_close(predict(module, x)[0], predict(head(bounds=bounds), x)[0])
    shift = torch.tensor([0.5, -2.0, 3.0, 1.0, -1.0, 0.25])
    with torch.no_grad():
        module.bias.copy_(shift)
    matrix, first, second = GRAPH.propagation(), *module.network.weights
    vectors = random_label_embeddings(GRAPH.nodes, 5, seed=0)
    hidden = F.leaky_relu(matrix @ vectors @ first, 0.2)
    naive = torch.stack([(matrix @ hidden @ second) @ row + shift for row in x.reshape(-1, 10)])
    naive = naive.reshape(rows, 3, 6)
    wanted = naive[..., 3:] if bounds is None else 3 + 2 * naive[..., 3:].tanh()
    for _ in range(2):
        logits, dims = predict(module, x)
        torch.testing.assert_close(logits, naive[..., :3])
        torch.testing.assert_close(dims, wanted)
        module.eval().requires_grad_(False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(predict(module, x)[0].float(), naive[..., :3], rtol=0.02, atol=0.03)
    module.train().requires_grad_(True)
    torch.autograd.backward(predict(module, x)[0].sum())
    assert module.bias.grad is not None and module.bias.grad.tolist() == [3.0 * rows] * 3 + [0.0] * 3


def test_without_a_bias_nothing_of_it_is_saved() -> None:
    assert "bias" not in head().state_dict() and "bias" in head(bias=True).state_dict()


def count_generations(module: CategoricalDimensionalGraphHead) -> list[int]:
    calls: list[int] = []
    nodes = module.network._last_nodes

    def counted() -> Tensor:
        calls.append(1)
        return nodes()

    module.network._last_nodes = counted  # type: ignore[method-assign]
    return calls


def test_training_generates_once_a_step_and_evaluation_keeps_the_rows() -> None:
    module = head()
    calls = count_generations(module)
    predict(module)
    assert len(calls) == 1  # whatever the number of rows
    module.eval()
    with torch.no_grad():
        for _ in range(5):
            predict(module)
    assert len(calls) == 2
    with torch.inference_mode():
        predict(module)
    assert len(calls) == 2


def step(module: CategoricalDimensionalGraphHead) -> None:
    with torch.no_grad():
        module.network.weights[0].add_(0.1)


def load(module: CategoricalDimensionalGraphHead) -> None:
    torch.manual_seed(9)
    other = CategoricalDimensionalGraphHead(10, GRAPH, embedding_dim=5, hidden_dims=(8,), seed=3)
    module.load_state_dict(other.state_dict())


def replace(module: CategoricalDimensionalGraphHead) -> None:
    module.network.weights[1] = nn.Parameter(torch.ones(8, 10))


def through_data(module: CategoricalDimensionalGraphHead) -> None:
    module.network.weights[0].data.add_(0.1)
    module.eval()


@pytest.mark.parametrize("change", [step, load, replace, through_data])
def test_kept_rows_follow_every_change(change: Callable[[CategoricalDimensionalGraphHead], None]) -> None:
    module = head().eval()
    with torch.no_grad():
        before = predict(module)[0]
        change(module)
        after = predict(module)[0]
        module._kept = None
        assert torch.equal(after, predict(module)[0]) and not torch.allclose(before, after)


def test_kept_rows_follow_another_dtype_and_do_not_travel_with_copies() -> None:
    module = head().eval()
    with torch.no_grad():
        predict(module)
        assert predict(module.double(), X.double())[0].dtype == torch.float64
        for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert twin._kept is None and module._kept is not None


def test_rows_kept_in_inference_mode_serve_outside_of_it() -> None:
    module = head().eval()
    with torch.inference_mode():
        predict(module)
    with torch.no_grad():
        predict(module)
    x = X.clone().requires_grad_()
    torch.autograd.backward(predict(module, x)[0].sum())  # with gradient the rows are made anew
    assert x.grad is not None and module.network.weights[0].grad is not None


def test_half_precision_does_not_reach_the_rows() -> None:
    module = head()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rows = module.label_rows()
        assert predict(module)[0].dtype == torch.bfloat16
    assert rows.dtype == torch.float32 and torch.equal(rows, module.label_rows())


def test_it_can_be_exported() -> None:
    module = head().eval()
    with torch.no_grad():
        predict(module)  # rows kept from before do not become constants of the program
        program = torch.export.export(module, (Encoding(X),))
        exported: AffectOutput = program.module()(Encoding(X))
        assert exported.logits is not None
        torch.testing.assert_close(exported.logits, predict(module)[0])
    assert "network.weights.0" in program.state_dict
    assert any("network_weights_0" in str(node) for node in program.graph.nodes if node.users)


@pytest.mark.parametrize("learnable", ["learnable_adjacency", "learnable_embeddings"])
def test_what_is_learnt_is_a_parameter_and_what_is_not_is_no(learnable: str) -> None:
    names = {name for name, _ in head(**{learnable: True}).named_parameters()}
    fixed = {name for name, _ in head().named_parameters()}
    assert fixed == {"network.weights.0", "network.weights.1"}
    extra = "network.embeddings" if learnable == "learnable_embeddings" else "network.propagation.matrix"
    assert names - fixed == {extra}
    torch.testing.assert_close(predict(head(**{learnable: True}))[0], predict(head())[0])


def test_label_vectors_from_a_file_an_encoder_or_a_tensor(tmp_path: Path) -> None:
    encoder = TinyTextEncoder(out_dim=5)
    vectors = encoder(list(GRAPH.nodes))
    write_label_embeddings(tmp_path / "v.safetensors", GRAPH.nodes, vectors)
    GRAPH.save(tmp_path / "graph.safetensors")
    expected = predict(head(label_embeddings=vectors))[0]
    assert torch.equal(predict(head(label_embeddings=tmp_path / "v.safetensors"))[0], expected)
    by_encoder = head(label_encoder=encoder)
    assert torch.equal(predict(by_encoder)[0], expected)
    assert not any("table" in name for name in by_encoder.state_dict())
    torch.manual_seed(0)
    from_file = CategoricalDimensionalGraphHead(
        10, str(tmp_path / "graph.safetensors"), label_embeddings=vectors, hidden_dims=(8,)
    )
    assert torch.equal(predict(from_file)[0], expected)


def test_sparse_and_dense_give_the_same_numbers() -> None:
    sparse, dense = predict(head(sparse=True)), predict(head())
    torch.testing.assert_close(sparse, dense, rtol=1e-5, atol=1e-6)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="features of width 9"):
        head()(Encoding(torch.zeros(2, 9)))
    with pytest.raises(ValueError, match=r"shape \(5, 4\) for the 6 nodes calm"):
        head(label_embeddings=torch.zeros(5, 4))
    with pytest.raises(ValueError, match="give one of them"):
        head(label_embeddings=torch.zeros(6, 4), label_encoder=TinyTextEncoder())
    with pytest.raises(ValueError, match="low < high"):
        head(bounds=(1.0, 1.0))
    with pytest.raises(LabelGraphError, match="cannot be read"):
        CategoricalDimensionalGraphHead(4, "affectnet9")


def test_few_and_many_features_train_alike() -> None:
    # Few and many features are multiplied in another order; both are the same function.
    module = head().double()
    many = X.double().repeat(2, 1, 1)
    few = predict(module, many[:1])
    whole = predict(module, many)
    torch.testing.assert_close(few[0], whole[0][:1], rtol=0, atol=1e-12)
    weight = torch.zeros(8, 3, 3).double()
    weight[0] = 1.0
    parameters = list(module.parameters())
    one = torch.autograd.grad((few[1]).sum(), parameters)
    other = torch.autograd.grad((whole[1] * weight).sum(), parameters)
    for first, second in zip(one, other):
        torch.testing.assert_close(first, second, rtol=0, atol=1e-12)
