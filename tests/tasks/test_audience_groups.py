"""Who is in which group of an audience."""

from __future__ import annotations

import torch

from affectkit.data.modules.audience import coded_attributes
from affectkit.tasks.audience_groups import audience_groups, group_masks

VOCABULARY = {"gender": ["all", "male"], "age": ["20s", "all"]}
COLUMNS: dict[str, list[str | None]] = {
    "gender": ["all", "all", "male", "male", None, "other"],
    "age": ["all", "20s", "all", "20s", "all", "20s"],
}


def test_rows_about_everybody_about_one_group_and_about_neither() -> None:
    coded = coded_attributes(COLUMNS, VOCABULARY)
    found = {name: mask.tolist() for name, mask in group_masks(coded, VOCABULARY, total="all")}
    assert list(found) == audience_groups(VOCABULARY, total="all")
    assert found["p1"] == [True, False, False, False, False, False]
    assert found["p2"] == [False, True, True, True, False, False]
    assert found["gender=male"] == [False, False, True, True, False, False]
    assert found["age=20s"] == [False, True, False, True, False, True]


def test_without_a_value_for_everybody_there_are_no_protocols() -> None:
    for total in (None, "20s"):
        assert audience_groups(VOCABULARY, total=total)[0] == "gender=all"
        names = [name for name, _ in group_masks(torch.zeros(2, 4), VOCABULARY, total=total)]
        assert names == ["gender=all", "gender=male", "age=20s", "age=all"]
    assert audience_groups({}, total="all") == [] and not list(
        group_masks(torch.zeros(2, 0), {}, total="all")
    )
