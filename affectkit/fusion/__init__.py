"""Fusion: several modalities to one encoding, any of which may be absent in any row."""

from affectkit.fusion.attention_reallocator import AttentionReallocator
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
from affectkit.fusion.modality_dropout import ModalityDropout
from affectkit.fusion.modality_experts import ModalityExpertFusion
from affectkit.fusion.modality_shares import modality_shares
from affectkit.fusion.named_fusion import FusionName, FusionOption, named_fusion
from affectkit.fusion.sum import SumFusion

__all__ = [
    "AttentionReallocator",
    "AttentionWeightFusion",
    "AttentionalSelectiveFusion",
    "ConcatAttentionFusion",
    "ConcatFusion",
    "CrossAttentionFusion",
    "FeatureTokenAttention",
    "FusionAttention",
    "FusionName",
    "FusionOption",
    "GatedFusion",
    "LeaderFollowerFusion",
    "LowRankTensorFusion",
    "MeanFusion",
    "ModalityDropout",
    "ModalityExpertFusion",
    "SumFusion",
    "modality_shares",
    "named_fusion",
]
