"""Shipped recipes: YAML files that `affectkit fit --config recipe:NAME` trains."""

from affectkit.recipes.lookup import Recipe, UnknownRecipeError, recipe_path, recipes

__all__ = ["Recipe", "UnknownRecipeError", "recipe_path", "recipes"]
