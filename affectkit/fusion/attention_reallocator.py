"""A hook that moves attention from one modality to another while a model predicts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from affectkit.functional import reallocated_attention


class AttentionReallocator(nn.Module):
    r"""Takes attention from a modality that draws too much of it, without any parameter.

    Where the tokens of ``over`` get more than the share ``threshold`` of what the two spans get
    together, their attention is multiplied by ``factor`` and the rest goes to the tokens of
    ``under``, in proportion to what they have; see
    :func:`~affectkit.functional.reallocated_attention`.

    :meth:`attach` puts it behind a module whose output is the attention after its softmax, e.g. an
    ``nn.Softmax`` or the dropout on it. Kernels that never form the attention (scaled dot product,
    flash) have no such place: use the plain form of attention for the layers in question. A module
    that is training is left alone.

    Args:
        over: First and last-plus-one token of the span that may draw too much, e.g. the voice.
        under: The same of the span that is given to, e.g. the face.
        threshold: Share from which on attention is moved.
        factor: What is left of the first span's attention.

    Shape:
        - Input and output: (..., Q, K) attention that sums to 1 over K.

    Raises:
        ValueError: If a span is empty, the spans overlap, or a number is not in [0, 1].

    References:
        MoSEAR and CA-MER. ACM MM 2025. arXiv:2508.01181.

    Deviation from the paper:
        Rebuilt from an abstract and a project page: neither the formulas nor any code could be read.
        Every query is looked at by itself, while the paper may look at the last one only.

    Examples:
        >>> reallocator = AttentionReallocator(over=(0, 1), under=(1, 2), factor=0.5)
        >>> reallocator(torch.tensor([[0.6, 0.2, 0.2]]))
        tensor([[0.3000, 0.5000, 0.2000]])
        >>> softmax = nn.Softmax(dim=-1).eval()
        >>> handle = reallocator.attach(softmax)
        >>> softmax(torch.tensor([[2.0, 0.0]]))[0, 1] > 0.5
        tensor(True)
        >>> handle.remove()
    """

    def __init__(
        self,
        *,
        over: tuple[int, int],
        under: tuple[int, int],
        threshold: float = 0.6,
        factor: float = 0.8,
    ) -> None:
        super().__init__()
        for name, (start, stop) in (("over", over), ("under", under)):
            if not 0 <= start < stop:
                raise ValueError(
                    f"AttentionReallocator got {name}={start, stop}: give the first token and the one behind "
                    "the last."
                )
        if max(over[0], under[0]) < min(over[1], under[1]):
            raise ValueError(
                f"AttentionReallocator got the spans {over} and {under}, which overlap: give spans without a "
                "common token."
            )
        if not (0 <= threshold <= 1 and 0 <= factor <= 1):
            raise ValueError(
                f"AttentionReallocator got threshold={threshold} and factor={factor}: give numbers from 0 "
                "to 1."
            )
        self.over = over
        self.under = under
        self.threshold = threshold
        self.factor = factor

    def forward(self, attention: Tensor) -> Tensor:
        """Move attention; see the class for shapes."""
        places = torch.arange(attention.shape[-1], device=attention.device)
        over, under = ((places >= start) & (places < stop) for start, stop in (self.over, self.under))
        return reallocated_attention(attention, over, under, threshold=self.threshold, factor=self.factor)

    def attach(self, module: nn.Module) -> RemovableHandle:
        """Act on what ``module`` gives in evaluation from now on; ``remove()`` of the handle ends it."""

        def move(hooked: nn.Module, _inputs: tuple[object, ...], attention: Tensor) -> Tensor:
            return attention if hooked.training else self.forward(attention)

        return module.register_forward_hook(move)
