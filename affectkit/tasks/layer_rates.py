"""Learning rates that fall from the last layer of a transformer to the first."""

from __future__ import annotations

import re

from torch import nn

from affectkit.encoders import TransformersTokenEncoder


def layer_rates(
    encoder: TransformersTokenEncoder, lr: float, *, decay: float, prefix: str
) -> dict[str, float]:
    r"""Rate of each layer by a pattern of its parameters' names, :math:`\eta_l = \eta\, \delta^{L - l}`.

    Layers count from 1 to L; what lies before them, the embeddings, is layer 0, and what lies behind has
    the rate of the last. Only what is trained gets a pattern.

    Args:
        encoder: The encoder.
        lr: Rate :math:`\eta` of the last layer.
        decay: :math:`\delta` in (0, 1]; 1 gives every layer the same.
        prefix: Name of the encoder in the model whose parameters the optimizer sees.

    Raises:
        ValueError: If ``decay`` is out of range, or the model has no list of layers.

    References:
        J. Howard, S. Ruder. Universal Language Model Fine-tuning for Text Classification. ACL 2018.
        arXiv:1801.06146 (discriminative fine-tuning).
    """
    if not 0.0 < decay <= 1.0:
        raise ValueError(f"layer_rates got decay={decay}: give a factor in (0, 1].")
    layers = encoder.layers
    numbers = {id(layer): number for number, layer in enumerate(layers, start=1)}
    places: dict[str, int] = {}
    for name, module in encoder.named_modules():
        if id(module) in numbers:
            places[f"{name}."] = numbers[id(module)]
    found: dict[str, float] = {}
    for name, number in sorted(places.items(), key=lambda place: -place[1]):
        if _trained(layers[number - 1]):
            found[f"^{re.escape(prefix + name)}"] = lr * decay ** (len(layers) - number)
    names = [name for name, parameter in encoder.named_parameters() if parameter.requires_grad]
    outside = [name for name in names if not any(name.startswith(place) for place in places)]
    if any("embed" in name for name in outside):
        found[f"^{re.escape(prefix)}.*embed"] = lr * decay ** len(layers)
    if any("embed" not in name for name in outside):
        found[f"^{re.escape(prefix)}"] = lr
    return found


def _trained(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())
