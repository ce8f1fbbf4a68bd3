"""Pure functions behind losses, metrics and curricula."""

from affectkit.functional.band_power import band_power
from affectkit.functional.ccc import ccc
from affectkit.functional.class_geometry import ClassGeometry, class_geometry
from affectkit.functional.class_weights import class_weights
from affectkit.functional.confusion import confusion_counts
from affectkit.functional.cosine_logits import cosine_logits
from affectkit.functional.cosine_ramp import cosine_ramp
from affectkit.functional.cross_entropy import cross_entropy_rows
from affectkit.functional.difficulty import emotional_shift, weighted_emotional_shift
from affectkit.functional.f1 import class_f1, f1_score
from affectkit.functional.gaussian_cells import gaussian_cells
from affectkit.functional.graph_normalization import GraphNormalization, normalized_propagation
from affectkit.functional.hypergraph_propagation import HypergraphNormalization, hypergraph_propagation
from affectkit.functional.label_adjacency import label_links, reweighted_adjacency
from affectkit.functional.logit_distillation import logit_distillation_rows
from affectkit.functional.multi_positive_info_nce import multi_positive_info_nce_rows
from affectkit.functional.ordinal import ordinal_log_probabilities
from affectkit.functional.pacing import competence_pacing, step_pacing
from affectkit.functional.paired_moments import PairedMoments, paired_moments
from affectkit.functional.pearson import pearson
from affectkit.functional.principal_axes import PrincipalAxes, principal_axes
from affectkit.functional.prototype_divergence import prototype_divergence_rows
from affectkit.functional.rank_correlation import midranks, rank_correlation
from affectkit.functional.recall import class_recall, unweighted_average_recall
from affectkit.functional.shift_ratio import shift_ratio
from affectkit.functional.smoothed_labels import smoothed_labels
from affectkit.functional.thin_plate import thin_plate_weights
from affectkit.functional.vote_cross_entropy import has_votes, vote_cross_entropy_rows

__all__ = (
    "ClassGeometry",
    "GraphNormalization",
    "HypergraphNormalization",
    "PairedMoments",
    "PrincipalAxes",
    "band_power",
    "ccc",
    "class_f1",
    "class_geometry",
    "class_recall",
    "class_weights",
    "competence_pacing",
    "confusion_counts",
    "cosine_logits",
    "cosine_ramp",
    "cross_entropy_rows",
    "emotional_shift",
    "f1_score",
    "gaussian_cells",
    "has_votes",
    "hypergraph_propagation",
    "label_links",
    "logit_distillation_rows",
    "midranks",
    "multi_positive_info_nce_rows",
    "normalized_propagation",
    "ordinal_log_probabilities",
    "paired_moments",
    "pearson",
    "principal_axes",
    "prototype_divergence_rows",
    "rank_correlation",
    "reweighted_adjacency",
    "shift_ratio",
    "smoothed_labels",
    "step_pacing",
    "thin_plate_weights",
    "unweighted_average_recall",
    "vote_cross_entropy_rows",
    "weighted_emotional_shift",
)
