"""Loaders that follow an epoch plan."""

from affectkit.data.loader.audio_batch import AudioCollate, AudioReader, AudioSample, AudioView
from affectkit.data.loader.batch_view import BatchView, Decode, Outlines, Transform
from affectkit.data.loader.captions import CaptionCollate, CaptionReader, CaptionSample, CaptionView
from affectkit.data.loader.conversation_reader import ConversationReader
from affectkit.data.loader.damage import DamagedRows, DamagedSampleWarning, DamageError
from affectkit.data.loader.data_reading import DataReading
from affectkit.data.loader.dialogue_text import DialogueTextCollate, DialogueTurn, DialogueTurnReader
from affectkit.data.loader.index_conversations import index_conversations
from affectkit.data.loader.item_features import ItemFeatures, ItemFeaturesCollate, ItemFeaturesReader
from affectkit.data.loader.item_target import ItemTarget, item_target
from affectkit.data.loader.loader_state import LoaderState, LoaderStateError
from affectkit.data.loader.mixed_loader import MixedLoader, MixedLoaderState
from affectkit.data.loader.node_collate import NodeCollate
from affectkit.data.loader.node_table import NodeTable, read_nodes
from affectkit.data.loader.pattern_collate import PatternCollate
from affectkit.data.loader.picture_view import PictureSample, PictureView
from affectkit.data.loader.prompt_batch import PromptCollate, PromptReader, PromptSample
from affectkit.data.loader.random_view import ClipView, ImageView, RandomView
from affectkit.data.loader.shard_loader import ShardLoader
from affectkit.data.loader.source_loader import SourceLoader
from affectkit.data.loader.stream_collate import StreamCollate
from affectkit.data.loader.stream_sample import Stream, StreamReader, StreamSpec, StreamsSample, StreamView
from affectkit.data.loader.stream_views import StreamViews
from affectkit.data.loader.text_batch import TextCollate, TextReader
from affectkit.data.loader.visual_collate import ClipCollate, ImageCollate
from affectkit.data.loader.visual_sample import ClipReader, ClipSample, ImageReader, ImageSample
from affectkit.data.loader.word_dropout import WordDropout

__all__ = (
    "AudioCollate",
    "AudioReader",
    "AudioSample",
    "AudioView",
    "BatchView",
    "CaptionCollate",
    "CaptionReader",
    "CaptionSample",
    "CaptionView",
    "ClipCollate",
    "ClipReader",
    "ClipSample",
    "ClipView",
    "ConversationReader",
    "DamageError",
    "DamagedRows",
    "DamagedSampleWarning",
    "DataReading",
    "Decode",
    "DialogueTextCollate",
    "DialogueTurn",
    "DialogueTurnReader",
    "ImageCollate",
    "ImageReader",
    "ImageSample",
    "ImageView",
    "ItemFeatures",
    "ItemFeaturesCollate",
    "ItemFeaturesReader",
    "ItemTarget",
    "LoaderState",
    "LoaderStateError",
    "MixedLoader",
    "MixedLoaderState",
    "NodeCollate",
    "NodeTable",
    "Outlines",
    "PatternCollate",
    "PictureSample",
    "PictureView",
    "PromptCollate",
    "PromptReader",
    "PromptSample",
    "RandomView",
    "ShardLoader",
    "SourceLoader",
    "Stream",
    "StreamCollate",
    "StreamReader",
    "StreamSpec",
    "StreamView",
    "StreamViews",
    "StreamsSample",
    "TextCollate",
    "TextReader",
    "Transform",
    "WordDropout",
    "index_conversations",
    "item_target",
    "read_nodes",
)
