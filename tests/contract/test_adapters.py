"""Adapters of a CLIP model: every one by its name does what the others do."""

from __future__ import annotations

import copy
import functools
import importlib
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from affectkit.adapters import (
    ADAPTERS,
    ClipAdapter,
    TipAdapter,
    load_adapter,
    make_adapter,
    save_adapter,
    trained_state,
)
from affectkit.catalog import COMPONENTS
from affectkit.encoders.clip import ClipBase, clip_base, clip_base_from_config
from affectkit.losses import ClassificationLoss
from affectkit.types import LossTerms, Target

NAMES = ("joy", "deep_anger", "fear")
LABELS = torch.tensor([2, 0, 1])

#: Options of each adapter; dropout is off, so that two runs can be compared.
CASES: dict[str, tuple[dict[str, object], ...]] = {
    "clip_adapter": ({"ratio": 0.6},),
    "clip_lora": ({"dropout": 0.0}, {"dropout": 0.0, "towers": "text", "targets": ["q", "out"]}),
    "cocoop": ({"reduction": 2}, {"reduction": 2, "chunk_size": 2}),
    "coop": ({}, {"class_specific": True, "position": "middle", "num_context": 4}),
    "descriptor": ({"num_context": 3},),
    "linear_probe": ({},),
    "maple": ({},),
    "tip_adapter": ({"trainable": True}, {}),
    "zero_shot": ({"templates": "felt"},),
}
#: Those whose parameters belong to single classes, so that other names are not just read anew.
BOUND_TO_CLASSES = ("linear_probe", "tip_adapter")

FLAT = [
    pytest.param(name, options, id=f"{name}-{index}")
    for name, several in CASES.items()
    for index, options in enumerate(several)
]
each_adapter = pytest.mark.parametrize(("name", "options"), FLAT)


@functools.cache
def base() -> ClipBase:
    """One base for all: no adapter changes the one that it is given."""
    return clip_base("tiny")


@functools.cache
def one_layer() -> ClipBase:
    return clip_base_from_config(
        {
            "embed_dim": 16,
            "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16},
            "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
        },
        name="one-layer",
    )


def images(batch: int, seed: int = 0) -> Tensor:
    return torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def learned(adapter: nn.Module) -> dict[str, nn.Parameter]:
    return {name: value for name, value in adapter.named_parameters() if value.requires_grad}


def move(adapter: nn.Module, seed: int = 7) -> None:
    """Put numbers into what is trained that no initialisation gives."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in learned(adapter).values():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))


def build(name: str, options: dict[str, object], model: ClipBase | None = None) -> nn.Module:
    torch.manual_seed(0)
    adapter = make_adapter(name, model or base(), NAMES, **options)
    if isinstance(adapter, TipAdapter):
        adapter.build_cache([(images(4, seed=9), torch.tensor([0, 1, 2, 2]))])
    module = cast(nn.Module, adapter)
    move(module)
    return module.eval()


def logits(module: nn.Module, pictures: Tensor) -> Tensor:
    adapter = cast(ClipAdapter, module)
    result = adapter(adapter.encode(pictures)).logits
    assert result is not None
    return result


def step(module: nn.Module, pictures: Tensor) -> None:
    optimizer = torch.optim.SGD(learned(module).values(), lr=0.1)
    torch.autograd.backward(functional.cross_entropy(logits(module, pictures), LABELS))
    optimizer.step()


def test_names_classes_and_catalogue_agree() -> None:
    assert set(CASES) == set(ADAPTERS)
    by_name = {}
    for row in COMPONENTS:
        if row.kind == "adapter":
            room, _, attribute = row.path.rpartition(".")
            by_name[row.name] = getattr(importlib.import_module(room), attribute)
    classes = {type(build(name, several[0])) for name, several in CASES.items()}
    assert classes == set(by_name.values())


@each_adapter
@pytest.mark.parametrize("batch", [1, 3])
def test_shapes_dtypes_and_repeatability(name: str, options: dict[str, object], batch: int) -> None:
    adapter = cast(ClipAdapter, build(name, options))
    assert adapter.class_names == NAMES
    features = adapter.encode(images(batch))
    assert features.pooled.shape == (batch, base().embed_dim) and features.pooled.dtype == torch.float32
    assert features.pooled.requires_grad == adapter.adapts_images
    output = adapter(features)
    assert output.logits is not None and output.embedding is not None
    assert output.logits.shape == (batch, 3) and output.logits.dtype == torch.float32
    assert output.embedding.shape == (batch, base().embed_dim)
    assert bool(output.logits.isfinite().all()) and bool(output.embedding.isfinite().all())
    assert torch.equal(output.logits, logits(cast(nn.Module, adapter), images(batch)))


@each_adapter
def test_what_is_trained_has_a_gradient_and_nothing_else_has(name: str, options: dict[str, object]) -> None:
    module = build(name, options).train()
    trained = learned(module)
    assert bool(trained) == (
        (name not in ("zero_shot",) and options != {}) or name in ("cocoop", "coop", "linear_probe", "maple")
    )
    if not trained:
        assert not logits(module, images(3)).requires_grad
        return
    torch.autograd.backward(functional.cross_entropy(logits(module, images(3)), LABELS))
    for key, parameter in module.named_parameters():
        if key in trained:
            assert parameter.grad is not None, key
            assert bool(parameter.grad.isfinite().all()) and bool(parameter.grad.any()), key
        else:
            assert parameter.grad is None, key
    own = {id(parameter) for parameter in base().parameters()}
    assert not own & {id(parameter) for parameter in trained.values()}


@each_adapter
def test_the_state_dict_is_the_whole_state(name: str, options: dict[str, object]) -> None:
    module = build(name, options)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    other = build(name, options)
    move(other, seed=8)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(logits(other, images(3)), logits(module, images(3)))


@each_adapter
def test_the_file_holds_what_was_trained_and_finds_its_base(
    name: str, options: dict[str, object], tmp_path: Path
) -> None:
    module = build(name, options)
    size = save_adapter(tmp_path / "adapter.safetensors", cast(ClipAdapter, module))
    assert size == (tmp_path / "adapter.safetensors").stat().st_size
    # Names and options take a little room, the base none.
    assert size < 4 * sum(value.numel() for value in trained_state(module).values()) + 8000
    expected = logits(module, images(3))
    for given in (base(), None):
        loaded = load_adapter(tmp_path / "adapter.safetensors", given)
        assert isinstance(loaded, type(module)) and loaded.class_names == NAMES
        assert torch.equal(logits(cast(nn.Module, loaded), images(3)), expected)


@each_adapter
def test_copies_are_equal_and_independent(name: str, options: dict[str, object]) -> None:
    module = build(name, options)
    expected = logits(module, images(3))
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(logits(twin, images(3)), expected)
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.mul_(0.5)
        assert not torch.allclose(logits(twin, images(3)), expected, atol=1e-2)
    assert torch.equal(logits(module, images(3)), expected)


@each_adapter
def test_bfloat16_autocast_stays_near(name: str, options: dict[str, object]) -> None:
    module = build(name, options).train()
    expected = logits(module, images(3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = logits(module, images(3))
        loss = functional.cross_entropy(result, LABELS)
    assert result.dtype == torch.float32
    # Cosines are right to two or three digits; the probe multiplies by 100.
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(result, expected, rtol=0, atol=0.05 * scale)
    if learned(module):
        torch.autograd.backward(loss)
    for parameter in learned(module).values():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all())
        assert parameter.grad.dtype == torch.float32


@pytest.mark.parametrize("name", CASES)
def test_a_training_step_compiles_as_one_graph(name: str) -> None:
    # One layer is traced in half the time; only MaPLe does in the second what it does not in the first.
    model = base() if name == "maple" else one_layer()
    module, plain = (build(name, CASES[name][0], model).train() for _ in range(2))

    def loss_of(pictures: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits(module, pictures), labels)

    torch._dynamo.reset()
    compiled = cast(
        Callable[[Tensor, Tensor], Tensor],
        torch.compile(loss_of, fullgraph=True, backend="aot_eager", dynamic=False),
    )
    expected = functional.cross_entropy(logits(plain, images(3)), LABELS)
    loss = compiled(images(3), LABELS)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-6)
    if not learned(module):
        return
    torch.autograd.backward(expected)
    torch.autograd.backward(loss)
    twin = learned(plain)
    for key, parameter in learned(module).items():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, twin[key].grad, rtol=1e-4, atol=1e-6)


@each_adapter
def test_a_row_of_weight_zero_changes_nothing(name: str, options: dict[str, object]) -> None:
    results = []
    for filler in (0.0, 3.0):
        module = build(name, options).train()
        pictures = torch.cat([images(3), torch.full((1, 3, 32, 32), filler)])
        adapter = cast(ClipAdapter, module)
        output = adapter(adapter.encode(pictures))
        target = Target(label=torch.cat([LABELS, torch.tensor([0])]), weight=torch.tensor([1.0, 1, 1, 0]))
        terms: LossTerms = ClassificationLoss(3)(output, target)
        if learned(module):
            torch.autograd.backward(terms.total)
        assert output.logits is not None
        found = [output.logits[:3], terms.total, *(value.grad for value in learned(module).values())]
        results.append(found)
    assert len(results[0]) == len(results[1])
    for one, other in zip(*results):
        assert one is not None and other is not None
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@each_adapter
def test_what_evaluation_keeps_is_forgotten_in_time(name: str, options: dict[str, object]) -> None:
    module = build(name, options)
    with torch.inference_mode():
        before = logits(module, images(3))
        assert torch.equal(logits(module, images(3)), before)
    if learned(module):
        step(module.train(), images(3))
        module.eval()
        with torch.no_grad():
            stepped = logits(module, images(3))
        fresh = build(name, options)
        fresh.load_state_dict(module.state_dict())
        assert not torch.allclose(stepped, before, atol=1e-4)
        torch.testing.assert_close(stepped, logits(fresh, images(3)), rtol=1e-5, atol=1e-6)
    # Weights that are loaded, those of the frozen text included.
    state = copy.deepcopy(module.state_dict())
    for key, value in state.items():
        if value.is_floating_point() and not key.startswith("base.logit"):
            value.mul_(0.7)
    other = build(name, options)
    other = copy.deepcopy(other)  # the base is shared, and this test writes to it
    module = copy.deepcopy(module)
    with torch.no_grad():
        logits(module, images(3))
        module.load_state_dict(state)
        other.load_state_dict(state)
        torch.testing.assert_close(logits(module, images(3)), logits(other, images(3)), rtol=1e-5, atol=1e-6)


@each_adapter
def test_other_names_are_read_at_once(name: str, options: dict[str, object]) -> None:
    module = build(name, options)
    adapter = cast(ClipAdapter, module)
    with torch.no_grad():
        before = logits(module, images(3))
        if name in BOUND_TO_CLASSES:
            with pytest.raises(ValueError, match="class"):
                adapter.rename(NAMES[::-1])
            assert adapter.class_names == NAMES and torch.equal(logits(module, images(3)), before)
            adapter.rename(NAMES)
            return
        adapter.rename(NAMES[::-1])
        turned = logits(module, images(3))
    assert adapter.class_names == NAMES[::-1]
    if name == "descriptor" or options.get("class_specific"):
        # The vectors stay where they are; the text beside them is another, but for the one in the middle.
        assert not torch.allclose(turned[:, 0], before[:, 2], atol=1e-4)
        torch.testing.assert_close(turned[:, 1], before[:, 1], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(turned[:, 0], before[:, 0], atol=1e-4)
    else:
        torch.testing.assert_close(turned, before.flip(-1), rtol=1e-4, atol=1e-5)
        with torch.no_grad():
            adapter.rename(["calm", "bored"])
            assert logits(module, images(3)).shape == (3, 2)
