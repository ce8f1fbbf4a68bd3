"""Signals of the body as indices of engagement, emotion and attention. Plain torch, no Lightning."""

from affectkit.physiology.band_power import BandPower
from affectkit.physiology.engagement_index import EngagementIndex
from affectkit.physiology.frontal_asymmetry import FrontalAsymmetry
from affectkit.physiology.gaze_ratio import GazeRatio
from affectkit.physiology.group_means import GroupMeans, group_means
from affectkit.physiology.quantile_classes import QuantileClasses

__all__ = (
    "BandPower",
    "EngagementIndex",
    "FrontalAsymmetry",
    "GazeRatio",
    "GroupMeans",
    "QuantileClasses",
    "group_means",
)
