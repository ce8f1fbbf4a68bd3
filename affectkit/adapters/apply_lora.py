"""LoRA on the attentions of a network that is already there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, get_args

from torch import nn

from affectkit.adapters.lora_attention import LoRAMultiheadAttention, Projection
from affectkit.adapters.lora_linear import LoRALinear
from affectkit.adapters.low_rank_update import LoRAScaling

#: What separate projections are called in the libraries that towers come from.
_NAMES: dict[Projection, tuple[str, ...]] = {
    "q": ("q_proj", "query", "q", "q_lin"),
    "k": ("k_proj", "key", "k", "k_lin"),
    "v": ("v_proj", "value", "v", "v_lin"),
    "out": ("out_proj", "proj", "o", "out_lin"),
}


class _Attention(NamedTuple):
    """An attention that was found: where it hangs and what it is."""

    path: str
    module: nn.Module
    parent: nn.Module


def _linear(module: nn.Module, projection: Projection) -> tuple[str, nn.Linear] | None:
    children = dict(module.named_children())
    for name in _NAMES[projection]:
        child = children.get(name)
        if isinstance(child, nn.Linear):
            return name, child
    return None


def _is_attention(module: nn.Module) -> bool:
    if isinstance(module, nn.MultiheadAttention) or _is_fused(module):
        return True
    return all(_linear(module, projection) is not None for projection in ("q", "k", "v"))


def _find(module: nn.Module) -> list[_Attention]:
    """Attentions inside numbered blocks, in order; one outside, such as a pooling layer, is left alone."""
    modules = dict(module.named_modules())
    if any(isinstance(part, LoRALinear | LoRAMultiheadAttention) for part in modules.values()):
        raise ValueError("apply_lora got a module that has LoRA already: apply it once, to the plain module.")
    return [
        _Attention(path, part, modules[path.rpartition(".")[0]])
        for path, part in modules.items()
        if any(step.isdigit() for step in path.split(".")) and _is_attention(part)
    ]


def apply_lora(
    module: nn.Module,
    targets: Sequence[Projection] = ("q", "k", "v"),
    *,
    rank: int = 4,
    alpha: float = 4.0,
    scaling: LoRAScaling = "lora",
    dropout: float = 0.0,
    layers: Sequence[int] | None = None,
) -> tuple[str, ...]:
    """Give the attentions of ``module`` low-rank updates, in place; its outputs stay the same until trained.

    Served are ``nn.MultiheadAttention`` (open_clip, ``nn.TransformerEncoderLayer``), attentions with one
    ``qkv`` layer (timm) and with separate linear layers (Hugging Face). The adapted weights are frozen;
    what else may learn is left as it was.

    Args:
        module: A network with attention blocks, e.g. a tower of a CLIP model.
        targets: Projections that get an update, of ``"q"``, ``"k"``, ``"v"``, ``"out"``.
        rank: Rank r of each update.
        alpha: Numerator of the scale.
        scaling: ``"lora"`` = alpha / r, ``"rslora"`` = alpha / sqrt(r).
        dropout: Share of the input dropped before each update in training.
        layers: Positions of the attentions to adapt, from 0, negative from the end; None = all.

    Returns:
        The paths of the adapted attentions inside ``module``.

    Raises:
        TypeError: If the module has no attention that can be served.
        ValueError: If LoRA was applied before, or an option is out of range.

    References:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685.

    Examples:
        >>> network = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 3, enable_nested_tensor=False)
        >>> apply_lora(network, ("q", "v"), rank=2, layers=[-1])
        ('layers.2.self_attn',)
    """
    if not targets or not set(targets) <= set(get_args(Projection)):
        raise ValueError(f"apply_lora got targets={tuple(targets)}: give some of 'q', 'k', 'v', 'out'.")
    found = _find(module)
    if not found:
        raise TypeError(
            f"apply_lora found no attention block that it knows in {type(module).__name__}: it serves "
            "nn.MultiheadAttention, fused `qkv` layers and separate query, key and value layers."
        )
    count = len(found)
    chosen = (
        range(count)
        if layers is None
        else sorted({layer % count for layer in layers if -count <= layer < count})
    )
    if not chosen or (layers is not None and len(chosen) < len(layers)):
        raise ValueError(
            f"apply_lora got layers={layers} for {count} attentions: give different numbers below {count}."
        )
    for position in chosen:  # before anything is changed
        _check(found[position], targets)
    for position in chosen:
        _adapt(found[position], targets, rank=rank, alpha=alpha, scaling=scaling, dropout=dropout)
    return tuple(found[position].path for position in chosen)


def _is_fused(module: nn.Module) -> bool:
    return isinstance(getattr(module, "qkv", None), nn.Linear)


def _separate(module: nn.Module, targets: Sequence[Projection]) -> list[Projection]:
    """Those of ``targets`` that are linear layers of their own."""
    return [name for name in targets if name == "out" or not _is_fused(module)]


def _check(found: _Attention, targets: Sequence[Projection]) -> None:
    module, place = found.module, f"'{found.path}' ({type(found.module).__name__})"
    if isinstance(module, nn.MultiheadAttention):
        return
    if _is_fused(module) and getattr(module, "q_bias", None) is not None:
        # Such a block multiplies by `qkv.weight` itself and would never see the updates.
        raise TypeError(
            f"apply_lora cannot adapt {place}, which keeps the biases of its fused projection apart: "
            "use a tower with plain attention blocks."
        )
    for projection in _separate(module, targets):
        if _linear(module, projection) is None:
            raise TypeError(
                f"apply_lora finds no '{projection}' projection in {place}: leave it out of targets."
            )


def _adapt(
    found: _Attention,
    targets: Sequence[Projection],
    *,
    rank: int,
    alpha: float,
    scaling: LoRAScaling,
    dropout: float,
) -> None:
    module = found.module
    if isinstance(module, nn.MultiheadAttention):
        adapted = LoRAMultiheadAttention(
            module, targets=targets, rank=rank, alpha=alpha, scaling=scaling, dropout=dropout
        )
        setattr(found.parent, found.path.rpartition(".")[2], adapted.train(module.training))
        return
    separate = _separate(module, targets)
    parts = [part for part, name in enumerate(("q", "k", "v")) if name in targets]
    if _is_fused(module) and parts:
        fused = module.qkv
        assert isinstance(fused, nn.Linear)
        module.qkv = LoRALinear(
            fused, rank=rank, alpha=alpha, scaling=scaling, dropout=dropout, parts=3, adapted=parts
        ).train(module.training)
    for projection in separate:
        place = _linear(module, projection)
        assert place is not None  # _check has seen to it
        layer = LoRALinear(place[1], rank=rank, alpha=alpha, scaling=scaling, dropout=dropout)
        setattr(module, place[0], layer.train(module.training))
