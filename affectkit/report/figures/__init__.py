"""Figures of a report. Each is a function of plain numbers and returns a matplotlib figure."""

from affectkit.report.figures.circumplex import CircumplexClass, circumplex_classes, circumplex_figure
from affectkit.report.figures.comparison import comparison_figure
from affectkit.report.figures.confusion import confusion_figure
from affectkit.report.figures.contact_sheet import contact_sheet_figure
from affectkit.report.figures.curriculum import curriculum_figure
from affectkit.report.figures.curves import Series, learning_curves_figure
from affectkit.report.figures.embedding import embedding_figure
from affectkit.report.figures.group_scores import group_scores_figure
from affectkit.report.figures.label_graph import label_graph_figure
from affectkit.report.figures.modality_weights import modality_weights_figure
from affectkit.report.figures.overlay import OverlayLine, overlay_figure
from affectkit.report.figures.per_class import ClassScore, class_scores, per_class_figure
from affectkit.report.figures.prototype_grid import prototype_grid_figure
from affectkit.report.figures.reliability import reliability_comparison_figure, reliability_figure
from affectkit.report.figures.risk_coverage import risk_coverage_figure
from affectkit.report.figures.robustness import RobustnessPoint, robustness_figure
from affectkit.report.figures.trajectory import trajectory_figure
from affectkit.report.figures.triplet_margin import triplet_margin_figure

__all__ = [
    "CircumplexClass",
    "ClassScore",
    "OverlayLine",
    "RobustnessPoint",
    "Series",
    "circumplex_classes",
    "circumplex_figure",
    "class_scores",
    "comparison_figure",
    "confusion_figure",
    "contact_sheet_figure",
    "curriculum_figure",
    "embedding_figure",
    "group_scores_figure",
    "label_graph_figure",
    "learning_curves_figure",
    "modality_weights_figure",
    "overlay_figure",
    "per_class_figure",
    "prototype_grid_figure",
    "reliability_comparison_figure",
    "reliability_figure",
    "risk_coverage_figure",
    "robustness_figure",
    "trajectory_figure",
    "triplet_margin_figure",
]
