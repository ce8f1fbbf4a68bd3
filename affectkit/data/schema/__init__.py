"""What a sample looks like on disk: records, canonical JSON, and which members are allowed."""

from __future__ import annotations

from affectkit.data.schema.conversation import ConversationRecord, UtteranceRecord, conversation_record
from affectkit.data.schema.error import ShardError
from affectkit.data.schema.extensions import MEMBER_EXTENSIONS, member_kind
from affectkit.data.schema.item import ItemRecord, item_record
from affectkit.data.schema.stored_tensors import StoredTensors
from affectkit.data.schema.strict_json import canonical_json, parse_json

__all__ = (
    "MEMBER_EXTENSIONS",
    "ConversationRecord",
    "ItemRecord",
    "ShardError",
    "StoredTensors",
    "UtteranceRecord",
    "canonical_json",
    "conversation_record",
    "item_record",
    "member_kind",
    "parse_json",
)
