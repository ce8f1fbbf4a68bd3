"""Which names sort people, and that those of emotions do not."""

from __future__ import annotations

import pytest

from affectkit.labels import label_spaces
from affectkit.labels.sensitive_attributes import sensitive_attributes


@pytest.mark.parametrize(
    ("names", "space", "found"),
    [
        (["Gender"], "", ["gender"]),
        (["skin_colour", "AGE"], "", ["age", "skin colour"]),
        (["Male", "Female"], "mine2.v1", ["gender"]),
        (["a", "b"], "gender2.v1", ["gender"]),
        (["a", "b"], "ethnicity", ["ethnicity"]),
        (["a", "b"], "agewise.v1", []),
        (["engagement", "manner"], "", []),
    ],
)
def test_names_that_sort_people_are_found(names: list[str], space: str, found: list[str]) -> None:
    assert sensitive_attributes(names, space=space) == found


def test_no_shipped_space_of_labels_sorts_people() -> None:
    spaces = label_spaces()
    assert spaces and [space.name for space in spaces if sensitive_attributes(space, space=space.name)] == []
