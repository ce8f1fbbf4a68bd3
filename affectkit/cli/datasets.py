"""`affectkit datasets`: which data sets can be made into shards, under which terms."""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "datasets",
        help="list the sources that `affectkit shards make` reads",
        description="List the sources of `affectkit shards make`, or everything about one of them.",
    )
    parser.add_argument("name", nargs="?", metavar="SOURCE", help="show this one with its options")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the sources, or one of them."""
    from affectkit.data.sources import SOURCES, find_source

    if options.name is None:
        width = max(map(len, SOURCES))
        for name, source in sorted(SOURCES.items()):
            mark = "" if source.verified else " [unverified]"
            print(f"{name:<{width}}  {source.template.licence.klass:<14}  {source.description}{mark}")
        return 0
    source = find_source(options.name)
    template = source.template
    print(f"{template.name}: {source.description}")
    print(f"kind         {template.kind}")
    if template.label_space is not None:
        print(f"label space  {template.label_space.name}: {template.label_space.order()}")
    if template.dims is not None:
        print(f"dimensions   {template.dims.name}: {', '.join(template.dims.axes)}")
    licence = template.licence
    print(f"licence      {licence.name} ({licence.klass}). {licence.terms}".rstrip())
    print(f"layout       {'verified' if source.verified else 'unverified: compare the counts it gives'}")
    for name, text in source.options.items():
        print(f"--option {name}=...  {text}")
    print(f"command      {template.created_by}")
    return 0
