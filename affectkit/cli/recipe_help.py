"""What stands before the long help of a training command: recipes, which most calls name."""

from __future__ import annotations

from affectkit.recipes import recipes

_TINY = "_tiny"


def recipe_help(command: str) -> str:
    """Name the recipes and how one is given to ``command``.

    Examples:
        >>> recipe_help("fit").splitlines()[0]
        'recipes, for affectkit fit --config recipe:NAME --data.init_args.root DIR:'
    """
    known = recipes()
    small = {recipe.name for recipe in known if recipe.name.endswith(_TINY)}
    lines = [f"recipes, for affectkit {command} --config recipe:NAME --data.init_args.root DIR:"]
    lines += [f"  {recipe.name:<22}{recipe.summary}" for recipe in known if recipe.name not in small]
    if small:
        lines.append(f"NAME{_TINY} is the same, small and offline; `affectkit info NAME` prints a recipe.")
    return "\n".join([*lines, "", "every value can be changed, by these options:", ""])
