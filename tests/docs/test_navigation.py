"""Every page can be reached from the first one, and every link between pages leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
#: Written when the documentation is built.
GENERATED = ("benchmarks", "mechanisms", "reference")
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in (*GENERATED, "_build")
)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def is_generated(page: Path, name: str) -> bool:
    place = (page.parent / name).resolve().relative_to(DOCS.parent)
    return place.parts[0] == "docs" and place.parts[1] in GENERATED


def listed(page: Path) -> set[Path]:
    """The pages that the tables of contents of a page name."""
    found: set[Path] = set()
    for block in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if not line or line.startswith(":") or is_generated(page, line):
                continue
            if "*" in line:
                found |= set(page.parent.glob(f"{line}.md"))
            else:
                found.add(page.parent / f"{line}.md")
    return found


def test_every_page_is_in_a_table_of_contents() -> None:
    seen, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        assert page.is_file(), f"a table of contents names {page.name}, which does not exist"
        if page not in seen:
            seen.add(page)
            waiting += listed(page)
    assert seen == set(PAGES)


#: What people ask in the words of the field, and what the section that answers must hold.
ASKED = {
    "predict on my video": "affectkit predict",
    "make shards of my data": "affectkit shards make",
    "write my own loss": "class ",
    "resume": "--ckpt_path",
    "several gpus or machines": "torchrun",
    "slurm": "#SBATCH",
    "choose a metric": "uar",
    "export to onnx": "--to onnx",
    "on the hub": "push_to_hub",
    "calibrate": "affectkit calibrate",
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_people_ask_is_answered_two_clicks_from_the_first_page(asked: str) -> None:
    rows = re.findall(r"^\| (.*?) \| (.*) \|$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    (links,) = [links for question, links in rows if asked in question.lower()]
    name, _, anchor = LINK.findall(links)[0].partition("#")
    text = (DOCS / name).read_text(encoding="utf-8")
    if anchor:
        heads = [re.sub(r"\W+", "-", head.lower()) for head in re.findall(r"^## (.*)$", text, re.MULTILINE)]
        assert anchor in heads
        text = re.split(r"^## .*$", text, flags=re.MULTILINE)[heads.index(anchor) + 1]
    assert ASKED[asked] in text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        name = target.partition("#")[0]
        if name and "://" not in target and not target.startswith("mailto:") and not is_generated(page, name):
            assert (page.parent / name).is_file(), f"{page.name} links {target}, which is no file"
