"""Pure functions behind losses, metrics and curricula."""

from affectkit.functional.band_power import band_power
from affectkit.functional.box_areas import box_areas
from affectkit.functional.category_shares import category_shares
from affectkit.functional.ccc import ccc
from affectkit.functional.centre_distance import ClassSums, class_sums, relative_centre_distance
from affectkit.functional.class_geometry import ClassGeometry, class_geometry
from affectkit.functional.class_tallies import (
    TALLY_SCORES,
    TallyScore,
    TallyScoreName,
    accuracy_of_tallies,
    class_tallies,
    macro_f1_of_tallies,
    uar_of_tallies,
    weighted_f1_of_tallies,
)
from affectkit.functional.class_weights import class_weights
from affectkit.functional.clip_scores import ClipRule, clip_scores
from affectkit.functional.compound_scores import CompoundRule, compound_scores
from affectkit.functional.confusion import confusion_counts
from affectkit.functional.cosine_logits import cosine_logits
from affectkit.functional.cosine_ramp import cosine_ramp
from affectkit.functional.cross_entropy import cross_entropy_rows
from affectkit.functional.cross_view_contrast import cross_view_info_nce_rows, cross_view_official_rows
from affectkit.functional.difficulty import emotional_shift, weighted_emotional_shift
from affectkit.functional.emotion_shift import answering_turn, emotion_shift_labels
from affectkit.functional.equal_mass_bins import equal_mass_sums
from affectkit.functional.euclidean_distances import euclidean_distances, paired_distances
from affectkit.functional.f1 import class_f1, f1_score
from affectkit.functional.gate_balance import gate_balance
from affectkit.functional.gaussian_cells import gaussian_cells
from affectkit.functional.graph_normalization import GraphNormalization, normalized_propagation
from affectkit.functional.group_scores import GroupGap, GroupScore, GroupScores, group_scores
from affectkit.functional.hardest_pairs import HardestPairs, hardest_pairs
from affectkit.functional.hypergraph_propagation import HypergraphNormalization, hypergraph_propagation
from affectkit.functional.krippendorff_alpha import MeasurementLevel, alpha_of_counts, krippendorff_alpha
from affectkit.functional.label_adjacency import label_links, reweighted_adjacency
from affectkit.functional.local_binary_pattern import local_binary_pattern
from affectkit.functional.log_mel import log_mel_frames
from affectkit.functional.logit_distillation import logit_distillation_rows
from affectkit.functional.masked_softmax import masked_softmax
from affectkit.functional.mel_filters import MelScale, mel_filters
from affectkit.functional.multi_positive_info_nce import multi_positive_info_nce_rows
from affectkit.functional.ordinal import ordinal_log_probabilities
from affectkit.functional.pacing import competence_pacing, step_pacing
from affectkit.functional.paired_moments import PairedMoments, paired_moments
from affectkit.functional.paired_tests import holm_adjusted, paired_t_test, signed_rank_test
from affectkit.functional.pearson import pearson
from affectkit.functional.predictive_uncertainty import PredictiveUncertainty, predictive_uncertainty
from affectkit.functional.principal_axes import PrincipalAxes, principal_axes
from affectkit.functional.probability_scores import brier_rows, nll_rows
from affectkit.functional.prototype_contrast import PrototypeContrastForm, prototype_contrast_rows
from affectkit.functional.prototype_divergence import prototype_divergence_rows
from affectkit.functional.rank_correlation import midranks, rank_correlation
from affectkit.functional.reallocated_attention import reallocated_attention
from affectkit.functional.recall import class_recall, unweighted_average_recall
from affectkit.functional.reliability import BinClosing, expected_calibration_error, reliability_sums
from affectkit.functional.resample import resample
from affectkit.functional.risk_coverage import (
    RiskCoverage,
    area_under_risk_coverage,
    risk_coverage,
    selective_accuracy,
)
from affectkit.functional.score_summary import ScoreSummary, score_summary
from affectkit.functional.shift_ratio import shift_ratio
from affectkit.functional.similarity_targets import similarity_targets
from affectkit.functional.smoothed_labels import smoothed_labels
from affectkit.functional.spread import covariance_penalty, variance_shortfall
from affectkit.functional.student_t import student_t_quantile, student_t_tails
from affectkit.functional.supervised_contrastive import ContrastRows, supervised_contrastive_rows
from affectkit.functional.thin_plate import thin_plate_weights
from affectkit.functional.thin_presence import thin_presence
from affectkit.functional.triplet_counts import batch_all_counts, semi_hard_counts
from affectkit.functional.triplet_sides import TripletMargin, triplet_sides
from affectkit.functional.value_bins import bin_centres, value_bins
from affectkit.functional.vote_cross_entropy import has_votes, vote_cross_entropy_rows
from affectkit.functional.vote_disagreement import vote_disagreement
from affectkit.functional.window_mask import window_mask

__all__ = (
    "TALLY_SCORES",
    "BinClosing",
    "ClassGeometry",
    "ClassSums",
    "ClipRule",
    "CompoundRule",
    "ContrastRows",
    "GraphNormalization",
    "GroupGap",
    "GroupScore",
    "GroupScores",
    "HardestPairs",
    "HypergraphNormalization",
    "MeasurementLevel",
    "MelScale",
    "PairedMoments",
    "PredictiveUncertainty",
    "PrincipalAxes",
    "PrototypeContrastForm",
    "RiskCoverage",
    "ScoreSummary",
    "TallyScore",
    "TallyScoreName",
    "TripletMargin",
    "accuracy_of_tallies",
    "alpha_of_counts",
    "answering_turn",
    "area_under_risk_coverage",
    "band_power",
    "batch_all_counts",
    "bin_centres",
    "box_areas",
    "brier_rows",
    "category_shares",
    "ccc",
    "class_f1",
    "class_geometry",
    "class_recall",
    "class_sums",
    "class_tallies",
    "class_weights",
    "clip_scores",
    "competence_pacing",
    "compound_scores",
    "confusion_counts",
    "cosine_logits",
    "cosine_ramp",
    "covariance_penalty",
    "cross_entropy_rows",
    "cross_view_info_nce_rows",
    "cross_view_official_rows",
    "emotion_shift_labels",
    "emotional_shift",
    "equal_mass_sums",
    "euclidean_distances",
    "expected_calibration_error",
    "f1_score",
    "gate_balance",
    "gaussian_cells",
    "group_scores",
    "hardest_pairs",
    "has_votes",
    "holm_adjusted",
    "hypergraph_propagation",
    "krippendorff_alpha",
    "label_links",
    "local_binary_pattern",
    "log_mel_frames",
    "logit_distillation_rows",
    "macro_f1_of_tallies",
    "masked_softmax",
    "mel_filters",
    "midranks",
    "multi_positive_info_nce_rows",
    "nll_rows",
    "normalized_propagation",
    "ordinal_log_probabilities",
    "paired_distances",
    "paired_moments",
    "paired_t_test",
    "pearson",
    "predictive_uncertainty",
    "principal_axes",
    "prototype_contrast_rows",
    "prototype_divergence_rows",
    "rank_correlation",
    "reallocated_attention",
    "relative_centre_distance",
    "reliability_sums",
    "resample",
    "reweighted_adjacency",
    "risk_coverage",
    "score_summary",
    "selective_accuracy",
    "semi_hard_counts",
    "shift_ratio",
    "signed_rank_test",
    "similarity_targets",
    "smoothed_labels",
    "step_pacing",
    "student_t_quantile",
    "student_t_tails",
    "supervised_contrastive_rows",
    "thin_plate_weights",
    "thin_presence",
    "triplet_sides",
    "uar_of_tallies",
    "unweighted_average_recall",
    "value_bins",
    "variance_shortfall",
    "vote_cross_entropy_rows",
    "vote_disagreement",
    "weighted_emotional_shift",
    "weighted_f1_of_tallies",
    "window_mask",
)
