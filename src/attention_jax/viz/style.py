"""What all pictures share: colours, an empty figure, and text that every machine can draw."""

import functools
import logging
import unicodedata
from collections.abc import Iterable
from typing import Any

from matplotlib import font_manager, ft2font
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_log = logging.getLogger(__name__)

# Okabe and Ito's colours, which colour-blind readers can tell apart, in an order that also differs
# in lightness from one to the next; markers tell them apart once more.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# The same on a dark ground.
DARK_COLOURS = ("#4BA3DB", "#F0853A", "#2FBF95", "#DB94BC", "#8CCBF0", "#F2BC4B", "#F2F2F2")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GRID = "#dddddd"
INK = "#333333"
FAINT = "#777777"

_BASE_FONT = "DejaVu Sans"  # comes with matplotlib
_NOT_DRAWN = "□"
_LONGEST_LABEL = 20


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure of so many inches that belongs to nobody but its caller."""
    figure = Figure(figsize=(width, height), dpi=150, **options)
    FigureCanvasAgg(figure)
    return figure


def plain_axes(axes: Axes) -> None:
    """A light grid behind the data and no more frame than it needs."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(FAINT)


def shorten(token: str) -> str:
    """A token as a label: spaces made visible, the middle of a very long one left out."""
    visible = ("␣" if c.isspace() else c for c in token)
    token = "".join(c for c in visible if not unicodedata.category(c).startswith("C"))
    if len(token) <= _LONGEST_LABEL:
        return token
    half = _LONGEST_LABEL // 2
    return f"{token[:half]}…{token[-half + 1 :]}"


def text_style(texts: Iterable[str]) -> dict[str, Any]:
    """Options for matplotlib text: fonts that cover these texts, and no mathematics between $."""
    return {"fontfamily": list(_families(_beyond_base(texts))), "parse_math": False}


def drawable(text: str) -> str:
    """The text with a look-alike or a box for each character that no installed font has.

    matplotlib would draw boxes too, with a warning for each at every drawing.
    """
    missing = _undrawable(_beyond_base([text]))
    return "".join(_look_alike(c) if c in missing else c for c in text)


def _look_alike(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character)
    return _NOT_DRAWN if _beyond_base([plain]) else plain


def _beyond_base(texts: Iterable[str]) -> frozenset[str]:
    base = font_manager.findfont(_BASE_FONT)
    return frozenset(c for c in set("".join(texts)) if ord(c) not in _characters(base))


@functools.lru_cache(maxsize=1024)
def _families(wanted: frozenset[str]) -> tuple[str, ...]:
    """The base font, then as few others as cover what it lacks."""
    families, left = [_BASE_FONT], set(wanted)
    if left:
        for font in font_manager.fontManager.ttflist:
            # matplotlib's own last resort has a box for every character.
            if font.name in families or "Last Resort" in font.name:
                continue
            has = {c for c in left if ord(c) in _characters(font.fname)}
            if has:
                families.append(font.name)
                left -= has
            if not left:
                break
    return tuple(families)


@functools.lru_cache(maxsize=1024)
def _undrawable(wanted: frozenset[str]) -> frozenset[str]:
    files = [font_manager.findfont(name) for name in _families(wanted)]
    missing = frozenset(c for c in wanted if not any(ord(c) in _characters(f) for f in files))
    if any(_look_alike(c) == _NOT_DRAWN for c in missing):
        _log.warning(
            "no installed font can draw %s: boxes stand for them (Noto Sans covers most scripts)",
            " ".join(sorted(missing)),
        )
    return missing


@functools.lru_cache(maxsize=1024)
def _characters(path: str) -> frozenset[int]:
    try:
        return frozenset(ft2font.FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # gone since matplotlib listed it, or not to be read
        return frozenset()
