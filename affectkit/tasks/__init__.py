"""Tasks: a model of composable parts that Lightning trains, tests and reloads."""

from affectkit.callbacks.prediction import AffectPrediction
from affectkit.tasks.adamw_factory import AdamWFactory
from affectkit.tasks.affect_task import AffectTask
from affectkit.tasks.audience_task import AudienceTask
from affectkit.tasks.audio_task import AudioTask
from affectkit.tasks.categorical_dimensional_task import CategoricalDimensionalTask
from affectkit.tasks.checkpoint_record import CheckpointRecord, MissingPartError
from affectkit.tasks.contrastive_task import ContrastiveStage, ContrastiveTask
from affectkit.tasks.conversation_llm_task import ConversationLLMTask
from affectkit.tasks.conversation_media_task import ConversationMediaTask
from affectkit.tasks.conversation_task import ConversationTask
from affectkit.tasks.data_agreement import DescribesData
from affectkit.tasks.dataset_spec import DatasetError
from affectkit.tasks.dialogue_text_task import DialogueTextTask
from affectkit.tasks.dimensional_task import DimensionalTask
from affectkit.tasks.frame_classification_task import FrameClassificationTask
from affectkit.tasks.frozen_teacher import FrozenTeacher, TeacherError
from affectkit.tasks.loss_window import LossWindow
from affectkit.tasks.mean_loss import MeanLoss
from affectkit.tasks.multi_attribute_task import MultiAttributeTask
from affectkit.tasks.multi_dataset_prompt_tuning_task import MultiDatasetPromptTuningTask
from affectkit.tasks.optimizer_factory import OptimizerFactory
from affectkit.tasks.parameter_groups import parameter_groups
from affectkit.tasks.pixel_encoder import PixelEncoder
from affectkit.tasks.prompt_tuning_task import PromptTuningTask
from affectkit.tasks.prototype_distill_task import PrototypeDistillTask
from affectkit.tasks.rate_schedule import RateSchedule
from affectkit.tasks.sgd_factory import SGDFactory
from affectkit.tasks.trained_weights import BaseMismatchError
from affectkit.tasks.two_view_picture_task import TwoViewPictureTask
from affectkit.tasks.visualness_task import VisualnessTask

__all__ = (
    "AdamWFactory",
    "AffectPrediction",
    "AffectTask",
    "AudienceTask",
    "AudioTask",
    "BaseMismatchError",
    "CategoricalDimensionalTask",
    "CheckpointRecord",
    "ContrastiveStage",
    "ContrastiveTask",
    "ConversationLLMTask",
    "ConversationMediaTask",
    "ConversationTask",
    "DatasetError",
    "DescribesData",
    "DialogueTextTask",
    "DimensionalTask",
    "FrameClassificationTask",
    "FrozenTeacher",
    "LossWindow",
    "MeanLoss",
    "MissingPartError",
    "MultiAttributeTask",
    "MultiDatasetPromptTuningTask",
    "OptimizerFactory",
    "PixelEncoder",
    "PromptTuningTask",
    "PrototypeDistillTask",
    "RateSchedule",
    "SGDFactory",
    "TeacherError",
    "TwoViewPictureTask",
    "VisualnessTask",
    "parameter_groups",
)
