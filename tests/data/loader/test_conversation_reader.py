from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save

from affectkit.data.loader import ConversationReader
from affectkit.data.schema import ShardError

RECORD = {
    "id": "d",
    "speakers": ["a"],
    "utterances": [{"id": "0", "text": "hi", "speaker": 0, "label": None}],
}


def members(record: object = RECORD, **more: bytes) -> dict[str, memoryview]:
    return {
        "json": memoryview(json.dumps(record).encode()),
        **{ext: memoryview(data) for ext, data in more.items()},
    }


def test_record_and_features_are_read() -> None:
    stored = members(safetensors=save({"text": torch.ones(1, 2)}))
    sample = ConversationReader()(stored)
    assert sample.record == ConversationReader.record(stored) == RECORD
    assert torch.equal(sample.features["text"], torch.ones(1, 2))
    assert not ConversationReader(features=False)(stored).features
    assert not ConversationReader()(members()).features


def test_a_missing_member_and_damage_are_refused() -> None:
    with pytest.raises(ShardError, match="no json member \\(it has safetensors\\)"):
        ConversationReader()({"safetensors": memoryview(b"")})
    with pytest.raises(ShardError, match="safetensors file is damaged"):
        ConversationReader()(members(safetensors=b"\x00" * 4))
    with pytest.raises(ShardError, match="not strict JSON"):
        ConversationReader()({"json": memoryview(b'{"id": NaN}')})


@pytest.mark.parametrize("record", [[], {}, {**RECORD, "utterances": []}, {**RECORD, "utterances": {"0": 1}}])
def test_what_is_no_conversation_is_refused(record: object) -> None:
    for read in (ConversationReader(), ConversationReader.record):
        with pytest.raises(ShardError, match="conversation record"):
            read(members(record))


def test_the_full_check_looks_at_every_field() -> None:
    wrong = {**RECORD, "utterances": [{**RECORD["utterances"][0], "speaker": 4}]}  # type: ignore[dict-item]
    with pytest.raises(ShardError, match="speaker must be a number"):
        ConversationReader.record(members(wrong))
