"""How the documentation is built: ``sphinx-build -W docs site``."""

from __future__ import annotations

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

import affectkit

sys.path[:0] = [str(Path(__file__).parent / "_ext")]

project = "affectkit"
author = "The affectkit developers"
project_copyright = author
version = release = affectkit.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "benchmark_pages",
    "catalogue_directive",
    "mathml_equations",
    "mechanism_pages",
    "reference_pages",
    "shared_sidebar",
]
exclude_patterns = ["_build", "_ext"]

# A link to a heading is checked like a link to a page.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_block", "fieldlist"]
# `2 $` in a line of prices is no equation.
myst_dmath_allow_digits = False

# Signatures carry the types; docstrings say what they mean.
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
add_module_names = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Shape", "Deviation from the paper"]

# Every name of ours that is linked must exist. Those of other libraries live on other sites, which a build
# must do without.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!affectkit\.).*")]

html_theme = "furo"
html_title = f"affectkit {release}"
html_static_path = ["_static"]
html_css_files = ["affectkit.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
# Only text that can be typed again is copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
html_theme_options = {"navigation_with_keys": True}


def setup(app: Sphinx) -> None:
    """Know the blocks of the architecture page, which a test reads."""
    for name in ("floors", "floors:data"):
        app.add_lexer(name, TextLexer)
