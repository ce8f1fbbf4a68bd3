"""A forward pass of a task that keeps what its picture networks read and made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from affectkit.report.overlays.picture_network import PictureNetwork

#: Changes the pixels (N, 3, H, W) that a network reads; the number is that of the call.
Change = Callable[[int, Tensor], Tensor]


@dataclass(slots=True)
class NetworkCall:
    """One call of a picture network.

    Args:
        network: Which.
        pixels: (N, 3, H, W), as the network read them.
        maps: (N, C, H, W) that stages gave, from early to late.
        tokens: (N, T, D) that the last block read.
    """

    network: PictureNetwork
    pixels: Tensor
    maps: list[Tensor] = field(default_factory=list)
    tokens: list[Tensor] = field(default_factory=list)


@contextmanager
def recorded_pass(
    networks: Sequence[PictureNetwork], *, change: Change | None = None
) -> Iterator[list[NetworkCall]]:
    """Inside, each call of the networks is kept, in its order; gradients flow back to the pixels.

    Args:
        networks: Which networks.
        change: Changes what they read.
    """
    calls: list[NetworkCall] = []
    with ExitStack() as undo:
        for network in networks:
            undo.enter_context(_gradients(network.whole))
            removes = [
                network.entry.register_forward_pre_hook(_reads(network, calls, change)),
                *(stage.register_forward_hook(_keeps(network, calls)) for stage in network.stages),
            ]
            for remove in removes:
                undo.callback(remove.remove)
        yield calls


@contextmanager
def _gradients(network: nn.Module) -> Iterator[None]:
    """A frozen tower leaves gradients out: let one of its weights want one, for as long as this lasts."""
    first = next(network.parameters())
    wanted = first.requires_grad
    first.requires_grad_(True)
    try:
        yield
    finally:
        first.requires_grad_(wanted)


def _reads(
    network: PictureNetwork, calls: list[NetworkCall], change: Change | None
) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...]]:
    def hook(module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        pixels: Tensor = given[0].detach()
        if change is not None:
            pixels = change(len(calls), pixels)
        pixels = pixels.requires_grad_(torch.is_grad_enabled())
        calls.append(NetworkCall(network, pixels))
        return (pixels, *given[1:])

    return hook


def _keeps(
    network: PictureNetwork, calls: list[NetworkCall]
) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
    def hook(module: nn.Module, given: tuple[Any, ...], made: Any) -> None:
        call = next((call for call in reversed(calls) if call.network is network), None)
        if call is None:
            return
        for one in made if isinstance(made, (list, tuple)) else [made]:
            if isinstance(one, Tensor) and one.ndim == 4:
                call.maps.append(one)
            elif isinstance(one, Tensor) and one.ndim == 3:
                # What a block makes of the places does not reach the class token any more.
                call.tokens.append(given[0])

    return hook
