"""Several heads on the same features."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from affectkit.types import AffectOutput, Encoding, Head


class MultiHead(nn.Module):
    r"""One main head and further heads by name, all reading the same features.

    .. math:: z = f(x), \qquad z_k = f_k(x)

    The result is the main head's, with its missing ``dims`` filled by the first further head that
    predicts values, and the logits of every further head in ``extra`` under its name.

    Args:
        main: The head whose result is kept.
        extra: Further heads by name, e.g. ``{"sentiment": ClassificationHead(64, 3)}``; the names
            are those of ``Target.extra``.

    Shape:
        - Input: ``features.pooled`` (B, D) or (B, U, D).
        - Output: as the main head's, plus ``extra[name]`` (B, C) or (B, U, C).

    Raises:
        TypeError: If a head is not an ``nn.Module``.
        ValueError: If a further head predicts nothing that the result has a place for.

    Examples:
        >>> import torch
        >>> from affectkit.heads import ClassificationHead
        >>> head = MultiHead(ClassificationHead(8, 7), {"sentiment": ClassificationHead(8, 3)})
        >>> head(Encoding(torch.zeros(2, 8))).extra["sentiment"].shape
        torch.Size([2, 3])
    """

    def __init__(self, main: Head, extra: Mapping[str, Head]) -> None:
        super().__init__()
        if "main" in extra:
            raise ValueError("MultiHead got a further head named 'main': choose another name for it.")
        modules: dict[str, nn.Module] = {}
        for name, head in {"main": main, **extra}.items():
            if not isinstance(head, nn.Module):
                raise TypeError(
                    f"MultiHead got {type(head).__name__} as head '{name}': give an nn.Module with forward."
                )
            modules[name] = head
        self.main: Head = main
        self.extra = nn.ModuleDict({name: modules[name] for name in sorted(extra)})

    def forward(self, features: Encoding) -> AffectOutput:
        """Predict with every head."""
        result = self.main(features)
        logits: dict[str, Tensor] = dict(result.extra or {})
        dims = result.dims
        for name, head in self.extra.items():
            output: AffectOutput = head(features)
            if output.logits is not None:
                logits[name] = output.logits
            elif dims is None and output.dims is not None:
                dims = output.dims
            else:
                raise ValueError(
                    f"MultiHead's head '{name}' predicts no logits, and the place for affect values is "
                    "taken: give it logits, or use one DimensionalHead for all axes."
                )
        return result._replace(dims=dims, extra=logits)
