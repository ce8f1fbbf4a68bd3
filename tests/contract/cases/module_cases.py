"""Every module of the catalogue, small enough to run in a moment."""

from __future__ import annotations

import torch
from loss_cases import LOSS_CASES
from module_runs import (
    GRAPH,
    IN_DIMS,
    TWO_VIEWS,
    UTTERANCES,
    Case,
    components,
    graph_head,
    label_scorer,
    lora_encoder,
    run_context,
    run_decision,
    run_encoder,
    run_face_groups,
    run_faces,
    run_frames,
    run_fusion,
    run_head,
    run_hypergraph,
    run_label_network,
    run_map_head,
    run_modality_context,
    run_pictures,
    run_prompts,
    run_streams,
    run_temporal,
    run_tokens,
    run_views,
    run_waveforms,
    temporal,
    tiny_text_model,
    trained_experts,
)

from affectkit.adapters import AdaptedClipEncoder, ResidualBottleneckEncoder
from affectkit.conversation import (
    MMGCN,
    BcLSTM,
    DialogueGCN,
    DialogueRNN,
    M2FNet,
    MatchingAttention,
    ResidualTransformerStack,
    TransformerContext,
)
from affectkit.encoders import (
    FaceGroupEncoder,
    HypergraphEncoder,
    IdentityEncoder,
    LogMelConvEncoder,
    ProjectionEncoder,
    SequenceEncoder,
    SpectrogramConvEncoder,
    TimmImageEncoder,
    TimmStageEncoder,
    TransformersAudioEncoder,
    TransformersTokenEncoder,
    UtteranceEncoder,
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
    SumFusion,
)
from affectkit.graph import LabelGraphNetwork
from affectkit.heads import (
    BinnedDimensionalHead,
    ClassificationHead,
    CompoundFromBasic,
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
    TokenTransformerHead,
)
from affectkit.temporal import (
    FaceAreaPooling,
    FrameMean,
    FrameToClip,
    TemporalConvNet,
    TemporalStreams,
    TemporalTransformer,
)

CASES: dict[str, list[Case]] = {
    "ProjectionEncoder": [Case(lambda: ProjectionEncoder(6, 4), run_encoder)],
    "PrincipalComponentsEncoder": [Case(components, run_encoder)],
    "IdentityEncoder": [Case(lambda: IdentityEncoder(6), run_encoder)],
    "TransformersTokenEncoder": [
        Case(lambda: TransformersTokenEncoder(tiny_text_model().name), run_tokens),
        Case(lambda: TransformersTokenEncoder(tiny_text_model().name, pooling="max"), run_tokens),
    ],
    "LabelScorer": [
        Case(label_scorer, run_prompts),
    ],
    "TimmImageEncoder": [
        Case(TimmImageEncoder, run_pictures),
        Case(lambda: TimmImageEncoder("tiny", pooling="max", tokens=True), run_pictures),
        Case(lambda: TimmImageEncoder("tiny-vit"), run_pictures),
    ],
    "FaceGroupEncoder": [
        Case(lambda: FaceGroupEncoder(TimmImageEncoder("tiny")), run_face_groups),
        Case(lambda: FaceGroupEncoder(TimmImageEncoder("tiny"), scene=True), run_face_groups),
    ],
    "TimmStageEncoder": [
        Case(lambda: TimmStageEncoder(stages=(0, 2, -1)), run_pictures),
        Case(lambda: TimmStageEncoder(stages=(3,), tokens=True), run_pictures),
    ],
    "AdaptedClipEncoder": [
        Case(lora_encoder, run_pictures),
        Case(
            lambda: AdaptedClipEncoder(adapter="maple", adapter_options={"num_context": 2, "depth": 2}),
            run_pictures,
        ),
    ],
    "ResidualBottleneckEncoder": [
        Case(lambda: ResidualBottleneckEncoder(6, ratio=0.5, reduction=1), run_encoder)
    ],
    "HypergraphEncoder": [
        Case(lambda: HypergraphEncoder(6, 4, hidden_dims=(5,)), run_hypergraph),
        Case(lambda: HypergraphEncoder(6, 4, hidden_dims=(5,), normalization="row"), run_hypergraph),
    ],
    "LabelGraphNetwork": [
        Case(lambda: LabelGraphNetwork(torch.eye(5), GRAPH.propagation(), widths=(6, 4)), run_label_network),
        Case(
            lambda: LabelGraphNetwork(
                torch.eye(5),
                GRAPH.propagation(),
                widths=(6, 4),
                learnable_propagation=True,
                learnable_embeddings=True,
            ),
            run_label_network,
        ),
    ],
    "MeanFusion": [Case(lambda: MeanFusion(IN_DIMS, out_dim=5), run_fusion)],
    "LogMelConvEncoder": [
        Case(lambda: LogMelConvEncoder(8000, num_mels=12, widths=(4, 6)), run_waveforms),
        Case(
            lambda: LogMelConvEncoder(8000, num_mels=12, widths=(4,), normalization="recording"),
            run_waveforms,
        ),
    ],
    "SequenceEncoder": [
        Case(lambda: SequenceEncoder(6, 4, channels=(5,)), run_temporal),
        Case(
            lambda: SequenceEncoder(6, 4, network="transformer", num_heads=2, max_steps=UTTERANCES),
            run_temporal,
        ),
    ],
    "SpectrogramConvEncoder": [Case(lambda: SpectrogramConvEncoder(12, widths=(4, 6)), run_frames)],
    "TransformersAudioEncoder": [
        Case(lambda: TransformersAudioEncoder("tiny", layers=(0, -1), trained="all"), run_waveforms)
    ],
    "UtteranceEncoder": [Case(lambda: UtteranceEncoder(ProjectionEncoder(6, 4)), run_encoder)],
    "FaceAreaPooling": [
        Case(lambda: FaceAreaPooling(6, 3), run_faces),
        Case(lambda: FaceAreaPooling(6, 3, frames="mean"), run_faces),
    ],
    "TemporalConvNet": [
        Case(lambda: TemporalConvNet(6, (5, 4)), run_encoder),
        Case(lambda: TemporalConvNet(6, (6,), context="both"), run_encoder),
    ],
    "FrameToClip": [
        Case(lambda: FrameToClip(), run_decision),
        Case(lambda: FrameToClip("vote"), run_decision),
    ],
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
    "DialogueGCN": [
        Case(lambda: DialogueGCN(6, 4), run_context),
        Case(lambda: DialogueGCN(6, 4, context="both", num_speakers=2, num_bases=None), run_context),
    ],
    "DialogueRNN": [
        Case(lambda: DialogueRNN(6, 4), run_context),
        Case(lambda: DialogueRNN(6, 4, context="both", listener=True, attention=True), run_context),
    ],
    "M2FNet": [
        Case(
            lambda: M2FNet(IN_DIMS, 8, num_encoders=1, num_fusion_layers=2, num_heads=2), run_modality_context
        ),
    ],
    "MatchingAttention": [Case(lambda: MatchingAttention(6), run_context)],
    "MMGCN": [
        Case(lambda: MMGCN(IN_DIMS, 4), run_modality_context),
        Case(
            lambda: MMGCN(IN_DIMS, 4, context="both", num_speakers=2, cell="gru", num_layers=2),
            run_modality_context,
        ),
    ],
    "ResidualTransformerStack": [
        Case(lambda: ResidualTransformerStack(6, num_encoders=2, num_heads=2), run_context),
    ],
    "TransformerContext": [
        Case(lambda: TransformerContext(6, 4, num_heads=2, window_past=2), run_context),
        Case(lambda: TransformerContext(6, 4, num_heads=2, context="both", speakers="relative"), run_context),
    ],
    "ClassificationHead": [
        Case(lambda: ClassificationHead(6, 3), run_head),
        Case(lambda: ClassificationHead(6, 3, hidden_dim=4), run_head),
    ],
    "DimensionalHead": [
        Case(lambda: DimensionalHead(6, 2), run_head),
        Case(lambda: DimensionalHead(6, 2, hidden_dim=4, bounds=(1.0, 5.0)), run_head),
    ],
    "BinnedDimensionalHead": [
        Case(lambda: BinnedDimensionalHead(6, 2, num_bins=3, bounds=(-1.0, 1.0)), run_head),
        Case(lambda: BinnedDimensionalHead(6, 2, num_bins=3, bounds=(1.0, 5.0), hidden_dim=4), run_head),
    ],
    "CategoricalDimensionalGraphHead": [
        Case(graph_head, run_head),
        Case(lambda: graph_head(learnable_adjacency=True, learnable_embeddings=True), run_head),
        Case(lambda: graph_head(learnable_adjacency=True, sparse=True), run_head),
        Case(lambda: graph_head(bias=True), run_head),
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
    "TokenTransformerHead": [
        Case(
            lambda: TokenTransformerHead(6, 3, num_tokens=UTTERANCES, dim=4, depth=1, heads=2, hidden_dim=8),
            run_map_head,
        )
    ],
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
    "CompoundFromBasic": [
        Case(lambda: CompoundFromBasic(ClassificationHead(6, 7), "fer7.official", "cexprdb7.abaw"), run_head),
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
    **LOSS_CASES,
}
