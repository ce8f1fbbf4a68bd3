"""What every module of the library keeps, whatever its kind."""

from __future__ import annotations

import copy
import functools
import io
import pickle
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from affectkit.catalog import COMPONENTS
from affectkit.conversation import BcLSTM, DialogueRNN, MatchingAttention
from affectkit.distill import (
    DynamicWeightBalance,
    FeatureDistillationLoss,
    GeometricPriorLoss,
    LogitDistillationLoss,
    PrototypeDistillationLoss,
    TopographicEncoder,
    VAPrototypeGrid,
)
from affectkit.encoders import (
    IdentityEncoder,
    PrincipalComponentsEncoder,
    ProjectionEncoder,
    TimmImageEncoder,
    TimmStageEncoder,
    TransformersTokenEncoder,
)
from affectkit.fusion import (
    AttentionalSelectiveFusion,
    AttentionWeightFusion,
    ConcatAttentionFusion,
    ConcatFusion,
    CrossAttentionFusion,
    FeatureTokenAttention,
    FusionAttention,
    GatedFusion,
    LeaderFollowerFusion,
    LowRankTensorFusion,
    MeanFusion,
    ModalityDropout,
    ModalityExpertFusion,
    SumFusion,
)
from affectkit.graph import LabelGraph
from affectkit.heads import (
    CategoricalDimensionalGraphHead,
    ClassificationHead,
    CosineHead,
    DimensionalHead,
    LabelDistributionHead,
    MultiAttributeHead,
    MultiHead,
    MultiIndicatorHead,
    MultiTaskHead,
    OrdinalHead,
    PerceptualHead,
    PerDatasetHeads,
    ProjectedHead,
    SeparateHeads,
)
from affectkit.labels import LabelSpace, affect_scale
from affectkit.losses import (
    CCCLoss,
    ClassificationLoss,
    CovarianceLoss,
    LogitVariationLoss,
    MSELoss,
    MultilabelLoss,
    NullTargetContrastiveLoss,
    PairwiseContrastiveLoss,
    PearsonLoss,
    PrototypeContrastLoss,
    SupervisedContrastiveLoss,
    TripletMarginLoss,
    UncertaintyWeightedSum,
    VarianceLoss,
    VoteDistributionLoss,
    WeightedSmoothingLoss,
    WeightedSum,
)
from affectkit.temporal import FrameMean, TemporalStreams, TemporalTransformer
from affectkit.types import AffectOutput, Encoding, LossTerms, Target

Leaves = dict[str, Tensor]

KINDS = ("encoder", "fusion", "context", "head", "loss", "temporal")
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
    flag = features(batch, 1).squeeze(-1) > 0
    result: Encoding = module(parts, {"audio": flag, "text": ~flag | mask})
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


def run_pictures(module: nn.Module, batch: int) -> Leaves:
    pictures = torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    result: Encoding = module(pictures)
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
    *, learnable_adjacency: bool = False, learnable_embeddings: bool = False, sparse: bool = False
) -> CategoricalDimensionalGraphHead:
    return CategoricalDimensionalGraphHead(
        6,
        GRAPH,
        embedding_dim=4,
        hidden_dims=(8,),
        learnable_adjacency=learnable_adjacency,
        learnable_embeddings=learnable_embeddings,
        sparse=sparse,
    )


CASES: dict[str, list[Case]] = {
    "ProjectionEncoder": [Case(lambda: ProjectionEncoder(6, 4), run_encoder)],
    "PrincipalComponentsEncoder": [Case(components, run_encoder)],
    "IdentityEncoder": [Case(lambda: IdentityEncoder(6), run_encoder)],
    "TransformersTokenEncoder": [
        Case(lambda: TransformersTokenEncoder(tiny_text_model().name), run_tokens),
        Case(lambda: TransformersTokenEncoder(tiny_text_model().name, pooling="max"), run_tokens),
    ],
    "TimmImageEncoder": [
        Case(TimmImageEncoder, run_pictures),
        Case(lambda: TimmImageEncoder("tiny", pooling="max", tokens=True), run_pictures),
        Case(lambda: TimmImageEncoder("tiny-vit"), run_pictures),
    ],
    "TimmStageEncoder": [Case(lambda: TimmStageEncoder(stages=(0, 2, -1)), run_pictures)],
    "MeanFusion": [Case(lambda: MeanFusion(IN_DIMS, out_dim=5), run_fusion)],
    "FrameMean": [Case(lambda: FrameMean(6), run_temporal)],
    "ConcatFusion": [
        Case(lambda: ConcatFusion(IN_DIMS), run_fusion),
        Case(lambda: ConcatFusion(IN_DIMS, out_dim=5), run_fusion),
    ],
    "GatedFusion": [Case(lambda: GatedFusion(IN_DIMS, 5), run_fusion)],
    "SumFusion": [Case(lambda: SumFusion(IN_DIMS, out_dim=5), run_fusion)],
    "AttentionWeightFusion": [
        Case(lambda: AttentionWeightFusion(IN_DIMS, 5), run_fusion),
        Case(lambda: AttentionWeightFusion(IN_DIMS, 5, normalize="none"), run_fusion),
    ],
    "AttentionalSelectiveFusion": [
        Case(lambda: AttentionalSelectiveFusion(TWO_VIEWS, reduction=1), run_views),
        Case(
            lambda: AttentionalSelectiveFusion({"audio": 4, "text": 4}, reduction=1, norm="layer"), run_views
        ),
    ],
    "ConcatAttentionFusion": [Case(lambda: ConcatAttentionFusion(IN_DIMS, 5), run_fusion)],
    "CrossAttentionFusion": [Case(lambda: CrossAttentionFusion(IN_DIMS, 4, num_heads=2), run_fusion)],
    "FeatureTokenAttention": [Case(lambda: FeatureTokenAttention(IN_DIMS, 4, num_heads=2), run_fusion)],
    "FusionAttention": [
        Case(lambda: FusionAttention(IN_DIMS, 8, num_heads=2, num_layers=2), run_fusion),
        Case(lambda: FusionAttention(IN_DIMS, 8, value_from="key", context="both"), run_fusion),
    ],
    "LeaderFollowerFusion": [
        Case(lambda: LeaderFollowerFusion(IN_DIMS, leader="text", leader_dim=5, follower_dim=3), run_fusion)
    ],
    "LowRankTensorFusion": [Case(lambda: LowRankTensorFusion(IN_DIMS, 5), run_fusion)],
    "ModalityDropout": [Case(lambda: ModalityDropout(GatedFusion(IN_DIMS, 5)), run_fusion)],
    "ModalityExpertFusion": [Case(lambda: trained_experts(), run_fusion)],
    "TemporalTransformer": [
        Case(temporal, run_temporal),
        Case(
            lambda: TemporalTransformer(6, pool="tokens", depth=2, heads=2, head_dim=3, hidden_dim=8),
            run_temporal,
        ),
    ],
    "TemporalStreams": [
        Case(
            lambda: TemporalStreams(
                {"face": temporal(), "context": temporal()},
                fusion=ConcatFusion({"face": 6, "context": 6}, out_dim=5),
            ),
            run_streams,
        )
    ],
    "BcLSTM": [
        Case(lambda: BcLSTM(6, 4), run_context),
        Case(lambda: BcLSTM(6, 4, num_layers=2, context="both", cell="gru"), run_context),
    ],
    "DialogueRNN": [
        Case(lambda: DialogueRNN(6, 4), run_context),
        Case(lambda: DialogueRNN(6, 4, context="both", listener=True, attention=True), run_context),
    ],
    "MatchingAttention": [Case(lambda: MatchingAttention(6), run_context)],
    "ClassificationHead": [
        Case(lambda: ClassificationHead(6, 3), run_head),
        Case(lambda: ClassificationHead(6, 3, hidden_dim=4), run_head),
    ],
    "DimensionalHead": [
        Case(lambda: DimensionalHead(6, 2), run_head),
        Case(lambda: DimensionalHead(6, 2, hidden_dim=4, bounds=(1.0, 5.0)), run_head),
    ],
    "CategoricalDimensionalGraphHead": [
        Case(graph_head, run_head),
        Case(lambda: graph_head(learnable_adjacency=True, learnable_embeddings=True), run_head),
        Case(lambda: graph_head(learnable_adjacency=True, sparse=True), run_head),
    ],
    "LabelDistributionHead": [
        Case(lambda: LabelDistributionHead(6, 3), run_head),
        Case(
            lambda: LabelDistributionHead(
                6, 3, anchors=[(0.0, 0.0), (1.0, 0.5), (-1.0, 0.5)], learnable_anchors=True, hidden_dim=4
            ),
            run_head,
        ),
    ],
    "MultiAttributeHead": [
        Case(lambda: MultiAttributeHead(6, 3, {"scene": 4, "object": 5}, feature_dim=4), run_head),
        Case(
            lambda: MultiAttributeHead(
                6,
                3,
                {"scene": 4, "object": 5},
                columns={"scene": (0, 2)},
                emotion_columns=(4, 6),
                feature_dim=4,
            ),
            run_head,
        ),
    ],
    "MultiIndicatorHead": [
        Case(
            lambda: MultiIndicatorHead(6, {"emr": 1, "emotion": 3}, main="emotion", hidden_dim=4, ffn_dim=8),
            run_head,
        ),
        Case(lambda: MultiIndicatorHead(6, {"emr": 1}, main="emr", hidden_dim=4, ffn_dim=8), run_head),
    ],
    "MultiTaskHead": [
        Case(lambda: MultiTaskHead(6, num_classes=3, num_dims=2), run_head),
        Case(lambda: MultiTaskHead(6, num_classes=3, num_dims=2, hidden_dim=4, bounds=(1.0, 5.0)), run_head),
    ],
    "OrdinalHead": [
        Case(lambda: OrdinalHead(6, 2), run_head),
        Case(lambda: OrdinalHead(6, 4, hidden_dim=4, values=(-1.0, 0.0, 1.0, 2.0)), run_head),
    ],
    "SeparateHeads": [Case(lambda: SeparateHeads(6, num_classes=3, num_dims=2, hidden_dim=4), run_head)],
    "ProjectedHead": [
        Case(lambda: ProjectedHead(6, 3), run_head),
        Case(lambda: ProjectedHead(6, 3, embedding_dim=4), run_head),
    ],
    "MultiHead": [
        Case(
            lambda: MultiHead(
                ClassificationHead(6, 3), {"va": DimensionalHead(6, 2), "sentiment": ClassificationHead(6, 2)}
            ),
            run_head,
        )
    ],
    "CosineHead": [
        Case(lambda: CosineHead(6, 3, temperature=0.5, learn_temperature=True), run_head),
    ],
    "PerceptualHead": [
        Case(lambda: PerceptualHead(6, num_classes=3, hidden_dims=(5, 4)), run_head),
        Case(lambda: PerceptualHead(6, num_classes=3, num_dims=2, hidden_dims=(5,)), run_head),
    ],
    "PerDatasetHeads": [
        Case(
            lambda: PerDatasetHeads({"a": ClassificationHead(6, 3), "b": PerceptualHead(6, num_dims=1)}),
            run_head,
        )
    ],
    "ClassificationLoss": [
        Case(lambda: ClassificationLoss(3), run_loss),
        Case(lambda: ClassificationLoss(3, class_weight=[1.0, 2.0, 0.5], gamma=2.0), run_loss),
    ],
    "VoteDistributionLoss": [Case(VoteDistributionLoss, run_loss)],
    "CCCLoss": [
        Case(CCCLoss, run_loss),
        Case(lambda: CCCLoss(weighted=True, mixed_moments=True), run_loss),
    ],
    "MSELoss": [Case(MSELoss, run_loss)],
    "MultilabelLoss": [
        Case(MultilabelLoss, run_loss),
        Case(lambda: MultilabelLoss(positive_weight=[1.0, 2.0, 3.0]), run_loss),
    ],
    "UncertaintyWeightedSum": [
        Case(
            lambda: UncertaintyWeightedSum(
                {"label": ClassificationLoss(3), "va": MSELoss()}, regressions=["va"]
            ),
            run_loss,
        )
    ],
    "NullTargetContrastiveLoss": [
        Case(lambda: NullTargetContrastiveLoss(temperature=2.0), run_null_contrast),
        Case(lambda: NullTargetContrastiveLoss(temperature=2.0, positives="literal"), run_null_contrast),
    ],
    "PearsonLoss": [Case(PearsonLoss, run_loss)],
    "TripletMarginLoss": [
        Case(TripletMarginLoss, run_metric),
        Case(lambda: TripletMarginLoss("adaptive_rescaled", mining="semi_hard"), run_metric),
        Case(lambda: TripletMarginLoss(0.5, mining="batch_all", reduction="mean", view="text"), run_metric),
    ],
    "VarianceLoss": [Case(VarianceLoss, run_metric), Case(lambda: VarianceLoss(views=["text"]), run_metric)],
    "CovarianceLoss": [Case(CovarianceLoss, run_metric)],
    "SupervisedContrastiveLoss": [
        Case(SupervisedContrastiveLoss, run_metric),
        Case(lambda: SupervisedContrastiveLoss(views=["audio", "text"]), run_metric),
    ],
    "PairwiseContrastiveLoss": [
        Case(lambda: PairwiseContrastiveLoss(["audio", "text"], learnable=True), run_metric),
        Case(
            lambda: PairwiseContrastiveLoss(["audio", "text"], mode="official", positives="label"), run_metric
        ),
    ],
    "PrototypeContrastLoss": [
        Case(lambda: PrototypeContrastLoss(3, 6), run_metric),
        Case(lambda: PrototypeContrastLoss(3, 6, form="decoupled", pool_size=4, support_size=2), run_metric),
    ],
    "PrototypeDistillationLoss": [
        Case(
            lambda: PrototypeDistillationLoss(
                VAPrototypeGrid.random(4), anchors=[(0.0, 0.0), (0.8, 0.4), (-0.8, -0.4)], student_dim=6
            ),
            run_taught,
        ),
        Case(lambda: PrototypeDistillationLoss(VAPrototypeGrid.random(6), target="teacher"), run_taught),
    ],
    "GeometricPriorLoss": [
        Case(lambda: GeometricPriorLoss([0, 2]), run_taught),
        Case(lambda: GeometricPriorLoss([0, 1, 2], normalized=False, min_confidence=0.4), run_taught),
    ],
    "LogitDistillationLoss": [
        Case(LogitDistillationLoss, run_taught),
        Case(lambda: LogitDistillationLoss(distance="mse"), run_taught),
    ],
    "FeatureDistillationLoss": [
        Case(lambda: FeatureDistillationLoss(6, 4), run_taught),
        Case(lambda: FeatureDistillationLoss(6, 4, distance="mse"), run_taught),
    ],
    "DynamicWeightBalance": [
        Case(lambda: DynamicWeightBalance(ClassificationLoss(3)), run_taught),
        Case(
            lambda: DynamicWeightBalance(
                ClassificationLoss(3), imitation_loss=VoteDistributionLoss(), per_sample=True
            ),
            run_taught,
        ),
    ],
    "TopographicEncoder": [
        Case(
            lambda: TopographicEncoder(
                ["Fz", "C3", "C4", "Pz"], 5, sample_rate=32, bands=((4, 8), (8, 13)), size=8, hidden_dim=4
            ),
            run_eeg,
        )
    ],
    "LogitVariationLoss": [Case(lambda: LogitVariationLoss([5, 2, 1]), run_loss)],
    "WeightedSmoothingLoss": [Case(lambda: WeightedSmoothingLoss([1.0, 2.0, 0.5]), run_loss)],
    "WeightedSum": [
        Case(lambda: WeightedSum({"label": ClassificationLoss(3), "va": MSELoss()}, {"va": 0.5}), run_loss)
    ],
}
FLAT = [
    pytest.param(case, id=f"{name}-{index}")
    for name, cases in CASES.items()
    for index, case in enumerate(cases)
]


def build(case: Case) -> nn.Module:
    torch.manual_seed(0)
    return case.build().eval()


def total(result: Leaves) -> Tensor:
    """A number that every floating part of a result moves, parts that are zero included."""
    moved = [(part.float() + 1).square().sum() for part in result.values() if part.requires_grad]
    # what has no parameters has no graph here; adding a leaf lets the same tests run
    return torch.stack([*moved, torch.zeros((), requires_grad=True)]).sum()


def test_every_module_of_the_catalogue_has_a_case() -> None:
    assert set(CASES) == {row.name for row in COMPONENTS if row.kind in KINDS}


@pytest.mark.parametrize("case", FLAT)
@pytest.mark.parametrize("batch", [1, 3])
def test_shapes_dtypes_and_repeatability(case: Case, batch: int) -> None:
    module = build(case)
    first, second = case.run(module, batch), case.run(module, batch)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name])
        if value.is_floating_point():
            assert value.dtype == torch.float32 and bool(value.isfinite().all())


@pytest.mark.parametrize("case", FLAT)
def test_every_parameter_has_a_finite_gradient(case: Case) -> None:
    module = build(case)
    torch.autograd.backward(total(case.run(module, 3)))
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()) and bool(parameter.grad.any()), name


@pytest.mark.parametrize("case", FLAT)
def test_the_state_dict_is_the_whole_state(case: Case) -> None:
    module = build(case)
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    other = case.build().eval()
    other.load_state_dict(torch.load(buffer, weights_only=True))
    expected = case.run(module, 3)
    for name, value in case.run(other, 3).items():
        assert torch.equal(value, expected[name])


@pytest.mark.parametrize("case", FLAT)
def test_copies_are_equal_and_independent(case: Case) -> None:
    module = build(case)
    expected = case.run(module, 3)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        with torch.no_grad():
            result = case.run(twin, 3)
            for parameter in twin.parameters():
                parameter.add_(1.0)
        for name, value in result.items():
            assert torch.equal(value, expected[name])
    for name, value in case.run(module, 3).items():
        assert torch.equal(value, expected[name])


@pytest.mark.parametrize("case", FLAT)
def test_bfloat16_autocast_stays_near(case: Case) -> None:
    module = build(case)
    expected = case.run(module, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = case.run(module, 3)
        loss = total(result)
    torch.autograd.backward(loss)
    for name, value in result.items():
        torch.testing.assert_close(value.float(), expected[name].float(), rtol=0.05, atol=0.05)
    for parameter in module.parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all())
