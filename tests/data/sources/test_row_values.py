from __future__ import annotations

from pathlib import Path

import pytest

from affectkit.data.sources import SourceError
from affectkit.data.sources.row_values import RowValues, safe_key
from affectkit.labels import affect_scale, label_space

ROW = RowValues(Path("list.txt"), 7)


@pytest.mark.parametrize("text", ["", "x", "1.0", "1e3", "٣", "0x1", "4", "-2", "1_0", "³"])
def test_a_whole_number_is_plain_digits_in_range(text: str) -> None:
    assert ROW.whole(" -1 ", what="label", low=-1, high=3) == -1
    assert ROW.whole("03", what="label", low=0, high=3) == 3
    with pytest.raises(SourceError, match=r"list\.txt, row 7: the label .* no whole number from -1 to 3"):
        ROW.whole(text, what="label", low=-1, high=3)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-Infinity", "1e999"])
def test_a_real_number_is_finite(text: str) -> None:
    assert ROW.real(" 1.5 ", what="valence") == 1.5
    with pytest.raises(SourceError, match="no finite number"):
        ROW.real(text, what="valence")


def test_dims_lose_their_marks_of_absence_and_keep_their_range() -> None:
    scale = affect_scale("va.affectnet")
    assert ROW.dims(["-2", "0.5"], scale) == [None, 0.5]
    with pytest.raises(SourceError, match=r"row 7: arousal 1\.01 lies outside"):
        ROW.dims(["0", "1.01"], scale)


def test_a_label_is_found_by_name_or_common_alias() -> None:
    space = label_space("dfew7.official")
    assert [ROW.label(text, space) for text in ("Happy", " sadness ", "ANGRY")] == [0, 1, 3]
    with pytest.raises(SourceError, match="'calm' is none of happiness, sadness"):
        ROW.label("calm", space)


@pytest.mark.parametrize("text", ["/etc/passwd", "../a", "a/../../b", "", "..\\a"])
def test_a_path_stays_inside_the_folder(text: str) -> None:
    assert ROW.inside(Path("set"), "a\\b.jpg") == Path("set/a/b.jpg")
    with pytest.raises(SourceError, match="leaves set"):
        ROW.inside(Path("set"), text)


def test_a_key_has_no_dot_space_or_outer_slash() -> None:
    assert safe_key("/a b/c.d-e_1/") == "a_b/c_d-e_1"
