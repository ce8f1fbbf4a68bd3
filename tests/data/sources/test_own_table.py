"""Somebody's own tables: what columns may mean, and what is wrong with a row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from affectkit.data.schema import ShardError
from affectkit.data.shards import Manifest
from affectkit.data.sources import SourceError, SourceSample, find_source, make_dataset
from affectkit.data.sources.column_map import read_column_map
from affectkit.data.store import check_dataset
from affectkit.labels import AffectScale


def csv(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def samples(place: Path, form: str = "csv", **options: str) -> list[SourceSample]:
    return list(find_source(form).configured(place, options).read(place))


def made(place: Path, out: Path, form: str = "csv", **options: str) -> Manifest:
    manifest = make_dataset(find_source(form), place, out=out, options=options)
    assert check_dataset(out).problems == ()
    return manifest


def test_texts_labels_dimensions_and_splits(tmp_path: Path) -> None:
    place = csv(
        tmp_path,
        "name,fold,who,line,feels,v,a\n"
        'a1,Train,ana,"hi, you",happy,0.5,\n'
        "a2,validation,bo,well,,-1,1\n"
        "a3,test,ana,oh,Fear,0,0\n",
    )
    options = {
        "id": "name",
        "split": "fold",
        "speaker": "who",
        "text": "line",
        "label": "feels",
        "label_space": "joy,fear",
        "dims": "v,a",
        "scale": "va.unit",
        "name": "Mine 1",
        "licence": "academic",
    }
    found = samples(place, **options)
    assert [(s.split, s.key, s.record) for s in found] == [
        (
            "train",
            "a1",
            {"id": "a1", "label": 0, "text": "hi, you", "speaker": "ana", "dims": [0.5, None]},
        ),
        ("val", "a2", {"id": "a2", "label": None, "text": "well", "speaker": "bo", "dims": [-1.0, 1.0]}),
        ("test", "a3", {"id": "a3", "label": 1, "text": "oh", "speaker": "ana", "dims": [0.0, 0.0]}),
    ]
    manifest = made(place, tmp_path / "out", **options)
    assert manifest.name == "Mine 1"
    assert manifest.kind == "text"
    assert manifest.label_space is not None and manifest.label_space.name == "mine12.own"
    assert manifest.licence.klass == "academic"
    assert manifest.class_counts == {"train": (1, 0), "val": (0, 0), "test": (0, 1)}


def test_files_name_splits_and_rows_name_samples(tmp_path: Path) -> None:
    for name in ("train", "dev", "test"):
        csv(tmp_path, f"t\n{name}\n\nmore\n", f"{name}.csv")
    assert [(s.split, s.key) for s in samples(tmp_path, text="t")] == [
        ("val", "dev_2"),
        ("val", "dev_4"),
        ("test", "test_2"),
        ("test", "test_4"),
        ("train", "train_2"),
        ("train", "train_4"),
    ]


@pytest.mark.parametrize(("first", "cell", "label"), [("0", "6", 6), ("1", "7", 6), ("1", "1", 0)])
def test_numbers_are_labels_only_where_that_is_said(
    tmp_path: Path, first: str, cell: str, label: int
) -> None:
    place = csv(tmp_path, f"t,y\nhi,{cell}\n")
    columns = {"text": "t", "label": "y", "label_space": "fer7.official"}
    assert samples(place, **columns, first_label=first)[0].record["label"] == label  # type: ignore[typeddict-item]
    with pytest.raises(SourceError, match="none of angry"):
        samples(place, **columns)
    with pytest.raises(SourceError, match="'8' is no whole number from"):
        samples(csv(tmp_path, "t,y\nhi,8\n"), **columns, first_label=first)


def test_several_labels(tmp_path: Path) -> None:
    place = csv(tmp_path, "t,y\nhi,joy|fear\nho,\nha,fear|fear\n")
    options = {"text": "t", "label": "y", "label_space": "goemotions7.ekman", "separator": "|"}
    records = [s.record for s in samples(place, **options)]
    assert [record.get("multilabel") for record in records] == [[2, 3], None, [2]]
    assert made(place, tmp_path / "out", **options).class_counts == {"train": (0, 0, 2, 1, 0, 0, 0)}


def test_media_are_found_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "1.JPG").write_bytes(b"not decoded here")
    place = csv(tmp_path, "f\nfaces/1.JPG\n")
    source = find_source("csv").configured(place, {"media": "f"})
    assert source.template.kind == "image"
    assert [s.members for s in source.read(place)] == [{"jpg": tmp_path / "faces" / "1.JPG"}]
    for cell, message in (
        ("../x.jpg", "leaves"),
        ("/etc/x.jpg", "leaves"),
        ("faces/2.jpg", "no file of"),
        ("faces/1.pkl", "no file of"),
    ):
        with pytest.raises(SourceError, match=f"row 2.*{message}"):
            samples(csv(tmp_path, f"f\n{cell}\n"), media="f")
    (tmp_path / "a.wav").write_bytes(b"x")
    with pytest.raises(SourceError, match="row 3: the table mixes audio and image"):
        samples(csv(tmp_path, "f\na.wav\nfaces/1.JPG\n"), media="f")


def test_rows_become_conversations(tmp_path: Path) -> None:
    rows: Sequence[dict[str, object]] = [
        {"d": "one", "who": "ana", "say": "hi", "feel": "joy"},
        {"d": "two", "who": "cy", "say": "yes", "feel": None},
        {"d": "one", "who": "bo", "say": "no", "feel": "anger"},
        {"d": "one", "who": "ana", "say": "why"},
    ]
    place = csv(tmp_path, "\n".join(map(json.dumps, rows)) + "\n", "train.jsonl")
    options = {
        "dialogue": "d",
        "speaker": "who",
        "text": "say",
        "label": "feel",
        "label_space": "meld7.official",
    }
    one, two = samples(place, "jsonl", **options)
    assert (one.split, one.key) == ("train", "one")
    assert one.record == {
        "id": "one",
        "speakers": ["ana", "bo"],
        "utterances": [
            {"id": "one_0", "text": "hi", "speaker": 0, "label": 4},
            {"id": "one_1", "text": "no", "speaker": 1, "label": 6},
            {"id": "one_2", "text": "why", "speaker": 0, "label": None},
        ],
    }
    assert two.key == "two"
    manifest = made(place, tmp_path / "out", "jsonl", **options)
    assert (manifest.kind, manifest.shards[0].samples, manifest.shards[0].items) == ("conversation", 2, 4)


@pytest.mark.parametrize("name", ["map.json", "map.yaml"])
def test_a_file_may_hold_the_map(tmp_path: Path, name: str) -> None:
    place = csv(tmp_path, "t,y\nhi,calm\n")
    content = {"text": "wrong", "label": "y", "label_space": ["calm", "wild"]}
    lines = [f"{key}: {json.dumps(value)}" for key, value in content.items()]
    (tmp_path / name).write_text(json.dumps(content) if name == "map.json" else "\n".join(lines))
    found = samples(place, map=str(tmp_path / name), text="t")
    assert [s.record for s in found] == [{"id": "table_2", "label": 0, "text": "hi"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"colour": "red"}', "unknown option 'colour'"),
        ('{"text": 3}', "has 3 as 'text'"),
        ("[1]", "no table of names"),
        ("{", "not strict JSON"),
    ],
)
def test_a_bad_map_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = csv(tmp_path, content, "map.json")
    with pytest.raises(ShardError, match=message):
        samples(tmp_path, map=str(path))
    with pytest.raises(ShardError, match="cannot be read"):
        samples(tmp_path, map=str(tmp_path / "none.json"))


def test_a_range_is_a_scale_of_the_columns(tmp_path: Path) -> None:
    place = csv(tmp_path, "t,memorability\nhi,0.25\nho,1\n")
    columns = read_column_map(
        {"text": "t", "dims": "memorability", "scale": "0..1", "name": "LaMem"}, name="csv"
    )
    assert columns.scale == AffectScale("lamem.own", ("memorability",), 0, 1)
    found = samples(place, text="t", dims="memorability", scale="0..1")
    assert [sample.record.get("dims") for sample in found] == [[0.25], [1.0]]
    with pytest.raises(SourceError, match="memorability 1 lies outside"):
        samples(place, text="t", dims="memorability", scale="-0.5..0.5")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "neither a text nor a media column"),
        ({"text": "t", "label": "y"}, "label and label_space belong together"),
        ({"text": "t", "dims": "v"}, "dims and scale belong together"),
        ({"text": "t", "dims": "v", "scale": "va.unit"}, "valence, arousal"),
        ({"text": "t", "dims": "v", "scale": "0..high"}, "'0..high' is no range .* write LOW..HIGH"),
        ({"text": "t", "dims": "v", "scale": "1..0"}, "'1..0' is no range"),
        ({"text": "t", "dialogue": "d"}, "needs a column 'speaker'"),
        ({"text": "t", "speaker": "s", "dialogue": "d", "media": "m"}, "leave media"),
        ({"text": "t", "separator": "|"}, "separator splits labels"),
        ({"text": "t", "label": "y", "label_space": "goemotions7.ekman"}, "is multilabel"),
        ({"text": "t", "label": "y", "label_space": "joy,joy"}, "joy"),
        ({"text": "t", "label": "y", "label_space": "joy,fear", "first_label": "2"}, "use 0 or 1"),
        ({"text": "t", "licence": "free"}, "licence class 'free'"),
        ({"txt": "t"}, "no option 'txt'"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ShardError, match=message):
        samples(csv(tmp_path, "t,y\nhi,joy\n"), **options)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,train,,joy,1", "its text is empty"),
        (",train,hi,joy,1", "its id is empty"),
        ("a,holdout,hi,joy,1", "the split 'holdout'"),
        ("a,train,hi,elation,1", "the label 'elation' is none of"),
        ("a,train,hi,joy,x", "'x' is no finite number"),
        ("a,train,hi,joy,7", "lies outside"),
        ("first,train,hi,joy,1", "was already in row 2"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    place = csv(tmp_path, f"id,split,t,y,v\nfirst,train,hi,joy,1\n{row}\n")
    options = {"text": "t", "label": "y", "label_space": "joy,fear", "dims": "v", "scale": "sentiment.mosi"}
    with pytest.raises(SourceError, match=message) as caught:
        samples(place, **options, id="id", split="split")
    assert (caught.value.file, caught.value.row) == (place, 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1]", "no JSON object"),
        ("{", "not strict JSON"),
        ('{"t": NaN}', "NaN"),
        ('{"t": {"a": 1}}', "write a text"),
        ('{"t": true}', "write a text"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    place = csv(tmp_path, f'{{"t": "hi"}}\n{line}\n', "x.jsonl")
    with pytest.raises(SourceError, match=message) as caught:
        samples(place, "jsonl", text="t")
    assert caught.value.row == 2


def test_a_name_that_no_line_has_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no row has the name 'u'"):
        samples(csv(tmp_path, '{"t": "hi"}\n', "x.jsonl"), "jsonl", text="t", speaker="u")
    with pytest.raises(SourceError, match="no rows"):
        samples(csv(tmp_path, "\n", "x.jsonl"), "jsonl", text="t")
    with pytest.raises(SourceError, match=r"no \.csv file"):
        samples(tmp_path, text="t")


def test_a_column_says_how_hard_a_row_is(tmp_path: Path) -> None:
    place = csv(tmp_path, "line,hard\nhi,0.25\nwell,\noh,-1\n")
    found = [sample.record for sample in samples(place, text="line", difficulty="hard")]
    assert [record.get("difficulty") for record in found] == [0.25, None, -1.0]
    with pytest.raises(SourceError, match=r"table\.csv, row 2: the difficulty 'very' is no finite number"):
        samples(csv(tmp_path, "line,hard\nhi,very\n"), text="line", difficulty="hard")
    turns = csv(tmp_path, "line,hard,who,talk\nhi,1,ana,x\n")
    with pytest.raises(ShardError, match="give it to conversations with `affectkit shards difficulty`"):
        samples(turns, text="line", difficulty="hard", speaker="who", dialogue="talk")
