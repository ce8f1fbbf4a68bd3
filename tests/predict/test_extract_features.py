from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from affectkit.data.decode import decode_member, decode_safetensors
from affectkit.data.schema import ItemRecord, conversation_record, parse_json
from affectkit.data.shards import (
    DatasetWriter,
    Licence,
    Manifest,
    SampleKind,
    ShardError,
    open_shards,
    read_manifest,
)
from affectkit.data.synthetic.png_bytes import png_bytes
from affectkit.data.synthetic.wav_bytes import wav_bytes
from affectkit.encoders import FeatureExtractor
from affectkit.encoders.tiny import TinyAudioEncoder, TinyImageEncoder, TinyTextEncoder
from affectkit.labels import label_space
from affectkit.predict import ExtractError, ExtractReport, extract_features, stored_modalities

Digests = Callable[[Path], dict[str, str]]


def tiny_encoders() -> dict[str, FeatureExtractor]:
    return {
        "text": TinyTextEncoder(out_dim=8),
        "visual": TinyImageEncoder(out_dim=8),
        "audio": TinyAudioEncoder(),
    }


class CountingEncoder:
    """Length of each text; remembers how often it was called, and may return a wrong shape."""

    modality = "text"
    out_dim = 1
    identity = "counting:1"

    def __init__(self, *, extra_rows: int = 0) -> None:
        self.calls = 0
        self.extra_rows = extra_rows

    def __call__(self, items: Sequence[str]) -> Tensor:
        self.calls += 1
        lengths = [float(len(item)) for item in items] + [0.0] * self.extra_rows
        return torch.tensor(lengths).unsqueeze(1)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_features_are_those_of_the_encoders_and_all_else_is_carried_along(
    corpus: Path, tmp_path: Path
) -> None:
    encoders = tiny_encoders()
    report = extract_features(corpus, tmp_path / "out", encoders=encoders, unit_samples=2)
    assert report == ExtractReport(finished=True, encoded=4, kept=0)
    before, after = read_manifest(corpus), read_manifest(tmp_path / "out")
    assert (after.label_space, after.licence, after.dims) == (before.label_space, before.licence, before.dims)
    assert after.synthetic and after.class_counts == before.class_counts
    assert {name: spec.dim for name, spec in after.features.items()} == {"audio": 84, "text": 8, "visual": 8}
    assert {name: spec.encoder for name, spec in after.features.items()} == {
        name: encoder.identity for name, encoder in encoders.items()
    }
    assert str(tmp_path) not in after.created_by and str(corpus) not in after.created_by
    absent = 0
    for split in ("train", "val", "test"):
        old, new = open_shards(corpus, split), open_shards(tmp_path / "out", split)
        assert [old.key(i) for i in range(len(old))] == [new.key(i) for i in range(len(new))]
        for position in range(len(old)):
            raw, made = old.get(position), new.get(position)
            assert set(made) == {"json", "safetensors"}
            assert bytes(made["json"]) == bytes(raw["json"])
            features = decode_safetensors(made["safetensors"])
            utterances = conversation_record(parse_json(raw["json"]))["utterances"]
            assert torch.equal(features["text"], encoders["text"]([item["text"] for item in utterances]))
            assert "text.present" not in features
            for name, member in (("visual", "face-{:03d}.png"), ("audio", "voice-{:03d}.wav")):
                present = features.get(f"{name}.present", torch.ones(len(utterances), dtype=torch.bool))
                for number in range(len(utterances)):
                    ext = member.format(number)
                    assert bool(present[number]) == (ext in raw)
                    expected = torch.zeros(encoders[name].out_dim)
                    if ext in raw:
                        expected = encoders[name]([decode_member(ext, raw[ext])])[0]
                    else:
                        absent += 1
                    torch.testing.assert_close(features[name][number], expected)
    assert absent > 5
    assert leftovers(tmp_path) == []


def test_two_jobs_give_the_same_bytes_as_one(corpus: Path, tmp_path: Path, digests: Digests) -> None:
    threads = torch.get_num_threads()
    for jobs in (1, 2):
        extract_features(corpus, tmp_path / f"{jobs}", encoders=tiny_encoders(), jobs=jobs, unit_samples=2)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert torch.get_num_threads() == threads


def test_ranks_share_the_work_in_any_order_and_the_last_one_finishes(
    corpus: Path, tmp_path: Path, digests: Digests
) -> None:
    whole = tmp_path / "whole"
    extract_features(corpus, whole, encoders={"text": CountingEncoder()}, unit_samples=1)
    shared = tmp_path / "shared"
    reports = [
        extract_features(
            corpus,
            shared,
            encoders={"text": CountingEncoder()},
            unit_samples=1,
            rank=rank,
            world_size=4,
        )
        for rank in (2, 0, 3, 1)
    ]
    assert [report.finished for report in reports] == [False, False, False, True]
    assert [report.encoded for report in reports] == [1, 2, 1, 2]
    assert digests(whole) == digests(shared)
    late = extract_features(
        corpus, shared, encoders={"text": CountingEncoder()}, unit_samples=1, rank=2, world_size=4
    )
    assert late == ExtractReport(finished=True, encoded=0, kept=0)
    assert leftovers(tmp_path) == []


def test_a_finished_set_is_not_made_again(corpus: Path, tmp_path: Path) -> None:
    encoder = CountingEncoder()
    extract_features(corpus, tmp_path / "out", encoders={"text": encoder})
    calls = encoder.calls
    again = extract_features(corpus, tmp_path / "out", encoders={"text": encoder})
    assert again == ExtractReport(finished=True, encoded=0, kept=0)
    assert encoder.calls == calls


def test_parts_of_another_encoder_are_not_taken(corpus: Path, tmp_path: Path, digests: Digests) -> None:
    half = TinyTextEncoder(out_dim=4, seed=1)
    extract_features(corpus, tmp_path / "out", encoders={"text": half}, unit_samples=2, rank=0, world_size=2)
    assert leftovers(tmp_path) == [".out.extract"]
    other = TinyTextEncoder(out_dim=4, seed=2)
    report = extract_features(corpus, tmp_path / "out", encoders={"text": other}, unit_samples=2)
    assert report == ExtractReport(finished=True, encoded=4, kept=0)
    extract_features(corpus, tmp_path / "fresh", encoders={"text": other}, unit_samples=2)
    assert digests(tmp_path / "out") == digests(tmp_path / "fresh")


def test_a_damaged_part_is_made_again(corpus: Path, tmp_path: Path) -> None:
    encoders = {"text": CountingEncoder()}
    extract_features(corpus, tmp_path / "out", encoders=encoders, unit_samples=1, rank=0, world_size=2)
    part = sorted((tmp_path / ".out.extract").glob("*.safetensors"))[0]
    part.write_bytes(part.read_bytes()[:20])
    report = extract_features(corpus, tmp_path / "out", encoders=encoders, unit_samples=1)
    assert report == ExtractReport(finished=True, encoded=4, kept=2)


def test_features_of_the_source_are_kept(corpus: Path, tmp_path: Path) -> None:
    first, second = TinyTextEncoder(out_dim=4), TinyTextEncoder(out_dim=6)
    extract_features(corpus, tmp_path / "one", encoders={"text": first})
    extract_features(tmp_path / "one", tmp_path / "two", encoders={"words": second})
    manifest = read_manifest(tmp_path / "two")
    assert {name: spec.dim for name, spec in manifest.features.items()} == {"text": 4, "words": 6}
    before = decode_safetensors(open_shards(tmp_path / "one", "val").get(0)["safetensors"])
    after = decode_safetensors(open_shards(tmp_path / "two", "val").get(0)["safetensors"])
    assert torch.equal(after["text"], before["text"]) and after["words"].shape[1] == 6
    with pytest.raises(ExtractError, match="already has features 'text'"):
        extract_features(tmp_path / "one", tmp_path / "three", encoders={"text": second})
    with pytest.raises(ExtractError, match="no visual inputs"):
        extract_features(tmp_path / "one", tmp_path / "three", encoders={"v": TinyImageEncoder()})


def test_progress_counts_the_units_of_this_process(corpus: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    extract_features(
        corpus,
        tmp_path / "out",
        encoders={"text": CountingEncoder()},
        unit_samples=2,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_stored_modalities_are_those_with_members(corpus: Path, tmp_path: Path) -> None:
    assert stored_modalities(corpus) == ("text", "visual", "audio")
    extract_features(corpus, tmp_path / "out", encoders={"text": CountingEncoder()})
    assert stored_modalities(tmp_path / "out") == ("text",)


def test_an_existing_set_is_replaced_only_on_demand(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_features(corpus, out, encoders={"text": CountingEncoder()})
    with pytest.raises(ExtractError, match="--overwrite"):
        extract_features(corpus, out, encoders={"text": TinyTextEncoder(out_dim=4)})
    assert read_manifest(out).features["text"].dim == 1
    extract_features(corpus, out, encoders={"text": TinyTextEncoder(out_dim=4)}, overwrite=True)
    assert read_manifest(out).features["text"].dim == 4


@pytest.mark.parametrize(
    ("jobs", "rank", "world_size", "unit_samples"),
    [(0, 0, 1, 1), (1, 1, 1, 1), (1, -1, 2, 1), (1, 0, 1, 0)],
)
def test_impossible_numbers_are_refused(
    corpus: Path, tmp_path: Path, jobs: int, rank: int, world_size: int, unit_samples: int
) -> None:
    with pytest.raises(ExtractError, match="rank < world_size"):
        extract_features(
            corpus,
            tmp_path / "out",
            encoders=tiny_encoders(),
            jobs=jobs,
            rank=rank,
            world_size=world_size,
            unit_samples=unit_samples,
        )


def test_wrong_requests_are_refused_in_one_sentence(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match="at least one"):
        extract_features(corpus, tmp_path / "out", encoders={})
    (tmp_path / "link").symlink_to(corpus)
    for same in (corpus, tmp_path / "link", corpus / ".." / corpus.name):
        with pytest.raises(ExtractError, match="source itself"):
            extract_features(corpus, same, encoders=tiny_encoders(), overwrite=True)
    with pytest.raises(ExtractError, match="cannot be written"):
        extract_features(corpus, tmp_path / "no" / "out", encoders=tiny_encoders())
    with pytest.raises(ExtractError, match=r"counting:1 gave features of shape \(\d+, 1\)"):
        extract_features(corpus, tmp_path / "out", encoders={"text": CountingEncoder(extra_rows=1)})
    with pytest.raises(ShardError, match=r"manifest\.json"):
        extract_features(tmp_path, tmp_path / "out", encoders=tiny_encoders())


def other_set(folder: Path, *, kind: SampleKind, members: dict[str, bytes]) -> Path:
    template = Manifest(
        name="other",
        kind=kind,
        label_space=None,
        licence=Licence("CC0", "open"),
        created_by="a test",
    )
    with DatasetWriter(folder, template) as writer:
        writer.add("train", "one", members)
    return folder


def test_other_kinds_of_sample_are_refused(tmp_path: Path) -> None:
    source = other_set(tmp_path / "clips", kind="clip", members={"mp4": b"a clip"})
    with pytest.raises(ExtractError, match="kind 'clip'"):
        extract_features(source, tmp_path / "out", encoders={"text": CountingEncoder()})
    # Pictures are read, and nothing was said of this one.
    source = other_set(tmp_path / "pictures", kind="image", members={"jpg": b"a picture"})
    with pytest.raises(ExtractError, match="holds no text inputs: leave out the encoder 'text'"):
        extract_features(source, tmp_path / "out", encoders={"text": CountingEncoder()})


def texts(folder: Path, *, record: ItemRecord | None = None) -> Path:
    template = Manifest(
        name="texts",
        kind="text",
        label_space=label_space("goemotions7.ekman"),
        licence=Licence("CC0", "open"),
        created_by="a test",
    )
    with DatasetWriter(folder, template) as writer:
        for number in range(5 if record is None else 1):
            made: ItemRecord = {
                "id": str(number),
                "label": None,
                "text": "x" * number,
                "multilabel": [number],
            }
            writer.add_item("train", f"key{number}", made if record is None else record)
    return folder


def test_texts_get_a_vector_each_and_keep_their_labels(tmp_path: Path, digests: Digests) -> None:
    source = texts(tmp_path / "texts")
    assert stored_modalities(source) == ("text",)
    extract_features(source, tmp_path / "one", encoders={"text": CountingEncoder()}, unit_samples=2)
    extract_features(tmp_path / "one", tmp_path / "two", encoders={"more": TinyTextEncoder(out_dim=4)})
    before, after = read_manifest(source), read_manifest(tmp_path / "two")
    assert after.class_counts == before.class_counts and after.kind == "text"
    old, new = open_shards(source, "train"), open_shards(tmp_path / "two", "train")
    for number in range(5):
        assert bytes(new.get(number)["json"]) == bytes(old.get(number)["json"])
        features = decode_safetensors(new.get(number)["safetensors"])
        assert features["text"].tolist() == [float(number)] and features["more"].shape == (4,)
    with pytest.raises(ExtractError, match="no audio inputs"):
        extract_features(source, tmp_path / "three", encoders={"audio": TinyAudioEncoder()})
    silent = texts(tmp_path / "silent", record={"id": "0", "label": None})
    with pytest.raises(ShardError, match=r"'key0'.*no text"):
        extract_features(silent, tmp_path / "four", encoders={"text": CountingEncoder()})


RECORD = b'{"id":"one","speakers":["A"],"utterances":[{"id":"0","label":null,"speaker":0,"text":"hi"}]}'


@pytest.mark.parametrize(
    ("ext", "content", "message"),
    [
        ("face-000.png", b"not a picture", r"'one'.*'face-000\.png'"),
        ("face-007.png", b"", r"'one'.*'face-007\.png' belongs to no utterance"),
    ],
)
def test_a_bad_face_is_named_with_its_place(tmp_path: Path, ext: str, content: bytes, message: str) -> None:
    source = other_set(tmp_path / "faces", kind="conversation", members={"json": RECORD, ext: content})
    with pytest.raises(ValueError, match=message):
        extract_features(source, tmp_path / "out", encoders={"visual": TinyImageEncoder()})
    assert not (tmp_path / "out").exists()


def test_all_faces_of_a_turn_count_by_their_areas(tmp_path: Path) -> None:
    sizes = {"face-000.02.png": (4, 4), "face-000.00.png": (8, 12), "face-000.01.png": (16, 16)}
    pictures = {
        ext: np.full((height, width, 3), 10 * height + width, dtype=np.uint8)
        for ext, (height, width) in sizes.items()
    }
    members = {ext: png_bytes(pixels) for ext, pixels in pictures.items()}
    source = other_set(tmp_path / "faces", kind="conversation", members={"json": RECORD, **members})
    encoder = TinyImageEncoder(out_dim=8)
    extract_features(source, tmp_path / "out", encoders={"visual": encoder})
    made = decode_safetensors(open_shards(tmp_path / "out", "train").get(0)["safetensors"])
    assert "visual.present" not in made and made["visual"].shape == (1, 8)
    rows = {ext: encoder([torch.from_numpy(pixels)])[0] for ext, pixels in pictures.items()}
    areas = {ext: height * width for ext, (height, width) in sizes.items()}
    expected = torch.stack([rows[ext] * areas[ext] for ext in sizes]).sum(0) / sum(areas.values())
    torch.testing.assert_close(made["visual"][0], expected)
    assert not torch.allclose(expected, rows["face-000.02.png"], atol=1e-2)


def test_a_second_recording_of_a_turn_is_refused(tmp_path: Path) -> None:
    voice = wav_bytes(np.zeros(80, dtype=np.float32))
    members = {"json": RECORD, "voice-000.00.wav": voice, "voice-000.01.wav": voice}
    source = other_set(tmp_path / "talk", kind="conversation", members=members)
    with pytest.raises(ExtractError, match=r"voice-000\.01\.wav' is a further recording of utterance 0"):
        extract_features(source, tmp_path / "out", encoders={"audio": TinyAudioEncoder()})
