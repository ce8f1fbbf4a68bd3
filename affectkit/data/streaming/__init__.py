"""Streaming: the approximate mode, for training on sets that are too large to plan."""

from __future__ import annotations

from affectkit.data.streaming.streaming_shards import StreamingShards

__all__ = ("StreamingShards",)
