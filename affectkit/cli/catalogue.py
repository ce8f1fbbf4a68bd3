"""`affectkit list`, `info` and `recipes`: what there is, read from static tables."""

from __future__ import annotations

import argparse
import difflib
from typing import Any

from affectkit import catalog
from affectkit.recipes import recipes


class UnknownComponentError(ValueError):
    """The catalogue has no component of that name."""


def add_parser(commands: Any) -> None:
    """Add the three look-up commands to the top-level parser."""
    listing = commands.add_parser("list", help="components of the library")
    listing.add_argument("--kind", help="only this kind, e.g. loss, fusion, metric")
    listing.set_defaults(run=run_list)
    info = commands.add_parser("info", help="one component or recipe in full")
    info.add_argument("name", help="a name from `affectkit list` or `affectkit recipes`")
    info.set_defaults(run=run_info)
    shelf = commands.add_parser("recipes", help="recipes that one command trains")
    shelf.set_defaults(run=run_recipes)


def run_list(options: argparse.Namespace) -> int:
    """Print the catalogue as a table."""
    from rich.console import Console
    from rich.table import Table

    kinds = sorted({component.kind for component in catalog.COMPONENTS})
    if options.kind is not None and options.kind not in kinds:
        raise UnknownComponentError(f"There is no kind '{options.kind}': the kinds are {', '.join(kinds)}.")
    table = Table("name", "kind", "modalities", "source", "extra")
    for component in sorted(catalog.COMPONENTS, key=lambda item: (item.kind, item.name)):
        if options.kind in (None, component.kind):
            table.add_row(
                component.name,
                component.kind,
                ", ".join(component.modalities) or "any",
                component.paper or "",
                component.extra or "",
            )
    Console().print(table)
    return 0


def run_info(options: argparse.Namespace) -> int:
    """Print one component with its documentation, or one recipe with its text."""
    wanted = str(options.name).removeprefix("recipe:")
    for recipe in recipes():
        if recipe.name == wanted:
            print(recipe.path.read_text(encoding="utf-8"), end="")
            return 0
    names = {}
    for component in catalog.COMPONENTS:
        for name in (component.name, *component.aliases):
            names[name.lower()] = component
    found = names.get(wanted.lower())
    kinds = {component.kind for component in catalog.COMPONENTS}
    if found is None and wanted.lower() in kinds:
        raise UnknownComponentError(
            f"'{wanted}' is a kind of components: `affectkit list --kind {wanted.lower()}` shows them."
        )
    if found is None:
        known = {name: component.name for name, component in names.items()}
        known |= {recipe.name: recipe.name for recipe in recipes()}
        near = dict.fromkeys(known[name] for name in difflib.get_close_matches(wanted.lower(), known, n=3))
        hint = f"did you mean {', '.join(near)}?" if near else "see `affectkit list` and `affectkit recipes`."
        raise UnknownComponentError(f"No component and no recipe is called '{wanted}': {hint}")
    import importlib
    import inspect

    room, _, attribute = found.path.rpartition(".")
    thing = getattr(importlib.import_module(room), attribute)
    print(f"{found.path}{inspect.signature(thing)}\n")
    print(inspect.getdoc(thing) or "")
    return 0


def run_recipes(options: argparse.Namespace) -> int:
    """Print the shipped recipes."""
    from rich.console import Console
    from rich.table import Table

    del options
    table = Table("recipe", "what it trains")
    for recipe in recipes():
        table.add_row(recipe.name, recipe.summary)
    Console().print(table)
    print("train one:  affectkit fit --config recipe:NAME --data.init_args.root DIR")
    return 0
