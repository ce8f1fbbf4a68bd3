"""Features that are computed again only when they can have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn


class FeatureMemory(nn.Module):
    """Keeps the result of a computation over parameters for as long as it is the result.

    While something in it is learned, every call computes anew, with a graph. Otherwise the features are
    computed once, without a graph and in full precision, and kept until a parameter or the mode changes,
    weights are loaded or the module moves.

    Examples:
        >>> memory, weight = FeatureMemory(), nn.Parameter(torch.ones(2), requires_grad=False)
        >>> first = memory(lambda: weight * 2, lambda: [weight])
        >>> memory(lambda: weight * 2, lambda: [weight]) is first
        True
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: Tensor | None = None
        self._depends: list[Tensor] | None = None
        self._state: tuple[int, torch.device, torch.dtype] | None = None

    def clear(self) -> None:
        """Forget the features and what they depend on."""
        self._kept = None
        self._depends = None

    def train(self, mode: bool = True) -> FeatureMemory:
        """Set the mode, and forget where it changes: a loop may set it before every step."""
        if mode != self.training:
            self.clear()
        super().train(mode)
        return self

    def forward(self, compute: Callable[[], Tensor], depends: Callable[[], Iterable[Tensor]]) -> Tensor:
        """Return the features.

        Args:
            compute: Makes them.
            depends: Lists the parameters they depend on; asked for once, since a walk through a model takes
                longer than a small step.
        """
        if self._depends is None:
            self._depends = list(depends())
        learned = any(parameter.requires_grad for parameter in self._depends)
        if learned and (self.training or torch.is_grad_enabled()):
            self._kept = None
            return compute()
        compiling = torch.compiler.is_compiling()
        # A compiled step cannot read versions; it is compiled anew when the mode is set.
        versions = 0 if compiling else sum(parameter._version for parameter in self._depends)
        state = (versions, self._depends[0].device, self._depends[0].dtype)
        if self._kept is None or (not compiling and state != self._state):
            device = self._depends[0].device.type
            # A validation under inference mode may be first, and training has to use what it leaves.
            with torch.inference_mode(False), torch.no_grad(), torch.autocast(device, enabled=False):
                self._kept = compute()
            self._state = state
        return self._kept

    def _load_from_state_dict(self, *arguments: Any, **options: Any) -> None:
        self.clear()
        super()._load_from_state_dict(*arguments, **options)
