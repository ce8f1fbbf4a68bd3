"""The whole of CLIP-CAER, put together from our parts, against the numbers of the official code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affectkit.adapters import DescriptorPrompts
from affectkit.encoders.clip import ClipBase
from affectkit.encoders.clip.base_name import BaseName
from affectkit.encoders.clip.open_clip_bridge import wrap_model
from affectkit.fusion import ConcatFusion
from affectkit.heads import CosineHead
from affectkit.temporal import TemporalStreams, TemporalTransformer, frame_features
from affectkit.types import AffectOutput, Encoding

GOLDEN = Path(__file__).parents[1] / "golden" / "clipcaer_model.npz"
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
VISION = {"image_size": 8, "layers": 1, "width": 64, "head_width": 64, "patch_size": 4}
DESCRIPTORS = (
    "relaxed mouth, open eyes",
    "smile with raised eyebrows",
    "furrowed brows, chin on palm",
)
STREAMS = {"face": "temporal_net", "context": "temporal_net_body"}
RENAMED = (
    ("cls_token", "class_token"),
    ("pos_embedding", "places"),
    ("temporal_transformer.", ""),
    (".0.fn.norm", ".attention_norm"),
    (".0.fn.fn.to_qkv", ".attention.qkv"),
    (".0.fn.fn.to_out.0", ".attention.out"),
    (".1.fn.norm", ".mlp_norm"),
    (".1.fn.fn.net", ".mlp"),
)


def part(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        for old, new in RENAMED:
            name = name.replace(old, new)
        found[name] = value
    return found


def official_base(arrays: dict[str, Tensor]) -> ClipBase:
    model: nn.Module = open_clip.CLIP(8, VISION, TEXT, quick_gelu=True)
    tokens = arrays["tokenized_prompts"]
    table = torch.zeros(49408, 16)
    table[tokens[:, 0]] = arrays["w/prompt_learner.token_prefix"][:, 0]
    table[tokens[:, 5:]] = arrays["w/prompt_learner.token_suffix"]
    visual = {f"visual.{name}": value for name, value in part(arrays, "w/image_encoder.").items()}
    state = {**visual, **part(arrays, "w/text_encoder."), "token_embedding.weight": table}
    loaded = model.load_state_dict(state, strict=False)
    assert loaded.missing_keys == ["logit_scale"] and not loaded.unexpected_keys
    return wrap_model(model, TEXT, name=BaseName("official"))


def near(value: Tensor | None, reference: Tensor) -> None:
    """The tolerance of float32 golden vectors: 1e-5 of the largest reference number."""
    assert value is not None and value.shape == reference.shape
    assert float((value.detach() - reference).abs().max()) <= 1e-5 * float(reference.abs().max())


@pytest.mark.golden
def test_logits_loss_and_every_gradient_of_the_official_model() -> None:
    with np.load(GOLDEN, allow_pickle=False) as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
    base = official_base(arrays)
    base.image.requires_grad_(True)
    adapter = DescriptorPrompts(
        base, ("a", "b", "c"), descriptors=DESCRIPTORS, num_context=4, temperature=0.01
    )
    adapter.context.data.copy_(arrays["w/prompt_learner.ctx"])
    streams = TemporalStreams(
        {name: TemporalTransformer(8, num_frames=4, heads=2, head_dim=4, hidden_dim=12) for name in STREAMS},
        # ordered by name: the context stands before the face
        fusion=ConcatFusion({"face": 8, "context": 8}, out_dim=8),
    ).eval()
    for name, old in STREAMS.items():
        streams.temporal[name].load_state_dict(renamed(part(arrays, f"w/{old}.")))
    weight = arrays["w/project_fc.weight"].roll(8, dims=1)
    fusion = streams.fusion
    assert isinstance(fusion, ConcatFusion) and isinstance(fusion.projection, nn.Linear)
    fusion.projection.weight.data.copy_(weight)
    fusion.projection.bias.data.copy_(arrays["w/project_fc.bias"])

    features = frame_features(adapter.encode, {"face": arrays["face"], "context": arrays["context"]})
    fused: Encoding = streams(features)
    logits = adapter(fused).logits
    near(logits, arrays["logits"])
    assert logits is not None
    loss = F.cross_entropy(logits, arrays["label"])
    near(loss, arrays["loss"])
    # The classifier alone, given the text features as they are.
    head = CosineHead(8, 3, temperature=0.01, anchors=adapter.text_features())
    alone: AffectOutput = head(fused)
    near(alone.logits, arrays["logits"])

    torch.autograd.backward(loss)
    gradients = part(arrays, "grad/")
    near(adapter.context.grad, gradients.pop("prompt_learner.ctx"))
    near(fusion.projection.weight.grad, gradients.pop("project_fc.weight").roll(8, dims=1))
    near(fusion.projection.bias.grad, gradients.pop("project_fc.bias"))
    visual = dict(base.image.visual.named_parameters())
    for name, value in part(gradients, "image_encoder.").items():
        near(visual[name].grad, value)
        del gradients[f"image_encoder.{name}"]
    for name, old in STREAMS.items():
        parameters = dict(streams.temporal[name].named_parameters())
        for own, value in renamed(part(gradients, f"{old}.")).items():
            near(parameters[own].grad, value)
    assert all(name.startswith(("temporal_net.", "temporal_net_body.")) for name in gradients)
