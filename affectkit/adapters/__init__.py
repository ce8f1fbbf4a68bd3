"""Ways of teaching a CLIP model a set of classes, behind one interface.

An adapter is a plain module: ``adapter.encode(images)`` gives features, ``adapter(features)`` gives logits.
"""

from affectkit.adapters.adapted_clip_encoder import AdaptedClipEncoder
from affectkit.adapters.apply_lora import apply_lora
from affectkit.adapters.class_text import ClassText
from affectkit.adapters.clip_feature_adapter import ClipFeatureAdapter
from affectkit.adapters.clip_lora import ClipLora
from affectkit.adapters.cocoop import CoCoOp
from affectkit.adapters.coop import CoOp
from affectkit.adapters.cosine_logits import cosine_logits
from affectkit.adapters.descriptor import DescriptorPrompts
from affectkit.adapters.feature_memory import FeatureMemory
from affectkit.adapters.linear_probe import LinearProbe
from affectkit.adapters.lora_attention import LoRAMultiheadAttention
from affectkit.adapters.lora_linear import LoRALinear
from affectkit.adapters.maple import MaPLe
from affectkit.adapters.merge_lora import merge_lora, unmerge_lora
from affectkit.adapters.prompt_context import prompt_context
from affectkit.adapters.prompt_layout import PromptLayout
from affectkit.adapters.protocol import ClipAdapter
from affectkit.adapters.registry import ADAPTERS, make_adapter
from affectkit.adapters.residual_bottleneck_encoder import ResidualBottleneckEncoder
from affectkit.adapters.save_adapter import load_adapter, save_adapter
from affectkit.adapters.templates import EVOKED, FELT, PLAIN, SEEN, TEMPLATES
from affectkit.adapters.tip_adapter import TipAdapter
from affectkit.adapters.tip_cache import TipCache, build_tip_cache
from affectkit.adapters.tip_search import TipSearch, search_alpha_beta
from affectkit.adapters.trained_state import load_trained_state, trained_state
from affectkit.adapters.zero_shot import ZeroShot

__all__ = [
    "ADAPTERS",
    "EVOKED",
    "FELT",
    "PLAIN",
    "SEEN",
    "TEMPLATES",
    "AdaptedClipEncoder",
    "ClassText",
    "ClipAdapter",
    "ClipFeatureAdapter",
    "ClipLora",
    "CoCoOp",
    "CoOp",
    "DescriptorPrompts",
    "FeatureMemory",
    "LinearProbe",
    "LoRALinear",
    "LoRAMultiheadAttention",
    "MaPLe",
    "PromptLayout",
    "ResidualBottleneckEncoder",
    "TipAdapter",
    "TipCache",
    "TipSearch",
    "ZeroShot",
    "apply_lora",
    "build_tip_cache",
    "cosine_logits",
    "load_adapter",
    "load_trained_state",
    "make_adapter",
    "merge_lora",
    "prompt_context",
    "save_adapter",
    "search_alpha_beta",
    "trained_state",
    "unmerge_lora",
]
