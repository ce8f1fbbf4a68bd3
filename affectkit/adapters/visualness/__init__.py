"""How well a text can be seen: CLIP with one common picture of nothing for texts that show nothing."""

from affectkit.adapters.visualness.null_image import NullImage
from affectkit.adapters.visualness.scorer import VisualnessScorer
from affectkit.adapters.visualness.threshold_search import Threshold, threshold_search

__all__ = ["NullImage", "Threshold", "VisualnessScorer", "threshold_search"]
