"""Where in a picture a task looked: what speaks for a label, place by place."""

from affectkit.report.overlays.covered import Covered, covered_probabilities
from affectkit.report.overlays.picture_network import PictureNetwork, picture_networks
from affectkit.report.overlays.picture_relevance import PictureRelevance, picture_relevance
from affectkit.report.overlays.place_relevance import grad_cam, token_relevance
from affectkit.report.overlays.sure_rows import SureRow, sure_rows

__all__ = [
    "Covered",
    "PictureNetwork",
    "PictureRelevance",
    "SureRow",
    "covered_probabilities",
    "grad_cam",
    "picture_networks",
    "picture_relevance",
    "sure_rows",
    "token_relevance",
]
