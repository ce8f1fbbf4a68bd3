"""A map from logits to logits of the same classes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class LogitScaling(nn.Module, ABC):
    """A map of the logits whose few parameters are fitted on validation.

    It begins as the identity. Subclasses keep their parameters unbounded.
    """

    @property
    @abstractmethod
    def needs_every_class(self) -> bool:
        """Whether a class without a row would send a parameter to infinity."""

    @abstractmethod
    def forward(self, logits: Tensor) -> Tensor:
        """Scale logits (..., C); the shape stays."""

    def reset(self) -> None:
        """Become the identity again."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
