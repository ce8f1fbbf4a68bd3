"""Every component of the library as a static table, readable without torch.

``affectkit list``, the tables of the docs and the contract tests are made from it. The rows lie in one
file for each kind of part.
"""

from __future__ import annotations

from affectkit.catalog import adapters, encoders, fusion, heads, objectives, training
from affectkit.catalog.component import Component, Kind, Status

__all__ = ["COMPONENTS", "Component", "Kind", "Status", "component"]

COMPONENTS: tuple[Component, ...] = (
    *encoders.ROWS,
    *adapters.ROWS,
    *fusion.ROWS,
    *heads.ROWS,
    *objectives.ROWS,
    *training.ROWS,
)


def component(name: str) -> Component:
    """Look a component up by its name or an alias, in any case.

    Raises:
        KeyError: If there is none of that name.

    Examples:
        >>> component("bc-lstm").path
        'affectkit.conversation.BcLSTM'
    """
    for row in COMPONENTS:
        if name.lower() in {known.lower() for known in (row.name, *row.aliases)}:
            return row
    raise KeyError(f"the catalogue has no '{name}': `affectkit list` shows the names.")
