"""Extractors that neither know anything nor learn anything."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Final

from torch import Tensor, nn

from affectkit.tasks.turn_extractor import TurnExtractor

#: In the place of a checkpoint: random weights are meant.
RANDOM: Final = "random"


def is_untrained(network: nn.Module) -> bool:
    """Whether every scale of a normalisation is still the constant that it began with.

    Training moves the channels of a scale by different amounts, so this tells random weights wherever they
    were or were not loaded from. A network without such scales does not show it, and counts as trained.

    Examples:
        >>> network = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
        >>> is_untrained(network), is_untrained(nn.Linear(4, 4))
        (True, False)
        >>> _ = nn.init.normal_(network[1].weight)
        >>> is_untrained(network)
        False
    """
    scales = list(_scales(network))
    return bool(scales) and all(bool((scale == scale[0]).all()) for scale in scales)


def refuse_random_extractors(encoders: Mapping[str, nn.Module], *, stated: Container[str], task: str) -> None:
    """Stop a training on the features of networks with random weights that nothing will ever train.

    Args:
        encoders: Encoder of each modality; only extractors are looked at.
        stated: Modalities for which it was said where weights come from, or that they are random.
        task: Name of the task, for the message.

    Raises:
        ValueError: If there is such an extractor.
    """
    for name, encoder in encoders.items():
        if not isinstance(encoder, TurnExtractor) or name in stated:
            continue
        trained = any(parameter.requires_grad for parameter in encoder.turns.parameters())
        if not trained and is_untrained(encoder.turns):
            raise ValueError(
                f"{task} does not train its extractor of {name!r}, whose weights are random "
                f"({type(encoder.extractor).__name__}): load weights into it, by extractor_weights or "
                "visual_pretrained of ConversationMediaTask or before you give it, or let it be trained, or "
                f"set extractor_weights to {{{name!r}: {RANDOM!r}}} if random features are meant."
            )


def _scales(network: nn.Module) -> Iterator[Tensor]:
    for part in network.modules():
        own = dict(part.named_parameters(recurse=False))
        scale = own.get("weight")
        # A normalisation of whatever kind has vectors alone.
        if scale is not None and scale.numel() > 1 and all(one.ndim == 1 for one in own.values()):
            yield scale.detach()
