"""Equations as MathML: every browser draws it, and a page needs no script for it."""

from __future__ import annotations

import html
import re

from docutils import nodes
from docutils.utils.math import MathError, pick_math_environment
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

#: What docutils does not know, as something that it knows; the rest happens by itself.
KNOWN = {"dots": r"\ldots", "Big": "", "middle": "", "textstyle": ""}
UNKNOWN = re.compile(rf"\\({'|'.join(KNOWN)})(?![A-Za-z])")


def equation(tex: str, node: nodes.Element, *, block: bool) -> str:
    """One equation, or a warning that says which one cannot be written and why."""
    if block and pick_math_environment(tex).startswith("align"):
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        return str(tex2mathml(UNKNOWN.sub(lambda found: KNOWN[found[1]], tex), as_block=block))
    except MathError as error:
        logger.warning("cannot write the equation %r as MathML: %s", tex, error, location=node)
        return f"<code>{html.escape(tex)}</code>"


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    """An equation inside a line."""
    translator.body.append(equation(node.astext(), node, block=False))
    raise nodes.SkipNode


def visit_displaymath(translator: HTML5Translator, node: nodes.math_block) -> None:
    """An equation on a line of its own."""
    translator.body.append(translator.starttag(node, "div", CLASS="equation"))
    translator.body.append(equation(node.astext(), node, block=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer; ``conf.py`` chooses it."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
