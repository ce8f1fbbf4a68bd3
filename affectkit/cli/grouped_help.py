"""The help of the top-level command: commands by what one wants to do, on one screen."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Final

#: Commands by what they are for; those that nobody put anywhere come last.
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "train": ("demo", "fit", "validate", "test", "predict", "new"),
    "look up": ("recipes", "list", "info", "datasets", "doctor"),
    "data": ("shards", "audit", "extract", "teach", "prototypes", "graph"),
    "trust and explain": ("report", "calibrate", "compare", "ensemble", "robustness", "typical"),
    "share": ("export", "card", "completion"),
}
_OTHERS: Final = "more"


class GroupedHelp(argparse.RawDescriptionHelpFormatter):
    """Lists the commands of a parser in groups, each in one line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=110)

    def _format_action(self, action: argparse.Action) -> str:
        if not isinstance(action, argparse._SubParsersAction):
            return super()._format_action(action)
        texts = {str(choice.dest): choice.help or "" for choice in action._choices_actions}
        grouped = {name: group for group, names in GROUPS.items() for name in names}
        lines: list[str] = []
        for group in (*GROUPS, _OTHERS):
            known = GROUPS.get(group) or tuple(name for name in texts if name not in grouped)
            present = [name for name in known if name in texts]
            lines += [f"  {group}:"] if present else []
            lines += [f"    {name:<12}{texts[name]}" for name in present]
        return "\n".join(lines) + "\n"
