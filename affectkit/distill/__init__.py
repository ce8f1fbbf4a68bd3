"""What a teacher knows, for a student: prototypes, scores, features. Plain torch, no Lightning."""

from affectkit.distill.bdf_recording import EegRecording, read_bdf
from affectkit.distill.confidence import Confidence, DimensionConfidence, LabelConfidence
from affectkit.distill.dreamer import DREAMER_SCALE, DreamerTrial, read_dreamer
from affectkit.distill.dynamic_weight_balance import DynamicWeightBalance, teacher_target
from affectkit.distill.electrodes import ELECTRODE_LAYOUTS, electrode_positions
from affectkit.distill.error import PrototypeGridError
from affectkit.distill.feature_distillation import FeatureDistillationLoss
from affectkit.distill.geometric_prior import GeometricPriorLoss
from affectkit.distill.logit_distillation import LogitDistillationLoss
from affectkit.distill.prototype_distillation import PrototypeDistillationLoss
from affectkit.distill.prototype_grid import VAPrototypeGrid
from affectkit.distill.prototype_sums import PrototypeSums
from affectkit.distill.teacher_part import teacher_views
from affectkit.distill.topographic_encoder import EEG_BANDS, TopographicEncoder
from affectkit.distill.topographic_map import TopographicMap
from affectkit.distill.va_teacher import VATeacher
from affectkit.distill.weight_schedule import WeightSchedule

__all__ = (
    "DREAMER_SCALE",
    "EEG_BANDS",
    "ELECTRODE_LAYOUTS",
    "Confidence",
    "DimensionConfidence",
    "DreamerTrial",
    "DynamicWeightBalance",
    "EegRecording",
    "FeatureDistillationLoss",
    "GeometricPriorLoss",
    "LabelConfidence",
    "LogitDistillationLoss",
    "PrototypeDistillationLoss",
    "PrototypeGridError",
    "PrototypeSums",
    "TopographicEncoder",
    "TopographicMap",
    "VAPrototypeGrid",
    "VATeacher",
    "WeightSchedule",
    "electrode_positions",
    "read_bdf",
    "read_dreamer",
    "teacher_target",
    "teacher_views",
)
