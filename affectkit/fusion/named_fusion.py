"""Fusions by name, for tasks that are built from plain values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from affectkit.fusion.attention_weight import AttentionWeightFusion
from affectkit.fusion.attentional_selective import AttentionalSelectiveFusion
from affectkit.fusion.concat import ConcatFusion
from affectkit.fusion.concat_attention import ConcatAttentionFusion
from affectkit.fusion.cross_attention import CrossAttentionFusion
from affectkit.fusion.feature_tokens import FeatureTokenAttention
from affectkit.fusion.fusion_attention import FusionAttention
from affectkit.fusion.gated import GatedFusion
from affectkit.fusion.leader_follower import LeaderFollowerFusion
from affectkit.fusion.low_rank_tensor import LowRankTensorFusion
from affectkit.fusion.mean import MeanFusion
from affectkit.fusion.modality_experts import ModalityExpertFusion
from affectkit.fusion.sum import SumFusion
from affectkit.types import Fusion

FusionName: TypeAlias = Literal[
    "attention_weight",
    "attentional_selective",
    "concat",
    "concat_attention",
    "cross_attention",
    "feature_tokens",
    "fusion_attention",
    "gated",
    "leader_follower",
    "low_rank_tensor",
    "mean",
    "modality_experts",
    "sum",
]
# In this order: the command line takes the first that fits, and text fits everything.
FusionOption: TypeAlias = bool | int | float | None | str  # noqa: RUF036

#: Class of each name, and what it calls the width that it is given; None = it has no choice.
_FUSIONS: Final[dict[str, tuple[Callable[..., Fusion], str | None]]] = {
    "attention_weight": (AttentionWeightFusion, "out_dim"),
    "attentional_selective": (AttentionalSelectiveFusion, None),
    "concat": (ConcatFusion, "out_dim"),
    "concat_attention": (ConcatAttentionFusion, "dim"),
    "cross_attention": (CrossAttentionFusion, "out_dim"),
    "feature_tokens": (FeatureTokenAttention, "out_dim"),
    "fusion_attention": (FusionAttention, "hidden_dim"),
    "gated": (GatedFusion, "out_dim"),
    "leader_follower": (LeaderFollowerFusion, "leader_dim"),
    "low_rank_tensor": (LowRankTensorFusion, "out_dim"),
    "mean": (MeanFusion, "out_dim"),
    "modality_experts": (ModalityExpertFusion, "out_dim"),
    "sum": (SumFusion, "out_dim"),
}


def named_fusion(
    name: str,
    in_dims: Mapping[str, int],
    width: int,
    *,
    dropout: float = 0.0,
    context: Literal["past", "both"] = "past",
    options: Mapping[str, FusionOption] | None = None,
) -> Fusion:
    """Build a fusion by its name.

    Args:
        name: ``"concat"``, ``"gated"``, ... : the class's name without ``Fusion``, see `affectkit list
            --kind fusion`.
        in_dims: Width of each modality.
        width: Width of the result, or of each modality's part of it; ``out_dim`` of the fusion says
            what became of it.
        dropout: Dropout, for the fusions that have any.
        context: What utterances see, for the fusion that looks at several.
        options: Further arguments of the class, which win over the others.

    Raises:
        ValueError: If the name or an option is unknown, or a value is wrong.

    Examples:
        >>> fusion = named_fusion("low_rank_tensor", {"text": 4, "audio": 3}, 8, options={"rank": 2})
        >>> type(fusion).__name__, fusion.out_dim
        ('LowRankTensorFusion', 8)
    """
    if name not in _FUSIONS:
        raise ValueError(f"There is no fusion {name!r}: the names are {', '.join(_FUSIONS)}.")
    kind, width_name = _FUSIONS[name]
    known = [parameter for parameter in inspect.signature(kind).parameters if parameter != "in_dims"]
    wrong = sorted(set(options or {}) - set(known))
    if wrong:
        raise ValueError(f"The fusion {name!r} has no option {wrong[0]!r}: it has {', '.join(known)}.")
    values: dict[str, FusionOption] = {} if width_name is None else {width_name: width}
    shared: dict[str, FusionOption] = {"dropout": dropout, "context": context}
    values.update({key: value for key, value in shared.items() if key in known})
    return kind(in_dims, **{**values, **(options or {})})
