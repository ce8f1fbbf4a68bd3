"""LoRA put into networks of several libraries."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from affectkit.adapters.apply_lora import apply_lora
from affectkit.adapters.lora_attention import Projection
from affectkit.adapters.merge_lora import merge_lora, unmerge_lora

X = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
ALL: tuple[Projection, ...] = ("q", "k", "v", "out")


class FusedAttention(nn.Module):
    """The attention of timm in its plain form."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)
        self.proj = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        fused: Tensor = self.qkv(x)
        q, k, v = (part.reshape(*x.shape[:2], 2, 4).transpose(1, 2) for part in fused.chunk(3, dim=-1))
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2)
        result: Tensor = self.proj(attended)
        return result


class SeparateAttention(nn.Module):
    """The self-attention of BERT, whose output projection lies elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.query(x), self.key(x), self.value(x)
        return functional.scaled_dot_product_attention(q, k, v)


def torch_blocks() -> nn.Module:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)


def fused_blocks() -> nn.Module:
    return nn.Sequential(OrderedDict(blocks=nn.Sequential(*(FusedAttention() for _ in range(3)))))


def separate_blocks() -> nn.Module:
    return nn.Sequential(OrderedDict(layer=nn.Sequential(*(SeparateAttention() for _ in range(3)))))


CASES: list[tuple[Callable[[], nn.Module], tuple[Projection, ...], str]] = [
    (torch_blocks, ALL, "layers.{}.self_attn"),
    (torch_blocks, ("out",), "layers.{}.self_attn"),
    (fused_blocks, ALL, "blocks.{}"),
    (fused_blocks, ("out",), "blocks.{}"),
    (separate_blocks, ("q", "k", "v"), "layer.{}"),
]


def fill(module: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("lora_b"):
                nn.init.normal_(parameter, std=0.5)


@pytest.mark.parametrize(("make", "targets", "path"), CASES)
def test_the_same_before_training_and_after_merging(
    make: Callable[[], nn.Module], targets: tuple[Projection, ...], path: str
) -> None:
    torch.manual_seed(0)
    network = make().eval()
    with torch.no_grad():
        expected: Tensor = network(X)
        assert apply_lora(network, targets, rank=2, dropout=0.3) == tuple(path.format(i) for i in range(3))
        torch.testing.assert_close(network(X), expected, rtol=0, atol=1e-6)
        fill(network)
        trained: Tensor = network(X)
        assert not torch.allclose(trained, expected, atol=1e-2)
        state = copy.deepcopy(network.state_dict())
        # In a torch block the three input projections are one layer.
        fused = 1 if make is not separate_blocks else 3
        inputs = fused if set(targets) & {"q", "k", "v"} else 0
        assert merge_lora(network) == 3 * (inputs + ("out" in targets))
        torch.testing.assert_close(network(X), trained, rtol=1e-5, atol=1e-5)
        for name, value in network.state_dict().items():
            assert torch.equal(value, state[name])
        unmerge_lora(network)
        assert torch.equal(network(X), trained)


@pytest.mark.parametrize(("make", "targets", "path"), CASES)
def test_every_update_learns(
    make: Callable[[], nn.Module], targets: tuple[Projection, ...], path: str
) -> None:
    torch.manual_seed(0)
    network = make().requires_grad_(False)
    apply_lora(network, targets, rank=2, dropout=0.3)
    fill(network)
    assert network.training
    torch.autograd.backward(network(X)[..., :3].square().sum())
    learning = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert len(learning) == 2 * 3 * len(targets)
    for name, parameter in learning.items():
        assert parameter.grad is not None and bool(parameter.grad.any()), name


def test_only_the_chosen_layers() -> None:
    network = torch_blocks()
    assert apply_lora(network, layers=[-1, 0]) == ("layers.0.self_attn", "layers.2.self_attn")
    assert isinstance(network.get_submodule("layers.1.self_attn"), nn.MultiheadAttention)


def test_a_pooling_attention_is_left_alone() -> None:
    network = nn.ModuleDict({"blocks": torch_blocks(), "attn_pool": nn.MultiheadAttention(8, 2)})
    assert all(path.startswith("blocks.") for path in apply_lora(network))


def test_refusals_leave_the_module_as_it_was() -> None:
    network = separate_blocks()
    names = list(network.state_dict())
    with pytest.raises(TypeError, match=r"no 'out' projection in 'layer\.0' \(SeparateAttention\)"):
        apply_lora(network, ALL)
    for layers in ([3], [-4], [0, 0], [0, -3], []):
        with pytest.raises(ValueError, match="for 3 attentions"):
            apply_lora(network, layers=layers)
    with pytest.raises(ValueError, match="targets"):
        apply_lora(network, ("gate",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="targets"):
        apply_lora(network, ())
    assert list(network.state_dict()) == names
    apply_lora(network)
    with pytest.raises(ValueError, match="has LoRA already"):
        apply_lora(network)
    with pytest.raises(TypeError, match="no attention block that it knows in Linear"):
        apply_lora(nn.Linear(3, 3))
    biased = fused_blocks()
    biased.get_submodule("blocks.0").q_bias = nn.Parameter(torch.zeros(8))
    with pytest.raises(TypeError, match="keeps the biases"):
        apply_lora(biased)
    with pytest.raises(ValueError, match="call apply_lora first"):
        merge_lora(nn.Linear(3, 3))


def timm_tower() -> tuple[nn.Module, Tensor]:
    from timm.models.vision_transformer import VisionTransformer

    tower = VisionTransformer(img_size=16, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=0)
    return tower, torch.randn(3, 3, 16, 16)


def bert_tower() -> tuple[nn.Module, Tensor]:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=20, hidden_size=16, intermediate_size=16, num_attention_heads=2, num_hidden_layers=2
    )
    tower: nn.Module = BertModel(config)
    return tower, torch.arange(6).reshape(2, 3)


@pytest.mark.parametrize("make", [timm_tower, bert_tower])
def test_the_towers_of_other_libraries(make: Callable[[], tuple[nn.Module, Tensor]]) -> None:
    torch.manual_seed(0)
    network, x = make()
    network.eval()

    def features() -> Tensor:
        result = network(x)
        found = result if isinstance(result, Tensor) else result[0]
        assert isinstance(found, Tensor)
        return found

    with torch.no_grad():
        plain = features()
        assert len(apply_lora(network, ("q", "v"), rank=2)) == 2
        torch.testing.assert_close(features(), plain, rtol=0, atol=1e-6)
        fill(network)
        trained = features()
        assert not torch.allclose(trained, plain, atol=1e-2)
        merge_lora(network)
        torch.testing.assert_close(features(), trained, rtol=1e-4, atol=1e-4)


def test_the_fused_kernel_of_torch_does_not_skip_the_updates() -> None:
    # In evaluation without a graph, torch's layer would multiply by the frozen weights itself.
    torch.manual_seed(0)
    network = torch_blocks().eval()
    apply_lora(network, ALL, rank=2)
    fill(network)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2, [False] * 5])
    learned: Tensor = network(X, src_key_padding_mask=padding)
    with torch.no_grad():
        fast: Tensor = network(X, src_key_padding_mask=padding)
    torch.testing.assert_close(fast[~padding], learned[~padding], rtol=1e-5, atol=1e-5)
