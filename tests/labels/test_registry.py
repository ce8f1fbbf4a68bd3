from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from affectkit.labels import LabelSpace, UnknownLabelError, canonical, label_space, label_spaces, reconcile
from affectkit.labels.sensitive_attributes import sensitive_attributes

#: Typed from the sources a second time, apart from the table of the package.
CHECKED = {
    "meld7.official": "neutral surprise fear sadness joy disgust anger",
    "meld7.merbench": "anger joy sadness neutral disgust fear surprise",
    "meld7.wild": "neutral joy surprise anger sadness disgust fear",
    "meld3.sentiment": "neutral positive negative",
    "sentiment2.mosi": "negative positive",
    "sentiment3.mmsa": "negative neutral positive",
    "affectnet8.official": "neutral happy sad surprise fear disgust anger contempt",
    "affectnet8.alphabetical": "anger contempt disgust fear happiness neutral sadness surprise",
    "affectnet7.official": "neutral happy sad surprise fear disgust anger",
    "affectnet7.alphabetical": "anger disgust fear happiness neutral sadness surprise",
    "rafdb7.official": "surprise fear disgust happiness sadness anger neutral",
    "dfew7.official": "happiness sadness neutral anger surprise disgust fear",
    "fer7.official": "angry disgust fear happy sad surprise neutral",
    "ferplus8.official": "neutral happiness surprise sadness anger disgust fear contempt",
    "iemocap6.erc": "happy sad neutral angry excited frustrated",
    "iemocap4.merbench": "happy sad neutral angry",
    "iemocap4.emotion2vec": "angry happy neutral sad",
    "iemocap4.emobox": "happy sad angry neutral",
    "mer6.official": "neutral angry happy sad worried surprise",
    "ravdess8.official": "neutral calm happy sad angry fearful disgust surprised",
    "emorynlp7.cosmic": "joyful mad peaceful neutral sad powerful scared",
}
SPACES = label_spaces()


@pytest.mark.parametrize("name", CHECKED)
def test_order_equals_the_second_reading(name: str) -> None:
    assert label_space(name).labels == tuple(CHECKED[name].split())


def test_clip_00025_of_mafw_is_anger_in_both_orders() -> None:
    assert label_space("mafw11.dfer_clip").labels[3] == "anger"
    assert label_space("mafw11.mae_dfer").labels[0] == "anger"


def test_sorted_unique_and_every_one_found_by_name() -> None:
    names = [space.name for space in SPACES]
    assert names == sorted(set(names)) and len(names) >= 40
    assert all(label_space(name) is space for name, space in zip(names, SPACES, strict=True))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_every_space_is_consistent(space: LabelSpace) -> None:
    match = re.fullmatch(r"[a-z0-9]*?(\d+)\.[a-z0-9_]+", space.name)
    assert match is not None
    assert space.name.split(".")[0].endswith(str(len(space))), "the name states the number of labels"
    assert space.source
    forms = [canonical(label) for label in space]
    assert len(set(forms)) == len(forms), "an alias would be ambiguous inside this space"
    for index, label in enumerate(space):
        assert space.index(label) == space.index(canonical(label)) == index


def test_multilabel_spaces_are_marked() -> None:
    marked = {space.name for space in SPACES if space.kind == "multilabel"}
    assert marked == {"emotic26.official", "goemotions28.official", "goemotions7.ekman", "mosei6.sdk"}


def test_orders_that_were_only_reported_say_so() -> None:
    marked = {space.name for space in SPACES if not space.verified}
    assert marked == {"afew7.alphabetical", "caer7.alphabetical", "emoset8.official", "visualness2.timed"}


def test_alphabetical_orders_are_alphabetical() -> None:
    for name in ("affectnet7.alphabetical", "affectnet8.alphabetical", "emotic26.official"):
        assert list(label_space(name)) == sorted(label_space(name))
    assert list(label_space("goemotions28.official"))[:27] == sorted(
        label_space("goemotions28.official").labels[:27]
    )


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("meld", "meld7.official, meld7.wild"),
        ("affctnet8.official", "affectnet8.official"),
        ("iemocap4.emotion", "iemocap4.emotion2vec"),
    ],
)
def test_unknown_names_list_near_ones(asked: str, near: str) -> None:
    with pytest.raises(UnknownLabelError, match=re.escape(f"registered as '{asked}': near")) as caught:
        label_space(asked)
    assert all(name in str(caught.value) for name in near.split(", "))
    assert "LabelSpace(name, labels)" in str(caught.value)


def test_labels_with_commas_are_an_order_of_their_own() -> None:
    space = label_space("anger, joy,neutral")
    assert space.labels == ("anger", "joy", "neutral") and space.kind == "categorical"
    assert space.name == "own3.listed" and space.name not in {known.name for known in SPACES}
    assert reconcile(LabelSpace("table3.own", ("neutral", "anger", "joy")), space).table == (2, 0, 1)
    for wrong in ("anger,", "anger,joy,Anger"):
        with pytest.raises(ValueError, match="own"):
            label_space(wrong)


def test_room_imports_without_torch_and_numpy() -> None:
    code = "import sys, affectkit.labels; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.realdata
def test_goemotions_file_has_this_order() -> None:
    root = os.environ.get("AFFECTKIT_DATA")
    if root is None or not Path(root, "goemotions").is_dir():
        pytest.skip("AFFECTKIT_DATA holds no goemotions folder")
    for file, name in (("labels.txt", "goemotions28.official"), ("labels_ekman.txt", "goemotions7.ekman")):
        assert tuple(Path(root, "goemotions", file).read_text().split()) == label_space(name).labels


@pytest.mark.realdata
def test_ferplus_columns_have_this_order() -> None:
    root = os.environ.get("AFFECTKIT_DATA")
    if root is None or not Path(root, "ferplus", "fer2013new.csv").is_file():
        pytest.skip("AFFECTKIT_DATA holds no ferplus/fer2013new.csv")
    with Path(root, "ferplus", "fer2013new.csv").open() as file:
        columns = file.readline().strip().split(",")[2:]
    space = label_space("ferplus10.official")
    assert [space.index(column) for column in columns] == list(range(10))


def test_no_registered_space_sorts_people() -> None:
    for space in label_spaces():
        assert sensitive_attributes(space.labels, space=space.name) == [], space.name
