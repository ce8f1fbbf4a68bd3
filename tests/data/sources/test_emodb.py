"""EMO-DB: a generator of its file names, the splits by speaker, and what is refused."""

from __future__ import annotations

import io
import os
import wave
from collections import Counter
from pathlib import Path

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.sources import SourceError, find_source, make_dataset
from affectkit.data.store import check_dataset

EMODB = find_source("emodb")
NAMES = ("03a01Fa", "03a01Wb", "08b02La", "09a04Ed", "10b10Ac", "11a07Tb", "12a02Na")


def sound() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(320))
    return buffer.getvalue()


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "emodb"
    (folder / "wav").mkdir(parents=True)
    for name in NAMES:
        (folder / "wav" / f"{name}.wav").write_bytes(sound())
    (folder / "index.csv").write_text("not read")
    return folder


def test_the_name_says_everything(recordings: Path, tmp_path: Path) -> None:
    manifest = make_dataset(EMODB, recordings, out=tmp_path / "out")
    assert manifest.kind == "audio"
    # W L E A F T N: anger, boredom, disgust, fear, happiness, sadness, neutral.
    assert manifest.class_counts == {"train": (1, 1, 1, 1, 1, 1, 1)}
    assert check_dataset(tmp_path / "out").problems == ()
    first, *_ = EMODB.read(recordings)
    assert first.record == {
        "id": "03a01Fa",
        "label": 4,
        "speaker": "03",
        "meta": {"sentence": "a01", "version": "a"},
    }
    assert first.members == {"wav": recordings / "wav" / "03a01Fa.wav"}
    assert [s.key for s in EMODB.read(recordings / "wav")] == sorted(NAMES)


def test_speakers_make_the_splits(recordings: Path) -> None:
    source = EMODB.configured(recordings, {"test": "03", "val": "08, 09"})
    found: dict[str, set[str]] = {}
    for sample in source.read(recordings):
        found.setdefault(sample.split, set()).add(sample.key[:2])
    assert found == {"test": {"03"}, "val": {"08", "09"}, "train": {"10", "11", "12"}}
    with pytest.raises(ShardError, match="is in val and in test"):
        EMODB.configured(recordings, {"test": "03", "val": "03"})
    with pytest.raises(SourceError, match="no speaker '04'; choose from 03, 08"):
        list(EMODB.configured(recordings, {"test": "04"}).read(recordings))


@pytest.mark.parametrize("name", ["03a01Xa.wav", "3a01Fa.wav", "03a01F.wav", "03a01Fa2.wav"])
def test_another_name_is_refused(recordings: Path, name: str) -> None:
    path = recordings / "wav" / name
    path.write_bytes(sound())
    with pytest.raises(SourceError, match="its name is not speaker, sentence") as caught:
        list(EMODB.read(recordings))
    assert caught.value.file == path


def test_a_recording_twice_or_none_is_refused(recordings: Path, tmp_path: Path) -> None:
    (recordings / "wav" / "03a01Fa.flac").write_bytes(b"x")
    with pytest.raises(SourceError, match="as wav and as flac"):
        list(EMODB.read(recordings))
    with pytest.raises(SourceError, match="no wav or flac file"):
        list(EMODB.read(tmp_path))


@pytest.mark.realdata
def test_the_published_counts(tmp_path: Path) -> None:
    folder = Path(os.environ.get("AFFECTKIT_DATA", "")) / "emodb"
    if "AFFECTKIT_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("AFFECTKIT_DATA names no folder with emodb/")
    manifest = make_dataset(EMODB, folder, out=tmp_path / "out")
    # index.csv counts anger 127, boredom 81, disgust 46, fear 69, happiness 71, sadness 62, neutral 79.
    assert manifest.class_counts == {"train": (127, 81, 46, 69, 71, 62, 79)}
    speakers = Counter(sample.key[:2] for sample in EMODB.read(folder))
    assert len(speakers) == 10 and sum(speakers.values()) == 535
