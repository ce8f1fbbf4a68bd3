"""Losses: plain modules from (AffectOutput, Target) to LossTerms."""

from affectkit.losses.binned_dimension import BinnedDimensionLoss
from affectkit.losses.ccc import CCCLoss
from affectkit.losses.classification import ClassificationLoss
from affectkit.losses.covariance import CovarianceLoss
from affectkit.losses.follows_progress import FollowsProgress
from affectkit.losses.linear_ramp import LinearRamp
from affectkit.losses.logit_variation import LogitVariationLoss
from affectkit.losses.mse import MSELoss
from affectkit.losses.multilabel import MultilabelLoss
from affectkit.losses.null_target_contrastive import NullTargetContrastiveLoss
from affectkit.losses.pairwise_contrastive import PairwiseContrastiveLoss
from affectkit.losses.pearson import PearsonLoss
from affectkit.losses.prototype_contrast import PrototypeContrastLoss
from affectkit.losses.similarity_smoothing import SimilaritySmoothingLoss
from affectkit.losses.supervised_contrastive import SupervisedContrastiveLoss
from affectkit.losses.triplet_margin import TripletMarginLoss, TripletMining
from affectkit.losses.uncertainty_weighted_sum import UncertaintyWeightedSum
from affectkit.losses.variance import VarianceLoss
from affectkit.losses.vote_distribution import VoteDistributionLoss
from affectkit.losses.weighted_smoothing import WeightedSmoothingLoss
from affectkit.losses.weighted_sum import WeightedSum

__all__ = (
    "BinnedDimensionLoss",
    "CCCLoss",
    "ClassificationLoss",
    "CovarianceLoss",
    "FollowsProgress",
    "LinearRamp",
    "LogitVariationLoss",
    "MSELoss",
    "MultilabelLoss",
    "NullTargetContrastiveLoss",
    "PairwiseContrastiveLoss",
    "PearsonLoss",
    "PrototypeContrastLoss",
    "SimilaritySmoothingLoss",
    "SupervisedContrastiveLoss",
    "TripletMarginLoss",
    "TripletMining",
    "UncertaintyWeightedSum",
    "VarianceLoss",
    "VoteDistributionLoss",
    "WeightedSmoothingLoss",
    "WeightedSum",
)
