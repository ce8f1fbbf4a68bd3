"""How much each modality counts in what a fusion gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from torch import Tensor

from affectkit.fusion.attention_weight import AttentionWeightFusion
from affectkit.fusion.gated import GatedFusion
from affectkit.fusion.modality_dropout import ModalityDropout
from affectkit.fusion.modality_experts import ModalityExpertFusion
from affectkit.types import Encoding

#: From what a fusion is given to the share of each modality, (B,) or (B, U).
ReadShares: TypeAlias = Callable[[Mapping[str, Encoding], Mapping[str, Tensor] | None], dict[str, Tensor]]


def modality_shares(fusion: object) -> ReadShares | None:
    """What reads the share of each modality off a fusion, or None where it shares nothing out.

    Known are :class:`GatedFusion` (the mean of its gates), :class:`AttentionWeightFusion` with
    ``normalize="softmax"`` and :class:`ModalityExpertFusion`, also inside a :class:`ModalityDropout`,
    which then hides nothing. Shares are not negative and sum to 1; an absent modality has 0, and so has
    everything in a row without any.

    Args:
        fusion: A fusion.

    Examples:
        >>> import torch
        >>> read = modality_shares(GatedFusion({"text": 4, "audio": 3}, 8))
        >>> parts = {"text": Encoding(torch.ones(2, 4)), "audio": Encoding(torch.ones(2, 3))}
        >>> shares = read(parts, {"audio": torch.tensor([True, False])})
        >>> round(shares["text"][1].item(), 3), shares["audio"][1].item()
        (1.0, 0.0)
    """
    if isinstance(fusion, ModalityDropout):
        return modality_shares(fusion.fusion)
    if isinstance(fusion, GatedFusion):
        return fusion.gates
    if isinstance(fusion, ModalityExpertFusion) or (
        isinstance(fusion, AttentionWeightFusion) and fusion.normalize == "softmax"
    ):
        return fusion.weights
    return None
