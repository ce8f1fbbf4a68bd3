"""Lightning data modules over shards; they work without a trainer as well."""

from affectkit.data.modules.audience import AudienceDataModule
from affectkit.data.modules.audio import AudioDataModule
from affectkit.data.modules.clip import ClipDataModule
from affectkit.data.modules.conversation import ConversationDataModule
from affectkit.data.modules.conversation_media import ConversationMediaDataModule
from affectkit.data.modules.conversation_prompt import ConversationPromptDataModule
from affectkit.data.modules.dialogue_text import DialogueTextDataModule
from affectkit.data.modules.feature_statistics import FeatureStatistics, feature_statistics
from affectkit.data.modules.features import FeatureDataModule
from affectkit.data.modules.image import ImageDataModule
from affectkit.data.modules.mixed import MixedDataModule
from affectkit.data.modules.own_targets import SourceTargets
from affectkit.data.modules.shard import DataModuleError, ShardDataModule
from affectkit.data.modules.text import TextDataModule
from affectkit.data.modules.visual_text import VisualTextDataModule

__all__ = (
    "AudienceDataModule",
    "AudioDataModule",
    "ClipDataModule",
    "ConversationDataModule",
    "ConversationMediaDataModule",
    "ConversationPromptDataModule",
    "DataModuleError",
    "DialogueTextDataModule",
    "FeatureDataModule",
    "FeatureStatistics",
    "ImageDataModule",
    "MixedDataModule",
    "ShardDataModule",
    "SourceTargets",
    "TextDataModule",
    "VisualTextDataModule",
    "feature_statistics",
)
