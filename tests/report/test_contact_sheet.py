"""A sheet shows every picture once, in order, with its caption."""

from __future__ import annotations

import numpy as np
import pytest

from affectkit.report.figures import contact_sheet_figure


def test_pictures_in_rows() -> None:
    pictures = [np.full((4, 6, 3), value, dtype=np.uint8) for value in range(7)]
    figure = contact_sheet_figure(pictures, [f"no {i}" for i in range(7)], title="of joy", columns=3)
    assert len(figure.axes) == 9
    for i, axes in enumerate(figure.axes):
        assert [np.asarray(image.get_array()).tolist() for image in axes.images] == (
            [pictures[i].tolist()] if i < 7 else []
        )
        assert axes.get_title() == (f"no {i}" if i < 7 else "")
        assert not axes.axison
    assert figure.get_suptitle() == "of joy"


def test_nothing_to_show_is_an_error() -> None:
    picture = np.zeros((2, 2, 3), dtype=np.uint8)
    for pictures in ([], [picture]):
        captions = ["one"] * (1 - len(pictures))
        with pytest.raises(ValueError, match="at least one picture, and a caption for each"):
            contact_sheet_figure(pictures, captions)
