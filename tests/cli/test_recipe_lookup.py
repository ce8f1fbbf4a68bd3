"""`recipe:NAME` becomes a path before any parser sees it."""

from __future__ import annotations

import pytest

from affectkit.recipes import UnknownRecipeError, recipe_path, recipes
from affectkit.recipes.lookup import resolve_recipes


def test_every_recipe_says_what_it_trains() -> None:
    assert recipes()
    for recipe in recipes():
        assert len(recipe.summary) > 20, f"{recipe.path.name} must begin with a comment that sums it up"


def test_both_spellings_of_an_option_are_resolved() -> None:
    path = str(recipe_path("erc_curriculum"))
    assert resolve_recipes(["fit", "--config", "recipe:erc_curriculum", "--x=1"]) == [
        "fit",
        "--config",
        path,
        "--x=1",
    ]
    assert resolve_recipes(["fit", "--config=recipe:erc_curriculum"]) == ["fit", f"--config={path}"]


def test_an_unknown_recipe_lists_near_names() -> None:
    with pytest.raises(UnknownRecipeError, match="did you mean erc_curriculum"):
        recipe_path("erc_curiculum")
