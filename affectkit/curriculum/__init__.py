"""Curricula: what an epoch draws from, and how much each sample counts."""

from affectkit.curriculum.baby_step import BabyStepCurriculum
from affectkit.curriculum.centre_distance_difficulty import CentreDistanceDifficulty
from affectkit.curriculum.competence_pacing import CompetencePacing
from affectkit.curriculum.drawn import DrawnCurriculum
from affectkit.curriculum.ernetcl_weighting import ErnetclWeighting
from affectkit.curriculum.hcl_difficulty import HclDifficulty
from affectkit.curriculum.model_difficulty import ModelDifficulty
from affectkit.curriculum.paced import PacedCurriculum
from affectkit.curriculum.shift_ratio_difficulty import ShiftRatioDifficulty
from affectkit.curriculum.stored_difficulty import StoredDifficulty
from affectkit.curriculum.vote_disagreement_difficulty import VoteDisagreementDifficulty
from affectkit.curriculum.weighted_shift_difficulty import WeightedShiftDifficulty

__all__ = [
    "BabyStepCurriculum",
    "CentreDistanceDifficulty",
    "CompetencePacing",
    "DrawnCurriculum",
    "ErnetclWeighting",
    "HclDifficulty",
    "ModelDifficulty",
    "PacedCurriculum",
    "ShiftRatioDifficulty",
    "StoredDifficulty",
    "VoteDisagreementDifficulty",
    "WeightedShiftDifficulty",
]
