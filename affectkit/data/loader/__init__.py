"""Loaders that follow an epoch plan."""

from affectkit.data.loader.batch_view import BatchView, Decode, Transform
from affectkit.data.loader.conversation_reader import ConversationReader
from affectkit.data.loader.loader_state import LoaderState, LoaderStateError
from affectkit.data.loader.shard_loader import ShardLoader

__all__ = (
    "BatchView",
    "ConversationReader",
    "Decode",
    "LoaderState",
    "LoaderStateError",
    "ShardLoader",
    "Transform",
)
