"""A page for each file of ``benchmarks/results``: where, when and how it was measured, and every row.

The pages are written before Sphinx looks for sources, and are no part of the repository.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from sphinx.application import Sphinx

Row = Mapping[str, object]
#: What a page says in its own way, or leaves to the file.
NOT_FACTS = {"name", "environment", "rows", "limit"}
#: Columns that are written into another one, or left to the file.
MERGED = {"metric", "sd", "values"}


def is_mapping(thing: object) -> TypeGuard[Mapping[str, object]]:
    """Whether JSON holds an object here."""
    return isinstance(thing, dict)


def is_list(thing: object) -> TypeGuard[Sequence[object]]:
    """Whether JSON holds an array here."""
    return isinstance(thing, list)


def title_of(name: str) -> str:
    """The name of a file as a heading."""
    stem, _, rest = name.partition("-20")
    words = stem.replace("_", " ").replace("-", " ")
    return f"{words[0].upper()}{words[1:]}, 20{rest[:8]}"


def shown(value: object) -> str:
    """A value of a cell or a fact."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}" if 0 < abs(value) < 1e-3 else f"{round(value, 4):,}"
    if is_mapping(value):
        return "; ".join(f"{key}: {shown(inner)}" for key, inner in value.items())
    if is_list(value):
        return ", ".join(shown(inner) for inner in value) or "none"
    # Some scripts wrote a dictionary into a sentence.
    return re.sub(r"\{'([^{}]*)\}", lambda found: found[1].replace("'", ""), str(value))


def cell(value: object) -> str:
    """A value inside a table of Markdown."""
    return shown(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;").replace("*", "\\*")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def columns_of(rows: Sequence[Row]) -> list[str]:
    """What tells the rows apart and what was measured, in the order of the file."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [
        name
        for name in names
        if name not in MERGED and any(row.get(name) is not None for row in rows)
        if not any(is_mapping(row.get(name)) or is_list(row.get(name)) for row in rows)
    ]


def measured(rows: Sequence[Row]) -> list[str]:
    """The rows of a file, a table for each metric."""
    lines: list[str] = []
    for metric in dict.fromkeys(str(row["metric"]) for row in rows):
        chosen = [row for row in rows if row["metric"] == metric]
        columns = columns_of(chosen)
        body = []
        for row in chosen:
            cells = []
            for name in columns:
                spread = (
                    f"\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{cell(row['sd'])}"
                    if name == "value" and row.get("sd") is not None
                    else ""
                )
                cells.append(f"{cell(row[name])}{spread}" if name in row else "")
            body.append(cells)
        heads = [metric if name == "value" else name.replace("_", " ") for name in columns]
        lines += [f"## {metric}", "", *table([cell(head) for head in heads], body)]
    return lines


def page_of(name: str, found: Mapping[str, object]) -> str:
    """The page of one file."""
    rows = found["rows"]
    environment, limit = found["environment"], found.get("limit")
    assert is_list(rows) and is_mapping(environment)
    facts = [("measured", environment["date"]), ("hardware", environment["hardware"])]
    facts += [(key, value) for key, value in environment.items() if key not in ("date", "hardware")]
    facts += [
        (key, value)
        for key, value in found.items()
        if key not in NOT_FACTS
        and len(shown(value)) < 600
        and not (is_list(value) and value and is_mapping(value[0]))
    ]
    if is_mapping(limit):
        facts.append(("limit", limit["what"]))
        facts += [(key, value) for key, value in limit.items() if key != "what" and len(shown(value)) < 600]
    lines = [f"# {title_of(name)}", ""]
    lines += [
        f"The file has every number: {{download}}`{name}.json <../../benchmarks/results/{name}.json>`.",
        "",
    ]
    if isinstance(found.get("command"), str):
        lines += ["```text", *str(found["command"]).split("; "), "```", ""]
    lines += table(
        ["", ""], [[key.replace("_", " "), cell(value)] for key, value in facts if key != "command"]
    )
    return "\n".join([*lines, *measured([row for row in rows if is_mapping(row)])])


def first_page(files: Mapping[str, Mapping[str, object]]) -> str:
    """The page that leads to all others."""
    body = []
    for name, found in files.items():
        environment = found["environment"]
        assert is_mapping(environment)
        kept = (environment["date"], environment["hardware"], found.get("data"))
        body.append([f"[{title_of(name).partition(', 20')[0]}]({name}.md)", *(cell(value) for value in kept)])
    lines = ["# Benchmarks", ""]
    lines += [
        "Every number of [results](../results.md) and [speed](../speed.md) comes from one of these files.",
        "",
    ]
    lines += table(["what", "measured", "hardware", "data"], body)
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *files, "```", ""])


def pages(folder: Path) -> dict[str, str]:
    """The pages of a folder of results, by file name."""
    files = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
    }
    return {
        "index.md": first_page(files),
        **{f"{name}.md": page_of(name, found) for name, found in files.items()},
    }


def write_pages(app: Sphinx) -> None:
    """Write the pages whose text changed, and remove those whose file is gone."""
    folder = Path(app.srcdir) / "benchmarks"
    folder.mkdir(exist_ok=True)
    wanted = pages(Path(app.srcdir).parent / "benchmarks" / "results")
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
