"""The reference: one page for each package, from what its ``__all__`` names.

The pages are written before Sphinx looks for sources, and are no part of the repository.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args, get_origin

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer

ROOT = "affectkit"
#: Packages that are a program or files rather than something to import.
NOT_IMPORTED = ("affectkit.cli", "affectkit.templates", "affectkit.data.sources.unpickle")


def public_modules() -> dict[str, ModuleType]:
    """Every place to import from, outer ones first: packages, and the modules beside the rooms."""
    names: list[str] = []
    for entry in pkgutil.walk_packages(importlib.import_module(ROOT).__path__, f"{ROOT}."):
        beside = entry.name.count(".") == 1 and not entry.name.startswith(f"{ROOT}._")
        if (entry.ispkg or beside) and not entry.name.startswith(NOT_IMPORTED):
            names.append(entry.name)
    names.sort(key=lambda name: (name.count("."), name))
    modules = {name: importlib.import_module(name) for name in names}
    return {name: module for name, module in modules.items() if public_names(module)}


def public_names(module: ModuleType) -> list[str]:
    """What a module offers: its ``__all__``, or what a single file defines without an underscore."""
    if hasattr(module, "__path__"):
        names = set(getattr(module, "__all__", ()))
    else:
        names = {name for _, name in ModuleAnalyzer.for_module(module.__name__).find_attr_docs()}
        names |= {
            name
            for name, thing in vars(module).items()
            if getattr(thing, "__module__", None) == module.__name__
        }
    kept = (name for name in names if name.isidentifier() and not name.startswith("_"))
    return sorted(name for name in kept if not inspect.ismodule(getattr(module, name)))


def is_described(thing: object) -> bool:
    """Whether something has a docstring of its own: a class or a function, and no value or type alias."""
    return inspect.isclass(thing) or inspect.isroutine(thing) or hasattr(thing, "__wrapped__")


def homes(modules: dict[str, ModuleType]) -> dict[tuple[str, str], str]:
    """For each name in each package, the package whose page describes it.

    That is the outermost one that offers it and holds the file where it is made.
    """
    found: dict[tuple[str, str], str] = {}
    for name, module in modules.items():
        for each in public_names(module):
            thing = getattr(module, each)
            made_in = str(thing.__module__) if is_described(thing) else name
            offering = [
                other
                for other, package in modules.items()
                if f"{made_in}.".startswith(f"{other}.") and getattr(package, each, None) is thing
                if each in public_names(package)
            ]
            found[name, each] = offering[0] if offering else name
    return found


def comment_on(module: ModuleType, name: str) -> list[str]:
    """The ``#:`` comment where a value is assigned: in a package, in the file it comes from."""
    inside = pkgutil.iter_modules(getattr(module, "__path__", []), f"{module.__name__}.")
    for file in (module.__name__, *(entry.name for entry in inside)):
        said = ModuleAnalyzer.for_module(file).find_attr_docs().get(("", name))
        if said:
            return said
    return []


def summary(module: ModuleType, name: str) -> str:
    """One line on a public name."""
    thing = getattr(module, name)
    if is_described(thing):
        return first_line(thing)
    return " ".join(comment_on(module, name)).strip()


def first_line(thing: object) -> str:
    """The line of a docstring that says what something is."""
    return (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ")


def description(module: ModuleType, name: str) -> list[str]:
    """The directive that describes a public name."""
    thing, path = getattr(module, name), f"{module.__name__}.{name}"
    if inspect.isclass(thing):
        return [f".. autoclass:: {path}", "   :members:", "   :member-order: bysource", ""]
    if is_described(thing):
        return [f".. autofunction:: {path}", ""]
    lines = [f".. py:data:: {path}", "", *(f"   {line}" for line in comment_on(module, name)), ""]
    if get_origin(thing) is Literal:
        lines += [f"   One of {', '.join(f'``{value!r}``' for value in get_args(thing))}.", ""]
    return lines


def heading(text: str) -> list[str]:
    """A title in reStructuredText."""
    return [text, "=" * len(text), ""]


def table(rows: list[tuple[str, str]]) -> list[str]:
    """A table of links and what they lead to."""
    lines = [".. list-table::", "   :class: names", ""]
    for link, said in rows:
        lines += [f"   * - {link}", f"     - {said}"]
    return [*lines, ""]


def contents(pages: list[str], *options: str) -> list[str]:
    """A list of pages below this one."""
    return [
        ".. toctree::",
        *(f"   {option}" for option in options),
        "",
        *(f"   {page}" for page in pages),
        "",
    ]


def page_name(module: str) -> str:
    """What the page of a module is called under ``reference/``."""
    return module.removeprefix(f"{ROOT}.")


def package_page(name: str, modules: dict[str, ModuleType], described_in: dict[tuple[str, str], str]) -> str:
    """The page of one package: its names with a line each, then their descriptions."""
    module = modules[name]
    names = public_names(module)
    inside = [page_name(other) for other in modules if other.rpartition(".")[0] == name]
    lines = [*heading(name), f".. automodule:: {name}", "   :no-members:", ""]
    lines += contents(inside, ":maxdepth: 1") if inside else []
    lines += table(
        [(f":py:obj:`~{described_in[name, each]}.{each}`", summary(module, each)) for each in names]
    )
    for each in names:
        if described_in[name, each] == name:
            lines += description(module, each)
    return "\n".join(lines)


def first_page(modules: dict[str, ModuleType]) -> str:
    """The page that leads to all others."""
    rooms = [name for name in modules if name.count(".") == 1]
    lines = [*heading("Reference"), "Every public name, from its docstring.", ""]
    lines += ["``affectkit list`` prints the components as a table, ``affectkit info NAME`` one of them.", ""]
    lines += table([(f":doc:`{name} <{page_name(name)}>`", first_line(modules[name])) for name in rooms])
    return "\n".join([*lines, *contents([page_name(name) for name in rooms], ":hidden:")])


def write_pages(app: Sphinx) -> None:
    """Write the pages whose text changed, and remove those whose package is gone."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    modules = public_modules()
    described_in = homes(modules)
    pages = {f"{page_name(name)}.rst": package_page(name, modules, described_in) for name in modules}
    pages["index.rst"] = first_page(modules)
    for path in folder.glob("*.rst"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def leave_out_positions(
    app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object
) -> bool | None:
    """Leave out the fields of a NamedTuple, of which Python only says their position."""
    said = getattr(thing, "__doc__", None) or ""
    return True if said.startswith("Alias for field number") else None


def leave_unlinked(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.TextElement | None:
    """Write a name that exists and has no page, such as a type variable, without a link."""
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") == "py" and target.startswith(f"{ROOT}.") and exists(target):
        return content
    return None


def exists(path: str) -> bool:
    """Whether a dotted path leads to anything."""
    try:
        pkgutil.resolve_name(path)
    except (AttributeError, ImportError):
        return False
    return True


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", write_pages)
    app.connect("missing-reference", leave_unlinked)
    app.connect("autodoc-skip-member", leave_out_positions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
