"""What every way of teaching a CLIP model is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from affectkit.encoders.clip import ClipBase
from affectkit.types import AffectOutput, Encoding


class ClipAdapter(Protocol):
    """A CLIP model taught a set of classes: ``logits = adapter(adapter.encode(images)).logits``.

    The base is a submodule, frozen but for what the adapter trains.
    """

    base: ClipBase

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        ...

    @property
    def adapts_images(self) -> bool:
        """Whether :meth:`encode` is more than the frozen tower; if not, its features may be stored."""
        ...

    def encode(self, images: Tensor) -> Encoding:
        """Encode (B, 3, H, W) pictures; without a graph where nothing in it is trained."""
        ...

    def forward(self, features: Encoding) -> AffectOutput:
        """Classify ``features.pooled`` (B, E): ``logits`` (B, C), the adapted features as ``embedding``."""
        ...

    def rename(self, class_names: Sequence[str]) -> None:
        """Go on with other class names, without training again where that is possible."""
        ...

    if TYPE_CHECKING:

        def __call__(self, features: Encoding) -> AffectOutput: ...  # noqa: D102
