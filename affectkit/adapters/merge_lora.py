"""LoRA at no cost in inference."""

from __future__ import annotations

from torch import nn

from affectkit.adapters.lora_linear import LoRALinear


def _layers(module: nn.Module) -> list[LoRALinear]:
    return [part for part in module.modules() if isinstance(part, LoRALinear)]


def merge_lora(module: nn.Module) -> int:
    """Compute ``W + s B A`` once for every LoRA layer of ``module``, so that it costs what a plain one does.

    The frozen weights and the updates stay as they are beside the merged ones: a state saved now is the
    same as before, ``module.train()`` and loading a state unmerge, and :func:`unmerge_lora` is exact.

    Args:
        module: A network in evaluation mode.

    Returns:
        Number of layers merged.

    Raises:
        ValueError: If there is no LoRA layer.
        RuntimeError: If the network is in training mode.
    """
    layers = _layers(module)
    if not layers:
        raise ValueError(f"merge_lora found no LoRA layer in {type(module).__name__}: call apply_lora first.")
    for layer in layers:
        layer.merge()
    return len(layers)


def unmerge_lora(module: nn.Module) -> None:
    """Go back to computing the updates apart; the numbers are those of before :func:`merge_lora`."""
    for layer in _layers(module):
        layer.unmerge()
