from __future__ import annotations

import hashlib
import io
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from affectkit.data.schema import conversation_record, parse_json
from affectkit.data.shards import ShardError, open_shards, read_manifest
from affectkit.data.synthetic import SyntheticCorpus, write_synthetic


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_shards_hold_the_corpus(tmp_path: Path) -> None:
    written = write_synthetic(tmp_path / "set", train=2, val=1, test=1, seed=3, missing=0.2)
    manifest = read_manifest(tmp_path / "set")
    assert manifest == written
    assert manifest.synthetic and manifest.licence.klass == "synthetic"
    assert manifest.label_space is not None and manifest.label_space.name == "meld7.official"
    assert str(tmp_path) not in manifest.created_by
    corpus = SyntheticCorpus(4, seed=3, missing=0.2)
    stores = {split: open_shards(tmp_path / "set", split) for split in ("train", "val", "test")}
    places = [("train", 0), ("train", 1), ("val", 0), ("test", 0)]
    for conversation, (split, position) in zip(corpus, places, strict=True):
        members = stores[split].get(position)
        record = conversation_record(parse_json(members["json"]))
        assert record["id"] == conversation.id == stores[split].key(position)
        assert len(record["utterances"]) == len(conversation.utterances)
        for number, (found, made) in enumerate(
            zip(record["utterances"], conversation.utterances, strict=True)
        ):
            assert (found["text"], found["label"], found["speaker"]) == (made.text, made.label, made.speaker)
            face, voice = members.get(f"face-{number:03d}.png"), members.get(f"voice-{number:03d}.wav")
            assert (face is None) == (made.image is None) and (voice is None) == (made.waveform is None)
            if face is not None and made.image is not None:
                assert np.array_equal(np.asarray(Image.open(io.BytesIO(face))), made.image)
            if voice is not None and made.waveform is not None:
                with wave.open(io.BytesIO(voice)) as file:
                    samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
                assert np.array_equal(samples / np.float32(32768), made.waveform)


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_synthetic(tmp_path / name, train=1, val=1, test=1, seed=seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


def test_an_existing_set_is_replaced_only_on_demand(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "set", train=1, val=1, test=1)
    before = digests(tmp_path / "set")
    with pytest.raises(ShardError, match="already holds"):
        write_synthetic(tmp_path / "set", train=1, val=1, test=1, seed=9)
    assert digests(tmp_path / "set") == before
    write_synthetic(tmp_path / "set", train=1, val=1, test=1, seed=9, overwrite=True)
    assert digests(tmp_path / "set") != before
