"""Every planted fault is found, and nothing in a clean set."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import pytest
import torch

from affectkit.data.schema import ConversationRecord, ItemRecord
from affectkit.data.shards import DatasetWriter, FeatureSpec, Licence, Manifest, SampleKind
from affectkit.data.store import shards_to_lmdb
from affectkit.labels import LabelSpace, affect_scale, label_space, published_counts
from affectkit.report.audit import AuditError, AuditReport, AuditSettings, Finding, audit_datasets

Record = ItemRecord | ConversationRecord
Planted = tuple[str, str, Record, dict[str, bytes], dict[str, torch.Tensor]]


class MakeSet(Protocol):
    def __call__(self, folder: str, template: Manifest, samples: Sequence[Planted]) -> Path: ...


TEXTS = (
    "The river was higher than anyone in the village could remember.",
    "She asked for the manager and then simply walked out.",
    "Nobody had told them that the concert was cancelled.",
    "I never thought I would be so glad to see rain again.",
    "His brother laughed until the whole table joined in.",
    "They waited for the results with their eyes closed.",
)


def template(name: str, kind: SampleKind, licence: Licence, space: LabelSpace | None = None) -> Manifest:
    return Manifest(name=name, kind=kind, label_space=space, licence=licence, created_by="a test")


def text(
    split: str, key: str, words: str, label: int | None = None, speaker: str | None = None, **meta: str
) -> Planted:
    record: ItemRecord = {"id": f"{split}-{key}", "label": label, "text": words}
    if speaker is not None:
        record["speaker"] = speaker
    if meta:
        record["meta"] = dict(meta)
    return split, key, record, {}, {}


def talk(split: str, key: str, lines: Sequence[str], speakers: Sequence[str] = ("A", "B")) -> Planted:
    record: ConversationRecord = {
        "id": f"{split}-{key}",
        "speakers": list(speakers),
        "utterances": [
            {"id": str(n), "text": line, "speaker": n % len(speakers), "label": None}
            for n, line in enumerate(lines)
        ],
    }
    return split, key, record, {}, {}


def only(report: AuditReport, code: str) -> Finding:
    (found,) = [finding for finding in report.findings if finding.code == code]
    return found


def codes(report: AuditReport) -> set[str]:
    return {finding.code for finding in report.findings}


def test_a_clean_set_gives_nothing(make_set: MakeSet, open_licence: Licence) -> None:
    samples = [
        text(split, f"{split}{n}", TEXTS[n + shift], label=n, speaker=f"{split} speaker {n}")
        for split, shift in (("train", 0), ("val", 2), ("test", 4))
        for n in range(2)
    ]
    space = label_space("sentiment2.mosi")
    report = audit_datasets([make_set("clean", template("clean", "text", open_licence, space), samples)])
    assert report.findings == ()
    assert report.searched["text"].units == 6


def test_duplicates_within_and_across_splits(make_set: MakeSet, open_licence: Licence) -> None:
    samples = [
        text("train", "a", TEXTS[0]),
        text("train", "b", TEXTS[0]),
        text("train", "c", TEXTS[1], speaker="x"),
        text("test", "d", TEXTS[0]),
        text("test", "e", TEXTS[1].upper().replace(".", " !")),
        text("test", "f", TEXTS[2]),
        text("train", "g", TEXTS[2].replace("cancelled", "cancelled now")),
    ]
    space = label_space("sentiment2.mosi")
    root = make_set("set", template("notes", "text", open_licence, space), samples)
    report = audit_datasets([root])
    within, across = sorted(
        (f for f in report.findings if f.code == "duplicate_text"), key=lambda f: f.severity, reverse=True
    )
    assert (within.severity, within.places, within.count) == ("warning", ("notes/train",), 1)
    assert within.examples == ("notes/train/a = notes/train/b",)
    assert (across.severity, across.places, across.count) == ("error", ("notes/train", "notes/test"), 1)
    assert across.examples == ("notes/train/a = notes/test/d",)
    near = only(report, "near_duplicate_text")
    assert (near.severity, near.count) == ("warning", 2)
    assert near.examples[0] == "notes/train/c ~ notes/test/e (1.00)"
    assert near.examples[1].startswith("notes/train/g ~ notes/test/f (0.9")
    strict = AuditSettings(text_similarity=1.0)
    assert only(audit_datasets([root], settings=strict), "near_duplicate_text").count == 1


def test_phrases_may_be_repeated(make_set: MakeSet, open_licence: Licence) -> None:
    samples = [text("train", "a", "Thank you!"), text("test", "b", "Thank you!")]
    root = make_set("set", template("notes", "text", open_licence), samples)
    report = audit_datasets([root])
    assert [(f.code, f.severity) for f in report.findings] == [("repeated_phrase", "note")]
    exact = audit_datasets([root], settings=AuditSettings(short_words=0))
    assert [(f.code, f.severity) for f in exact.findings] == [("duplicate_text", "error")]
    other = make_set("other", template("others", "text", open_licence), samples[:1])
    assert codes(audit_datasets([root, other])) == {"repeated_phrase"}
    assert all("others" not in str(f.places) for f in audit_datasets([root, other]).findings)


def test_pictures(
    make_set: MakeSet, open_licence: Licence, picture: Callable[..., bytes], plain: bytes
) -> None:
    def item(split: str, key: str, data: bytes, ext: str = "png", label: int | None = 0) -> Planted:
        return split, key, {"id": f"{split}-{key}", "label": label}, {ext: data}, {}

    samples = [
        item("train", "a", picture(1)),
        item("train", "b", picture(4)),
        item("test", "c", picture(1), label=1),
        item("test", "d", picture(4, kind="JPEG", side=48), ext="jpg"),
        item("test", "e", picture(3)),
        item("train", "f", plain),
        item("test", "g", plain),
    ]
    root = make_set("faces", template("faces", "image", open_licence, label_space("fer7.official")), samples)
    report = audit_datasets([root])
    exact = only(report, "duplicate_picture")
    assert (exact.severity, exact.examples) == ("error", ("faces/train/a = faces/test/c",))
    near = only(report, "near_duplicate_picture")
    assert (near.severity, near.count) == ("warning", 1)
    assert near.examples[0].startswith("faces/train/b ~ faces/test/d (")
    same_pixels = audit_datasets([root], settings=AuditSettings(picture_similarity=1.0))
    assert "near_duplicate_picture" not in codes(same_pixels)
    conflict = only(report, "label_conflict")
    assert (conflict.severity, conflict.examples) == ("warning", ("faces/train/a != faces/test/c",))
    assert [f.places for f in report.findings if f.code == "blank_picture"] == [
        ("faces/test",),
        ("faces/train",),
    ]


def test_clips_are_compared_by_their_middle_frame(
    make_set: MakeSet, open_licence: Licence, picture: Callable[..., bytes]
) -> None:
    def clip(split: str, key: str, seeds: Sequence[int], **how: str) -> Planted:
        frames = {
            f"frame-{n:03d}.{how.get('ext', 'png')}": picture(seed, kind=how.get("kind", "PNG"))
            for n, seed in enumerate(seeds)
        }
        return split, key, {"id": f"{split}-{key}", "label": None}, frames, {}

    samples = [
        clip("train", "a", (1, 2, 3)),
        clip("test", "b", (7, 2, 8), ext="jpg", kind="JPEG"),
        clip("test", "c", (1, 9, 3)),
    ]
    report = audit_datasets([make_set("clips", template("clips", "clip", open_licence), samples)])
    assert codes(report) == {"near_duplicate_picture"}
    assert only(report, "near_duplicate_picture").examples[0].startswith("clips/train/a ~ clips/test/b")


def test_sounds_and_features(make_set: MakeSet, open_licence: Licence) -> None:
    def sound(split: str, key: str, data: bytes) -> Planted:
        return split, key, {"id": f"{split}-{key}", "label": None}, {"wav": data}, {}

    root = make_set(
        "voices",
        template("voices", "audio", open_licence),
        [sound("train", "a", b"one"), sound("test", "b", b"one"), sound("test", "c", b"two")],
    )
    assert only(audit_datasets([root]), "duplicate_audio").examples == ("voices/train/a = voices/test/b",)

    spec = {"text": FeatureSpec(2, "float32", "tiny")}
    manifest = Manifest(
        name="talks",
        kind="conversation",
        label_space=None,
        features=spec,
        licence=open_licence,
        created_by="me",
    )
    rows = torch.tensor([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]])
    split, key, record, members, _ = talk("train", "a", TEXTS[:3])
    other = talk("test", "b", TEXTS[3:4])
    path = make_set(
        "talks",
        manifest,
        [(split, key, record, members, {"text": rows}), (*other[:4], {"text": rows[:1]})],
    )
    report = audit_datasets([path])
    assert only(report, "blank_features_text").examples == ("talks/train/a#1",)
    found = {f.places: f for f in report.findings if f.code == "duplicate_features_text"}
    assert found["talks/train",].examples == ("talks/train/a#0 = talks/train/a#2",)
    assert found["talks/train", "talks/test"].severity == "warning"


def test_dialogues_and_the_utterances_they_share(make_set: MakeSet, open_licence: Licence) -> None:
    samples = [
        talk("train", "a", TEXTS[:3]),
        talk("test", "same", TEXTS[:3]),
        talk("train", "b", TEXTS[3:5]),
        talk("test", "cut", ["Well then, let us begin with it.", TEXTS[3], TEXTS[4].replace(".", "!")]),
        talk("val", "one", [TEXTS[5]]),
        talk("train", "two", [TEXTS[5], "Something else was said before that."]),
    ]
    report = audit_datasets([make_set("talks", template("talks", "conversation", open_licence), samples)])
    whole = only(report, "duplicate_dialogue")
    assert (whole.severity, whole.examples) == ("error", ("talks/train/a = talks/test/same",))
    shared = only(report, "shared_utterances")
    assert shared.severity == "warning"
    assert shared.examples == (
        "talks/train/a & talks/test/same (3)",
        "talks/train/b & talks/test/cut (2)",
    )
    said = {f.places: f for f in report.findings if f.code == "duplicate_text"}
    assert said["talks/train", "talks/val"].severity == "warning"


def test_people_recordings_and_ids_in_two_splits(make_set: MakeSet, open_licence: Licence) -> None:
    samples = [
        text("train", "a", TEXTS[0], speaker="03", video="v1", scene="x"),
        text("train", "b", TEXTS[1], speaker="08", video="v2", scene="y"),
        text("test", "c", TEXTS[2], speaker="03", video="v2", scene="y"),
        text("val", "d", TEXTS[3], speaker="09", subject="p", scene="z"),
        text("test", "e", TEXTS[4], speaker="10", identity="p", scene="w"),
    ]
    again: ItemRecord = {"id": "train-a", "label": None, "text": TEXTS[5], "speaker": "11"}
    samples.append(("val", "f", again, {}, {}))
    root = make_set("set", template("notes", "text", open_licence), samples)
    report = audit_datasets([root])
    assert codes(report) == {"speaker_leakage", "recording_leakage", "subject_leakage", "repeated_id"}
    assert only(report, "speaker_leakage").examples == ("03",)
    assert "1 of the 2 speakers of notes/test: also in notes/train" in only(report, "speaker_leakage").message
    assert only(report, "recording_leakage").examples == ("v2",)
    assert only(report, "subject_leakage").examples == ("p",)
    assert only(report, "repeated_id").places == ("notes/train", "notes/val")
    asked = audit_datasets([root], settings=AuditSettings(groups=("scene",)))
    assert only(asked, "scene_leakage").examples == ("y",)


def test_parts_in_a_conversation_are_no_people(make_set: MakeSet, open_licence: Licence) -> None:
    samples = [
        talk("train", "a", TEXTS[:2], ("A", "speaker 2")),
        talk("test", "b", TEXTS[2:4], ("A", "speaker 2")),
        talk("val", "c", TEXTS[4:5], ("Sy",)),
        talk("test", "d", TEXTS[5:], ("Sy",)),
    ]
    report = audit_datasets([make_set("talks", template("talks", "conversation", open_licence), samples)])
    assert only(report, "speaker_leakage").examples == ("Sy",)
    assert codes(report) == {"speaker_leakage"}


def test_counts_against_the_published_ones(make_set: MakeSet, open_licence: Licence) -> None:
    space = label_space("meld7.merbench")
    template_ = Manifest(
        name="meld", kind="features", label_space=space, licence=open_licence, created_by="a test"
    )
    stated = published_counts("meld").in_order(space)["val"]

    def items(counts: Sequence[int]) -> list[Planted]:
        return [
            ("val", f"{label}-{n}", {"id": f"{label}-{n}", "label": label}, {}, {})
            for label, count in enumerate(counts)
            for n in range(count)
        ]

    right = audit_datasets([make_set("right", template_, items(stated))])
    assert right.findings == ()
    assert right.datasets[0]["published_counts"] is True
    wrong = [stated[0] - 1, *stated[1:]]
    found = only(audit_datasets([make_set("wrong", template_, items(wrong))]), "class_counts")
    assert (found.severity, found.places) == ("error", ("meld/val",))
    assert "anger 152 instead of 153" in found.message


def test_a_class_that_a_split_lacks(make_set: MakeSet, open_licence: Licence) -> None:
    samples = [
        text("train", "a", TEXTS[0], 0),
        text("train", "b", TEXTS[1], 1),
        text("test", "c", TEXTS[2], 0),
    ]
    space = label_space("sentiment2.mosi")
    report = audit_datasets([make_set("set", template("notes", "text", open_licence, space), samples)])
    found = only(report, "absent_class")
    assert found.places == ("notes/test",)
    assert space.labels[1] in found.message


def test_sets_that_do_not_fit_together(make_set: MakeSet, open_licence: Licence) -> None:
    def one(folder: str, space: str, licence: Licence, number: int) -> Path:
        return make_set(
            folder, template(folder, "text", licence, label_space(space)), [text("train", "a", TEXTS[number])]
        )

    official = one("official", "meld7.official", open_licence, 0)
    other = one("other", "meld7.merbench", open_licence, 1)
    fer = one("fer", "ferplus8.official", Licence("by request", "non-commercial"), 2)
    many = make_set(
        "many",
        template("many", "text", Licence("?", "unknown"), label_space("goemotions28.official")),
        [text("train", "a", TEXTS[3], None)],
    )
    assert codes(audit_datasets([official, other])) == {"label_order"}
    sets = audit_datasets([official, fer])
    assert codes(sets) == {"label_sets", "licence_mix"}
    assert "contempt only in fer" in only(sets, "label_sets").message
    assert only(sets, "licence_mix").message.endswith("is non-commercial.")
    assert codes(audit_datasets([official, many])) == {"label_kind", "licence_mix", "licence_unknown"}


def test_scales_and_ratings(make_set: MakeSet, open_licence: Licence) -> None:
    def rated(folder: str, scale: str, values: list[list[float | None]]) -> Path:
        manifest = Manifest(
            name=folder,
            kind="text",
            label_space=None,
            dims=affect_scale(scale),
            licence=open_licence,
            created_by="me",
        )
        samples: list[Planted] = [
            ("train", f"s{n}", {"id": f"{folder}{n}", "label": None, "text": TEXTS[0], "dims": dims}, {}, {})
            for n, dims in enumerate(values)
        ]
        return make_set(folder, manifest, samples)

    near = rated("near", "va.unit", [[0.0, 0.0], [0.5, None], [None, 0.4]])
    far = rated("far", "va.unit", [[0.0, -0.2], [0.0, 0.4]])
    assert codes(audit_datasets([near])) == {"duplicate_text"}
    assert only(audit_datasets([far]), "dims_conflict").examples == ("far/train/s0 != far/train/s1",)
    other = rated("nine", "va.one_to_nine", [[5.0, 5.0]])
    assert only(audit_datasets([near, other]), "affect_scale").places == ("near", "nine")
    # 9 on 1..9 is the top, and 0 on -1..1 the middle: half a range apart
    top = rated("top", "va.one_to_nine", [[9.0, None]])
    assert "dims_conflict" in codes(audit_datasets([near, top]))
    assert "dims_conflict" not in codes(audit_datasets([near, other]))


def test_labels_are_compared_by_name_between_sets(make_set: MakeSet, open_licence: Licence) -> None:
    joy = {space: label_space(space).index("joy") for space in ("meld7.official", "meld7.merbench")}
    first = make_set(
        "a",
        template("a", "text", open_licence, label_space("meld7.official")),
        [text("train", "x", TEXTS[0], joy["meld7.official"])],
    )
    second = make_set(
        "b",
        template("b", "text", open_licence, label_space("meld7.merbench")),
        [text("test", "y", TEXTS[0], joy["meld7.merbench"])],
    )
    third = make_set(
        "c",
        template("c", "text", open_licence, label_space("meld7.merbench")),
        [text("test", "z", TEXTS[0], joy["meld7.official"])],
    )
    assert joy["meld7.official"] != joy["meld7.merbench"]
    same = audit_datasets([first, second])
    assert codes(same) == {"label_order", "duplicate_text"}
    assert only(same, "duplicate_text").severity == "warning"
    assert only(audit_datasets([first, third]), "label_conflict").places == ("a", "c")


def test_labels_of_different_sets_of_labels_do_not_conflict(make_set: MakeSet, open_licence: Licence) -> None:
    roots = [
        make_set(
            name, template(name, "text", open_licence, label_space(space)), [text("train", "x", TEXTS[0], 1)]
        )
        for name, space in (("a", "meld7.official"), ("b", "sentiment2.mosi"))
    ]
    assert codes(audit_datasets(roots)) == {"label_sets", "duplicate_text"}


def test_two_folders_of_one_set(make_set: MakeSet, open_licence: Licence) -> None:
    first = make_set(
        "one", template("notes", "text", open_licence), [text("train", "a", TEXTS[0], speaker="p")]
    )
    second = make_set(
        "two", template("notes", "text", open_licence), [text("test", "b", TEXTS[0], speaker="p")]
    )
    report = audit_datasets([first, second])
    assert only(report, "duplicate_text").places == ("notes (one)/train", "notes (two)/test")
    assert only(report, "duplicate_text").severity == "error"
    assert only(report, "speaker_leakage").count == 1
    with pytest.raises(AuditError, match="give each once"):
        audit_datasets([first, first])
    with pytest.raises(AuditError, match="give the folder"):
        audit_datasets([])


def test_texts_in_files_and_classes_of_foreign_tars(tmp_path: Path, open_licence: Licence) -> None:
    words = {
        "a": (TEXTS[0], "0"),
        "b": (TEXTS[0], "1"),
        "c": (TEXTS[1], "1"),
        "d": (TEXTS[1] + " Really.", "1"),
    }
    manifest = template("foreign", "text", open_licence, label_space("sentiment2.mosi"))
    with DatasetWriter(tmp_path / "foreign", manifest) as writer:
        for key, (line, label) in words.items():
            members = {"line.txt": line.encode(), "title.txt": b"Notes", "cls": label.encode()}
            writer.add("train", key, members, labels=[int(label)])
    report = audit_datasets([tmp_path / "foreign"])
    titles, lines = sorted(
        (f for f in report.findings if f.code == "label_conflict"), key=lambda f: -f.rank[0]
    )
    assert (titles.severity, lines.severity) == ("note", "warning")
    assert lines.examples == ("foreign/train/a != foreign/train/b",)
    assert only(report, "near_duplicate_text").examples == ("foreign/train/c ~ foreign/train/d (0.87)",)


def test_an_lmdb_gives_the_same_report(make_set: MakeSet, open_licence: Licence, tmp_path: Path) -> None:
    samples = [text("train", "a", TEXTS[0]), text("test", "b", TEXTS[0] + " Well.")]
    root = make_set("set", template("notes", "text", open_licence), samples)
    shards_to_lmdb(root, tmp_path / "lmdb")
    report = audit_datasets([tmp_path / "lmdb"])
    assert codes(report) == {"near_duplicate_text"}
    assert report.findings == audit_datasets([root]).findings


def test_shards_at_an_address(
    make_set: MakeSet, open_licence: Licence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [text("train", "a", TEXTS[0]), text("test", "b", TEXTS[0] + " Well.")]
    root = make_set("set", template("notes", "text", open_licence), samples)
    monkeypatch.setenv("AFFECTKIT_CACHE", str(tmp_path / "cache"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        report = audit_datasets([f"http://127.0.0.1:{server.server_port}"])
        server.shutdown()
        thread.join()
    assert report.findings == audit_datasets([root]).findings


def test_damaged_samples_are_a_finding(make_set: MakeSet, open_licence: Licence) -> None:
    root = make_set(
        "faces",
        template("faces", "image", open_licence),
        [
            ("train", "bad", {"id": "1", "label": None}, {"png": b"no picture"}, {}),
            text("train", "good", TEXTS[0]),
        ],
    )
    found = only(audit_datasets([root]), "unreadable")
    assert (found.severity, found.examples) == ("error", ("faces/train/bad",))


def test_the_report_is_the_same_again_and_names_no_path(
    make_set: MakeSet, open_licence: Licence, tmp_path: Path
) -> None:
    samples = [text("train", "a", TEXTS[0]), text("test", "b", TEXTS[0])]
    root = make_set("set", template("notes", "text", open_licence), samples)
    seen: list[str] = []
    totals: list[int] = []
    report = audit_datasets([root], on_sample=seen.append, on_start=totals.append)
    assert (seen, totals) == (["notes/train", "notes/test"], [2])
    report.write(tmp_path / "audit.json")
    data = (tmp_path / "audit.json").read_bytes()
    assert data == audit_datasets([root]).to_json()
    assert str(tmp_path) not in data.decode()
    value = json.loads(data)
    assert value["counts"] == {"error": 1, "note": 0, "warning": 0}
    assert value["findings"][0]["examples"] == ["notes/train/a = notes/test/b"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    "wrong",
    [{"text_similarity": 0.2}, {"picture_distance": 9}, {"picture_similarity": 2.0}, {"short_words": -1}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(AuditError, match=next(iter(wrong))):
        AuditSettings(**wrong)  # type: ignore[arg-type]
