"""How a component of each kind is fed, and what it gives."""

from __future__ import annotations

import functools
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from affectkit.adapters import AdaptedClipEncoder
from affectkit.conversation.language_model import LabelScorer
from affectkit.encoders import (
    PrincipalComponentsEncoder,
)
from affectkit.encoders.transformers_bridge import load_language_model, text_model_source
from affectkit.fusion import (
    ModalityExpertFusion,
)
from affectkit.graph import LabelGraph, attribute_hypergraph
from affectkit.heads import (
    CategoricalDimensionalGraphHead,
)
from affectkit.labels import LabelSpace, affect_scale
from affectkit.temporal import TemporalTransformer
from affectkit.types import AffectOutput, Encoding, LossTerms, Target

Leaves = dict[str, Tensor]

UTTERANCES = 5


class Case(NamedTuple):
    """How to build a component, and how to feed it from a batch of B conversations."""

    build: Callable[[], nn.Module]
    run: Callable[[nn.Module, int], Leaves]


def leaves(result: Encoding | AffectOutput | LossTerms) -> Leaves:
    """The tensors of a result by name; parts that are absent are left out."""
    found: Leaves = {}
    for name, value in result._asdict().items():
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, dict) and not isinstance(result, LossTerms):
            found.update({f"{name}.{key}": part for key, part in value.items()})
    return found


def features(batch: int, width: int = 6, *, seed: int = 0) -> Tensor:
    return torch.randn(batch, UTTERANCES, width, generator=torch.Generator().manual_seed(seed))


def mask_of(batch: int) -> Tensor:
    lengths = torch.tensor([UTTERANCES - row % UTTERANCES for row in range(batch)])
    return torch.arange(UTTERANCES) < lengths.unsqueeze(1)


def run_encoder(module: nn.Module, batch: int) -> Leaves:
    result: Encoding = module(features(batch), mask_of(batch))
    assert result.pooled.shape == (batch, UTTERANCES, module.out_dim)
    return leaves(result)


def run_fusion(module: nn.Module, batch: int) -> Leaves:
    mask = mask_of(batch)
    parts = {
        "audio": Encoding(features(batch, 4), mask=mask),
        "text": Encoding(features(batch, 6, seed=1), mask=mask),
    }
    # every row has something, and each modality is absent from some real row
    text = torch.arange(UTTERANCES).expand_as(mask) != 3
    flag = (features(batch, 1).squeeze(-1) > 0) | ~text
    result: Encoding = module(parts, {"audio": flag, "text": text})
    assert result.pooled.shape == (batch, UTTERANCES, module.out_dim)
    return leaves(result)


def run_modality_context(module: nn.Module, batch: int) -> Leaves:
    mask = mask_of(batch)
    parts = {
        "audio": Encoding(features(batch, 4), mask=mask),
        "text": Encoding(features(batch, 6, seed=1), mask=mask),
    }
    turn = torch.arange(UTTERANCES)
    present = {"audio": (turn != 1).expand_as(mask), "text": (turn != 3).expand_as(mask)}
    result: Encoding = module(parts, present, (turn % 2).expand(batch, -1).masked_fill(~mask, -1))
    assert result.pooled.shape == (batch, UTTERANCES, module.out_dim)
    return leaves(result)


TWO_VIEWS = {"audio": 4, "text": 4}


def run_views(module: nn.Module, batch: int) -> Leaves:
    parts = {
        name: Encoding(features(batch, 4, seed=seed)[:, 0], tokens=features(batch, 4, seed=seed))
        for seed, name in enumerate(("audio", "text"))
    }
    result: Encoding = module(parts, {"audio": torch.arange(batch) != 1})
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def trained_experts() -> nn.Module:
    fusion = ModalityExpertFusion(IN_DIMS, 5, num_experts=2, rank=2)
    with torch.no_grad():
        fusion.up.normal_()  # zero at the start, so that nothing before it would learn
    return fusion


def run_context(module: nn.Module, batch: int) -> Leaves:
    mask = mask_of(batch)
    speaker = (torch.arange(UTTERANCES) % 2).expand(batch, -1).masked_fill(~mask, -1)
    result: Encoding = module(Encoding(features(batch), mask=mask), speaker)
    assert result.pooled.shape == (batch, UTTERANCES, module.out_dim)
    return leaves(result)


def run_head(module: nn.Module, batch: int) -> Leaves:
    result: AffectOutput = module(Encoding(features(batch)))
    for value in leaves(result).values():
        assert value.shape[:2] == (batch, UTTERANCES)
    return leaves(result)


def run_map_head(module: nn.Module, batch: int) -> Leaves:
    places = features(batch)
    result: AffectOutput = module(Encoding(places.mean(1), tokens=places, mask=mask_of(batch)))
    assert result.logits is not None and result.logits.shape == (batch, 3)
    return leaves(result)


def run_loss(module: nn.Module, batch: int) -> Leaves:
    mask = mask_of(batch)
    logits, dims = features(batch, 3), features(batch, 2, seed=1)
    label = torch.arange(UTTERANCES).expand(batch, -1) % 3
    target = Target(
        label=label.masked_fill(~mask, -100),
        dims=features(batch, 2, seed=2),
        distribution=torch.softmax(features(batch, 3, seed=3), dim=-1),
        multilabel=(features(batch, 3, seed=4) > 0).float(),
        weight=mask.float(),
    )
    result: LossTerms = module(
        AffectOutput(logits=logits.requires_grad_(), dims=dims.requires_grad_()), target
    )
    assert result.total.shape == () and float(result.weight) > 0
    return leaves(result)


def run_binned_loss(module: nn.Module, batch: int) -> Leaves:
    mask = mask_of(batch)
    bins = features(batch, 8).reshape(batch, UTTERANCES, 2, 4).requires_grad_()
    output = AffectOutput(dims=features(batch, 2, seed=1), extra={"bins": bins})
    target = Target(dims=features(batch, 2, seed=2), weight=mask.float())
    result: LossTerms = module(output, target)
    assert result.total.shape == () and float(result.weight) > 0
    return leaves(result)


def run_null_contrast(module: nn.Module, batch: int) -> Leaves:
    views = {
        "text": features(batch)[:, 0].requires_grad_(),
        "image": features(batch, seed=1)[:, 0],
        "null": features(1, seed=2)[0, 0],
    }
    result: LossTerms = module(AffectOutput(views=views), Target(label=torch.arange(batch) % 2))
    assert result.total.shape == () and float(result.weight) == batch
    return leaves(result)


def run_metric(module: nn.Module, batch: int) -> Leaves:
    """Vectors, and the same in two modalities of which some rows lack one."""
    mask = mask_of(batch)
    label = torch.arange(UTTERANCES).expand(batch, -1) % 3
    views = {
        "text": features(batch, seed=1),
        "audio": features(batch, seed=2),
        "audio.present": features(batch, 1).squeeze(-1) > -0.5,
    }
    output = AffectOutput(embedding=features(batch).requires_grad_(), views=views)
    result: LossTerms = module(output, Target(label=label.masked_fill(~mask, -100), weight=mask.float()))
    assert result.total.shape == () and float(result.weight) > 0
    return leaves(result)


def run_taught(module: nn.Module, batch: int) -> Leaves:
    """As ``run_loss``, with the results of a teacher beside the student's."""
    views = {
        "teacher_logits": features(batch, 3, seed=5),
        "teacher_dims": features(batch, 2, seed=6).tanh(),
        "teacher_embedding": features(batch, 4, seed=7),
    }
    output = AffectOutput(
        logits=features(batch, 3, seed=1).requires_grad_(),
        embedding=features(batch).requires_grad_(),
        views=views,
    )
    label = torch.arange(UTTERANCES).expand(batch, -1) % 3
    target = Target(label=label, weight=mask_of(batch).float())
    result: LossTerms = module(output, target)
    assert result.total.shape == () and float(result.weight) > 0
    return leaves(result)


def run_eeg(module: nn.Module, batch: int) -> Leaves:
    signal = torch.randn(batch, 4, 64, generator=torch.Generator().manual_seed(0))
    result: Encoding = module(signal)
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def run_teacher(module: nn.Module, batch: int) -> Leaves:
    signal = torch.randn(batch, 4, 64, generator=torch.Generator().manual_seed(0))
    result: AffectOutput = module(signal)
    assert result.dims is not None and result.dims.shape == (batch, 2)
    assert bool((result.dims.abs() <= 1).all())
    return leaves(result)


def run_hypergraph(module: nn.Module, batch: int) -> Leaves:
    """Conversations as nodes in a row, some of which share a value; one shares nothing."""
    nodes = features(batch).flatten(0, 1)
    ages = [None if number == 1 else ("20s", "30s")[number % 2] for number in range(len(nodes))]
    result: Encoding = module(nodes, attribute_hypergraph({"age": ages}))
    assert result.pooled.shape == (len(nodes), module.out_dim)
    return leaves(result)


def run_label_network(module: nn.Module, batch: int) -> Leaves:
    """It reads no batch: its rows are weights of labels."""
    rows: Tensor = module()
    assert rows.shape == (5, 4)
    return {"rows": rows}


def lora_encoder() -> nn.Module:
    encoder = AdaptedClipEncoder(adapter="clip_lora", adapter_options={"rank": 2})
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.requires_grad and not parameter.any():
                parameter.normal_()  # zero at the start, so that nothing before it would learn
    return encoder


def run_pictures(module: nn.Module, batch: int) -> Leaves:
    pictures = torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    result: Encoding = module(pictures)
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def run_face_groups(module: nn.Module, batch: int) -> Leaves:
    random = torch.Generator().manual_seed(0)
    pictures = torch.randn(batch, 3, 3, 32, 32, generator=random)
    areas = torch.rand(batch, 3, generator=random)
    areas[:, 2] = 0.0
    result: Encoding = module(pictures, areas)
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def run_waveforms(module: nn.Module, batch: int) -> Leaves:
    waves = torch.randn(batch, 1200, generator=torch.Generator().manual_seed(0)) * 0.1
    lengths = 1200 - 400 * (torch.arange(batch) % 3)
    result: Encoding = module(waves, torch.arange(1200) < lengths.unsqueeze(1))
    assert result.pooled.shape == (batch, module.out_dim)
    # padded frames of a transformer hold anything
    return leaves(result._replace(tokens=None))


def run_frames(module: nn.Module, batch: int) -> Leaves:
    frames = torch.randn(batch, 30, 12, generator=torch.Generator().manual_seed(0))
    lengths = 30 - 10 * (torch.arange(batch) % 3)
    result: Encoding = module(frames, torch.arange(30) < lengths.unsqueeze(1))
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def run_faces(module: nn.Module, batch: int) -> Leaves:
    random = torch.Generator().manual_seed(0)
    faces = torch.randn(batch, UTTERANCES, 2, 6, generator=random)
    areas = torch.rand(batch, UTTERANCES, 2, generator=random)
    areas[:, 0] = 0.0
    result: Encoding = module(faces, areas, torch.randn(batch, UTTERANCES, 3, generator=random))
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


@functools.cache
def tiny_text_model() -> TemporaryDirectory[str]:
    """A folder with a random transformer, kept until the process ends."""
    transformers: Any = pytest.importorskip("transformers", reason="needs the extra 'text'")
    folder = TemporaryDirectory()
    config = transformers.BertConfig(
        vocab_size=12,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=8,
        type_vocab_size=1,
    )
    transformers.BertModel(config).save_pretrained(folder.name)
    return folder


def label_scorer() -> nn.Module:
    """Four answers of one token and more, after prompts for a random language model."""
    pytest.importorskip("transformers", reason="needs the extra 'llm'")
    source = text_model_source("tiny", owner="a test")
    model = load_language_model(source, dtype=torch.float32, four_bit=False)
    return LabelScorer(model, [[70, 1], [71, 72, 1], [73, 1], [1]])


def run_prompts(module: nn.Module, batch: int) -> Leaves:
    ids = torch.arange(batch * 9).reshape(batch, 9) % 50 + 9
    mask = torch.arange(9) < torch.tensor([9, 4, 6][:batch])[:, None]
    result: Encoding = module(ids.masked_fill(~mask, 0), mask)
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def run_tokens(module: nn.Module, batch: int) -> Leaves:
    ids = torch.arange(batch * UTTERANCES).reshape(batch, UTTERANCES) % 11 + 1
    mask = mask_of(batch)
    result: Encoding = module(ids.masked_fill(~mask, 0), mask)
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result._replace(tokens=None))


def run_temporal(module: nn.Module, batch: int) -> Leaves:
    result: Encoding = module(features(batch), mask_of(batch))
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def run_decision(module: nn.Module, batch: int) -> Leaves:
    frames = AffectOutput(logits=features(batch, 3).requires_grad_())
    result: AffectOutput = module(frames, mask_of(batch))
    assert result.logits is not None and result.logits.shape == (batch, 3)
    return leaves(result)


def run_streams(module: nn.Module, batch: int) -> Leaves:
    clips = {"face": features(batch), "context": features(batch, seed=1)}
    present = {"face": torch.arange(batch) != 1, "context": torch.arange(batch) != 2}
    result: Encoding = module(clips, {"face": mask_of(batch)}, present)
    assert result.pooled.shape == (batch, module.out_dim)
    return leaves(result)


def temporal() -> TemporalTransformer:
    return TemporalTransformer(6, num_frames=UTTERANCES, heads=2, head_dim=3, hidden_dim=8)


def components() -> PrincipalComponentsEncoder:
    encoder = PrincipalComponentsEncoder(6, 4)
    encoder.fit(torch.randn(12, 6, generator=torch.Generator().manual_seed(9)))
    return encoder


IN_DIMS = {"text": 6, "audio": 4}
GRAPH = LabelGraph.from_edges(
    [("happy", "valence"), ("sad", "valence"), ("sad", "arousal")],
    space=LabelSpace("three.v1", ("calm", "happy", "sad")),
    scale=affect_scale("va.unit"),
)


def graph_head(
    *,
    learnable_adjacency: bool = False,
    learnable_embeddings: bool = False,
    sparse: bool = False,
    bias: bool = False,
) -> CategoricalDimensionalGraphHead:
    return CategoricalDimensionalGraphHead(
        6,
        GRAPH,
        embedding_dim=4,
        hidden_dims=(8,),
        learnable_adjacency=learnable_adjacency,
        learnable_embeddings=learnable_embeddings,
        sparse=sparse,
        bias=bias,
    )
