"""Equations as drawings, made while the site is built: no script and no network to read them.

ziamath sets TeX in STIX Two Math. A drawing takes the text's colour and grows with its size.
"""

import html
import re

import ziamath
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

_log = logging.getLogger(__name__)
_SIZE = 100  # Of the drawing's own units: an em.
_EM = 1.06 / _SIZE  # STIX is a little smaller than the sans serif beside it.

# Paths in place of <symbol>s, whose names would be used by every equation of a page.
ziamath.config.svg2 = False


def _drawing(node: nodes.Node, inline: bool) -> str:
    tex = node.astext()
    # TeX gives a comma half the space that it has here, and a sign after a bracket none.
    spaced = re.sub(r"(?<!\\),\s+", r"{,}\\,", tex)
    spaced = re.sub(r"(?<=[(\[])-", "{-}", spaced)
    try:
        equation = ziamath.Latex(spaced, size=_SIZE, color="currentColor", inline=inline)
        svg = equation.svg()
    except Exception as error:
        _log.warning("the equation %r cannot be drawn: %r", tex, error, location=node)
        return ""
    sides = [float(re.search(rf' {side}="([\d.]+)', svg)[1]) for side in ("width", "height")]
    style = "width:{:.3f}em;height:{:.3f}em".format(*(side * _EM for side in sides))
    if inline:
        style += f";vertical-align:{equation.getyofst() * _EM:.3f}em"
    svg = re.sub(r' (width|height)="[\d.]+"', "", svg, count=2)
    label = html.escape(" ".join(tex.split()), quote=True)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" style="{style}" ', 1)


def _inline(translator, node):
    translator.body.append(f'<span class="equation">{_drawing(node, inline=True)}</span>')
    raise nodes.SkipNode


def _display(translator, node):
    translator.body.append(f'<div class="equation">{_drawing(node, inline=False)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Registers the renderer; conf.py chooses it."""
    app.add_html_math_renderer("drawn", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
