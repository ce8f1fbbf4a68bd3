"""Utterances as samples: their places, keys, counts and members."""

from __future__ import annotations

import json
import pickle
from itertools import chain
from pathlib import Path

import pytest

from affectkit.data.schema import ConversationRecord
from affectkit.data.shards import DatasetWriter, Licence, Manifest
from affectkit.data.store import UtteranceStore, open_store
from affectkit.labels import label_space

LENGTHS = (3, 1, 2, 4, 1, 2, 3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> UtteranceStore:
    folder = tmp_path_factory.mktemp("utterances") / "set"
    template = Manifest(
        name="talks",
        kind="conversation",
        label_space=label_space("meld7.official"),
        licence=Licence("CC0", "synthetic"),
        created_by="a test",
    )
    with DatasetWriter(folder, template, shard_samples=3) as writer:
        for number, length in enumerate(LENGTHS):
            record: ConversationRecord = {
                "id": f"d{number}",
                "speakers": ["a"],
                "utterances": [
                    {"id": str(turn), "text": f"{number}-{turn}", "speaker": 0, "label": None}
                    for turn in range(length)
                ],
            }
            writer.add_conversation("train", f"d{number}", record)
    return UtteranceStore(open_store(folder, "train"))


def test_every_utterance_is_a_sample_in_its_place(store: UtteranceStore) -> None:
    everything = [(number, turn) for number, length in enumerate(LENGTHS) for turn in range(length)]
    assert len(store) == len(everything) == sum(LENGTHS)
    for position, (number, turn) in enumerate(everything):
        assert store.place(position) == (number, turn)
        assert store.key(position) == f"d{number}/{turn}"
        assert store.describe(position).endswith(f", utterance {turn}")
        members = store.get(position)
        record = json.loads(bytes(members["json"]))
        assert record["utterances"][int(bytes(members["turn"]))]["text"] == f"{number}-{turn}"
    spans = [store.positions(number) for number in range(len(LENGTHS))]
    assert list(chain.from_iterable(spans)) == list(range(len(store)))


def test_counts_are_those_of_the_shards(store: UtteranceStore) -> None:
    assert list(store.counts) == [6, 7, 3] and sum(store.counts) == len(store)
    assert store.split == "train" and store.manifest.name == "talks"


def test_the_fingerprint_is_not_that_of_the_conversations(store: UtteranceStore, tmp_path: Path) -> None:
    assert store.fingerprint != store.conversations.fingerprint
    twin: UtteranceStore = pickle.loads(pickle.dumps(store))
    assert twin.fingerprint == store.fingerprint and twin.key(4) == store.key(4)
    assert bytes(twin.get(4)["json"]) == bytes(store.get(4)["json"])
