"""A page for every component: its text is whole, and its pictures are drawn from it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import mechanism_pages
import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch
from mechanism_canvas import SEQUENTIAL, THEMES
from mechanism_classes import component_class
from mechanism_curriculum_pictures import CURRICULA, CURVED
from mechanism_facts import NOT_EXPLAINING, ROOT, explained_in, explained_on
from mechanism_flow import Call, flow, layers
from mechanism_loss_pictures import SWEEPS, setting
from mechanism_page import IncompleteDocstringError, Shown, index, is_doctest, page
from mechanism_pages import kept, write_pages
from mechanism_pictures import MissingPictureError, pictures, rules
from mechanism_text import directive_lines, equation, has_equation, read
from module_cases import CASES
from torch import Tensor, nn

from affectkit.catalog import COMPONENTS, Component, Kind, component
from affectkit.curriculum import ShiftRatioDifficulty

#: One of each kind, quick to draw.
SAMPLE = (
    "AttentionReallocator",
    "BandPower",
    "BcLSTM",
    "Brier",
    "CompetencePacing",
    "ConversationPrompter",
    "DrawnCurriculum",
    "GatedFusion",
    "HclDifficulty",
    "Hypergraph",
    "LinearRamp",
    "MSELoss",
    "OrdinalHead",
    "ProjectionEncoder",
    "TemperatureScaling",
)
SHOWN = [Shown("a", "what it shows", "what is drawn")]


@pytest.mark.parametrize("row", COMPONENTS, ids=lambda row: row.name)
def test_every_page_can_be_written(row: Component) -> None:
    text = page(row, component_class(row), SHOWN)
    assert text.startswith(f":orphan:\n\n{row.name}\n{'=' * len(row.name)}\n")
    assert f"``from {row.path.rpartition('.')[0]} import {row.name}``" in text
    assert re.search(r"\* - From\n     - \S", text) and re.search(
        r"\* - Source\n     - ``affectkit/\S+:\d+``", text
    )
    assert f".. autoclass:: {row.path}\n   :no-index:" in text
    assert text.count(":alt: what it shows") == len(THEMES)


@pytest.mark.parametrize("row", COMPONENTS, ids=lambda row: row.name)
def test_every_component_has_a_rule_for_its_picture(row: Component) -> None:
    assert rules(row)
    if row.kind == "loss":
        assert row.name in SWEEPS, f"say in SWEEPS what {row.name} is drawn over"
    if row.kind == "curriculum":
        assert row.name in CURRICULA
    if row.kind in ("pacing", "schedule"):
        assert row.name in CURVED
    if row.kind == "fusion":
        assert row.name in CASES


def test_a_kind_without_a_rule_is_refused() -> None:
    row = component("MSELoss")._replace(name="Nothing", kind="teacher")
    with pytest.raises(MissingPictureError, match="no rule draws 'Nothing'"):
        rules(row)


def test_a_docstring_that_lacks_something_is_refused() -> None:
    class Bare:
        """Does a thing."""

    row = component("MSELoss")
    with pytest.raises(IncompleteDocstringError, match="a loss needs an equation"):
        page(row, Bare, SHOWN)
    with pytest.raises(IncompleteDocstringError, match="is rebuilt and does not say what differs"):
        page(row._replace(kind="task", status="rebuilt"), Bare, SHOWN)


@pytest.mark.parametrize("name", SAMPLE)
def test_pictures_are_drawn(name: str) -> None:
    for _, picture in pictures(component(name)):
        assert re.search(r"\d", picture.alt) and len(picture.alt) > 40
        themes = picture.svg()
        assert set(themes) == set(THEMES) and themes["light"] != themes["dark"]
        for theme, colours in THEMES.items():
            assert not any(placeholder in themes[theme] for placeholder in colours)


@pytest.mark.parametrize("page", [(1.0, 1.0, 1.0), (0.075, 0.078, 0.086)], ids=["light", "dark"])
def test_much_stands_out_more_than_little_in_each_theme(page: tuple[float, float, float]) -> None:
    colours = np.array([SEQUENTIAL(step / 8) for step in range(9)])
    seen = colours[:, 3:] * colours[:, :3] + (1 - colours[:, 3:]) * np.array(page)
    brightness = np.abs((seen - np.array(page)) @ np.array([0.2126, 0.7152, 0.0722]))
    assert (np.diff(brightness) > 0.01).all()


def test_parts_that_nobody_calls_are_in_no_order() -> None:
    ((_, picture),) = pictures(component("AudienceTask"))
    (axes,) = picture.figure.axes
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == 3 and len(axes.patches) == 3, "arrows would say what feeds what"
    assert picture.alt.startswith("Parts of AudienceTask") and "One run" not in picture.caption


def test_the_sample_is_of_many_kinds() -> None:
    assert len({component(name).kind for name in SAMPLE}) == len(SAMPLE)
    assert {row.kind for row in COMPONENTS} <= set(get_args(Kind))


def test_pictures_are_drawn_once(tmp_path: Path) -> None:
    rows = [component("LinearRamp")]
    write_pages(tmp_path, rows)
    picture = tmp_path / "pictures/LinearRamp.dark.svg"
    drawn = picture.stat().st_mtime_ns
    (tmp_path / "Gone.rst").write_text("x", encoding="utf-8")
    write_pages(tmp_path, rows)
    assert picture.stat().st_mtime_ns == drawn and not (tmp_path / "Gone.rst").exists()
    assert "LinearRamp" in (tmp_path / "index.rst").read_text(encoding="utf-8")
    assert kept(tmp_path / "pictures", rows[0], "another state") is None


def test_everything_that_is_drawn_with_decides_whether_it_is_drawn_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {path.relative_to(ROOT).as_posix() for path in mechanism_pages.sources()}
    # a helper of another room, a protocol, the cases, and the drawing code with all that it imports
    assert {
        "affectkit/types.py",
        "affectkit/encoders/projection.py",
        "affectkit/losses/rows.py",
        "tests/contract/cases/module_runs.py",
    } <= known
    drawing, waiting = set[str](), ["mechanism_pictures"]
    while waiting:
        name = f"docs/_ext/{waiting.pop()}.py"
        if name not in drawing and (ROOT / name).is_file():
            drawing.add(name)
            nodes = ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8")))
            waiting += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    assert len(drawing) > 8 and drawing <= known

    states = set()
    for changed in (None, "affectkit/types.py", "docs/_ext/mechanism_classes.py"):

        def read(path: Path, changed: str | None = changed) -> bytes:
            return b"other" if path == ROOT / (changed or "") else path.name.encode()

        monkeypatch.setattr(Path, "read_bytes", read)
        mechanism_pages._sources_digest.cache_clear()
        states.add(mechanism_pages.digest(component("MSELoss")))
    monkeypatch.undo()
    mechanism_pages._sources_digest.cache_clear()
    assert len(states) == 3


def test_a_difficulty_is_drawn_over_the_changes_that_there_are() -> None:
    rule = ShiftRatioDifficulty()
    ((_, picture),) = pictures(component("ShiftRatioDifficulty"))
    alternating, pairs = picture.figure.axes
    for axes, speakers in ((alternating, [0, 1] * 4), (pairs, [0, 0, 1, 1] * 2)):
        changes, values = (np.asarray(part) for part in axes.lines[0].get_data())
        assert changes.tolist() == list(range(8))
        found = [
            rule(labels, speakers) for labels in ([5] * 8, [1, 2, 2, 2, 2, 2, 2, 2], [1, 2, 3, 4, 4, 4, 4, 4])
        ]
        np.testing.assert_allclose(values[[0, 1, 3]], found)
    assert values[0] < values[1] < values[3]


def test_a_component_is_explained_where_it_is_named_most(monkeypatch: pytest.MonkeyPatch) -> None:
    row = component("CCCLoss")
    pages = [
        path for path in (ROOT / "docs").rglob("*.md") if path.parent.name in ("docs", "howto", "tutorials")
    ]
    times = {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix(): len(
            re.findall(rf"\b{row.name}\b", path.read_text(encoding="utf-8"))
        )
        for path in pages
        if path.stem not in NOT_EXPLAINING
    }
    most = sorted((-number, name) for name, number in times.items() if number > 1)[:3]
    assert most and [name for name, _ in explained_in(row)] == [name for _, name in most]
    # All pages are read before the first answer: a build asks for each component on each page.
    explained_in.cache_clear()
    monkeypatch.setattr(re, "findall", None)
    assert row in explained_on(most[0][1]) and explained_on("index") == []


class Branches(nn.Module):
    """Two layers beside each other, and one after both."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.last = nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        first: Tensor = self.left(x)
        second: Tensor = self.right(x)
        result: Tensor = self.last(first * second)
        return result


def test_a_flow_knows_what_feeds_what() -> None:
    import torch

    module = Branches()
    calls = flow(module, lambda: module(torch.ones(4, 3)))
    assert [(call.title.partition("\n")[0], call.detail, call.parameters) for call in calls] == [
        ("input", "(4, 3)", 0),
        ("left", "(4, 2)", 8),
        ("right", "(4, 2)", 8),
        ("last", "(4, 1)", 3),
        ("output", "(4, 1)", 0),
    ]
    assert [call.sources for call in calls] == [set(), {0}, {0}, {1, 2}, {3}]
    assert layers(calls) == [[0], [1, 2], [3], [4]]


def test_what_nothing_explains_follows_what_was_before() -> None:
    module = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 1))
    import torch

    calls = flow(module, lambda: module(torch.tensor([[1, 2]])))
    assert [call.sources for call in calls] == [set(), {0}, {1}, {2}]
    assert all(isinstance(call, Call) for call in calls)


def test_docstrings_are_cut_into_sections() -> None:
    class Example:
        r"""One line with :math:`y = W x + b`.

        Prose.

        Args:
            x: A thing.

        Deviation from the paper:
            None.
        """

    doc = read(Example)
    assert doc.summary.startswith("One line") and doc.prose == "Prose."
    assert doc.sections == {"Args": "x: A thing.", "Deviation from the paper": "None."}
    assert equation(doc) == "y = W x + b" and has_equation(doc)
    assert not has_equation(doc._replace(summary="One line with :math:`x`."))
    lines = (Example.__doc__ or "").replace("\n        ", "\n").splitlines()
    assert directive_lines(lines)[:2] == ["Args:", "    x: A thing."] and "Prose." not in directive_lines(
        lines
    )


def test_a_setting_is_read_off_the_contract_case() -> None:
    assert setting(CASES["CCCLoss"][1].build) == "weighted=True"
    assert setting(CASES["CCCLoss"][0].build) == "default"


def test_the_index_names_every_component() -> None:
    rows = [(row, component_class(row)) for row in COMPONENTS]
    text = index(rows)
    for row in COMPONENTS:
        assert f"* - :doc:`{row.name}`" in text


def test_sentences_of_an_example_are_no_code() -> None:
    row = next(row for row in COMPONENTS if row.name == "CCCLoss")
    lines = page(row, component_class(row), []).splitlines()
    start = lines.index("Example")
    assert lines[start + 3] == "Twice the truth correlates fully, and does not agree."
    assert lines[start + 5 : start + 8] == [".. code-block:: pycon", "", "   >>> import torch"]
    for row in COMPONENTS:
        examples = read(component_class(row)).sections.get("Examples", "")
        assert not any(">>>" in part and not is_doctest(part) for part in examples.split("\n\n")), row.name
