"""What was pointed at: hulls, triangulations and tours, and the pointer's weights step by step.

Elements are counted from 0 here, as rows of an array; there is no end element among them.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from attention_jax.errors import UserError
from attention_jax.viz.style import COLOURS, FAINT, GRID, INK, drawable, new_figure

RING, TRIANGLES, ORDER = "ring", "triangles", "order"
"""What an answer is: a closed way through points (hull, tour), triangles, an order of numbers."""

STEPS_DRAWN = 24
"""Of more steps the first ones are drawn, and the last panel says so."""

_RIGHT, _WRONG = COLOURS[:2]
_PANEL = 2.15  # inches
_CAPTION = 0.3
_TITLE = 0.3
_COLUMNS = 6
_MARGIN = 0.07  # of the extent, around the points


class Drawing(NamedTuple):
    """One input set with what was said of it."""

    points: np.ndarray
    """[inputs, coordinates]; of one coordinate where the numbers are to be ordered."""
    prediction: Sequence
    """Elements in their order, or triples of them."""
    answer: Sequence | None = None
    """The truth, likewise; None where nobody knows it."""
    kind: str = RING
    title: str = ""


def gallery(drawings: Sequence[Drawing]) -> Figure:
    """Several sets beside one another: the answer as a broad grey band, the prediction over it.

    What is in the answer too is blue, the rest orange. A ring's first point is filled.

    Raises:
      UserError: there is none to draw, or an answer of another kind than those of this module.
    """
    if not drawings:
        raise UserError("there is no set to draw: give one or more")
    figure, panels = _grid(len(drawings))
    for axes, drawing in zip(panels, drawings, strict=True):
        _frame(axes, drawing.points)
        axes.set_title(drawable(drawing.title), fontsize=7.5, color=INK, parse_math=False)
        _draw(axes, drawing)
    return figure


def steps(drawing: Drawing, weights: np.ndarray, chosen: Sequence[int]) -> Figure:
    """The pointer's weights at every step of one answer, a small panel each.

    A point is as large and as dark as its weight; the one that was pointed at has a ring around it,
    and what had been said by then is drawn. The weight of the end is a square below the points.

    Args:
      drawing: the set; its prediction and answer are not read.
      weights: [steps, 1 + inputs], in 0..1; the end's first.
      chosen: [steps], the positions pointed at: 0 for the end, 1 for element 0.

    Raises:
      UserError: the arrays do not fit one another.

    Vinyals 2015, figure 1 (b), is what such a step computes.
    """
    weights, points = np.asarray(weights, np.float64), np.asarray(drawing.points)
    if weights.shape != (len(chosen), len(points) + 1) or not len(chosen):
        raise UserError(
            f"{len(chosen)} steps over {len(points)} elements and the end need weights of that "
            f"shape, not {weights.shape}"
        )
    drawn = min(len(chosen), STEPS_DRAWN)
    figure, panels = _grid(drawn, drawing.title)
    for step, axes in enumerate(panels):
        _frame(axes, points, below=True)
        said = [place - 1 for place in chosen[:step] if place]
        if drawing.kind == TRIANGLES:
            whole = len(said) // 3 * 3
            triples = [said[n : n + 3] for n in range(0, whole, 3)]
            _triangles(axes, Drawing(points, triples))
            _path(axes, points, said[whole:])
        elif drawing.kind == RING:
            _path(axes, points, said)
        _weights(axes, points, weights[step], int(chosen[step]))
        more = len(chosen) - drawn if step == drawn - 1 else 0
        says = "end" if chosen[step] == 0 else f"{chosen[step] - 1}"
        tail = f", {more} more not drawn" if more else ""
        axes.set_title(f"step {step + 1}: {says}{tail}", fontsize=8, color=INK)
    return figure


def _grid(count: int, title: str = "") -> tuple[Figure, list[Axes]]:
    """A figure of so many square panels, row by row."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    above = _TITLE if title else 0
    width, height = columns * _PANEL + 0.1, rows * (_PANEL + _CAPTION) + above + 0.05
    figure = new_figure(width, height)
    panels = []
    for number in range(count):
        row, column = divmod(number, columns)
        left = (0.1 + column * _PANEL) / width
        bottom = 1 - (above + (row + 1) * (_PANEL + _CAPTION)) / height
        place = (left, bottom, (_PANEL - 0.1) / width, (_PANEL - 0.1) / height)
        panels.append(figure.add_axes(place))
    if title:
        across = 0.1 / width
        where = (across, 1 - 0.2 / height)
        figure.text(*where, drawable(title), fontsize=10, color=INK, parse_math=False)
    return figure, panels


def _plane(points: np.ndarray) -> np.ndarray:
    """[inputs, 2]: numbers stand side by side, as high as they are."""
    points = np.asarray(points, np.float64)
    if points.shape[1] != 1:
        return points[:, :2]
    across = (np.arange(len(points)) + 0.5) / max(len(points), 1)
    low, high = points.min(), points.max()
    return np.stack([across, (points[:, 0] - low) / max(high - low, 1e-12)], axis=1)


def _frame(axes: Axes, points: np.ndarray, below: bool = False) -> None:
    """A square around the points, with room below them for the end's mark."""
    places = _plane(points)
    low, high = places.min(0), places.max(0)
    side = max(float((high - low).max()), 1e-12) * (1 + 2 * _MARGIN)
    middle = (low + high) / 2
    room = 0.16 * side if below else 0
    axes.set_xlim(middle[0] - (side + room) / 2, middle[0] + (side + room) / 2)
    axes.set_ylim(middle[1] - side / 2 - room, middle[1] + side / 2)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(GRID)


def _draw(axes: Axes, drawing: Drawing) -> None:
    kinds = {RING: _ring, TRIANGLES: _triangles, ORDER: _order}
    if drawing.kind not in kinds:
        raise UserError(f"an answer of kind {drawing.kind!r} is unknown: choose {', '.join(kinds)}")
    kinds[drawing.kind](axes, drawing)
    if drawing.kind != ORDER:
        places = _plane(drawing.points)
        axes.plot(*places.T, "o", color="white", markeredgecolor=INK, markersize=4)
        if drawing.kind == RING and len(drawing.prediction):
            axes.plot(*places[int(drawing.prediction[0])], "o", color=INK, markersize=4)


def _edges(ring: Sequence[int]) -> list[tuple[int, int]]:
    """Of a closed way; two points have one edge, one has none."""
    ring = [int(n) for n in ring]
    pairs = list(zip(ring, [*ring[1:], *ring[:1]], strict=True))
    return pairs[:-1] if len(ring) < 3 else pairs


def _ring(axes: Axes, drawing: Drawing) -> None:
    places = _plane(drawing.points)
    known = None if drawing.answer is None else {frozenset(e) for e in _edges(drawing.answer)}
    if drawing.answer is not None:
        _lines(axes, places, _edges(drawing.answer), color=GRID, linewidth=6)
    for edge in _edges(drawing.prediction):
        right = known is None or frozenset(edge) in known
        _lines(axes, places, [edge], color=_RIGHT if right else _WRONG, linewidth=1.4)


def _triangles(axes: Axes, drawing: Drawing) -> None:
    places = _plane(drawing.points)
    known = (
        None
        if drawing.answer is None
        else {frozenset(int(n) for n in triple) for triple in drawing.answer}
    )
    if drawing.answer is not None:
        sides = [edge for triple in drawing.answer for edge in _edges(triple)]
        _lines(axes, places, sides, color=GRID, linewidth=4)
    for triple in drawing.prediction:
        right = known is None or frozenset(int(n) for n in triple) in known
        colour = _RIGHT if right else _WRONG
        corners = places[[int(n) for n in triple]]
        fill = {"facecolor": f"{colour}22", "edgecolor": colour, "linewidth": 1.0}
        axes.add_patch(Polygon(corners, closed=True, **fill))


def _order(axes: Axes, drawing: Drawing) -> None:
    """The numbers in the order that was said, a bar each."""
    values = np.asarray(drawing.points, np.float64)[:, 0]
    said = [int(n) for n in drawing.prediction]
    answer = said if drawing.answer is None else [int(n) for n in drawing.answer]
    right = [place < len(answer) and n == answer[place] for place, n in enumerate(said)]
    if said:
        heights = values[said] - min(values.min(), 0)
        axes.bar(range(len(said)), heights, color=[_RIGHT if ok else _WRONG for ok in right])
    axes.set_aspect("auto")
    axes.set_xlim(-0.7, len(values) - 0.3)
    top = max(float(values.max() - min(values.min(), 0)), 1e-12)
    axes.set_ylim(0, 1.05 * top)


def _lines(axes: Axes, places: np.ndarray, edges: Sequence[tuple[int, int]], **style) -> None:
    axes.add_collection(LineCollection([places[[a, b]] for a, b in edges], zorder=1, **style))


def _path(axes: Axes, points: np.ndarray, said: Sequence[int]) -> None:
    """What has been said so far, open."""
    places = _plane(points)
    _lines(axes, places, list(itertools.pairwise(said)), color=FAINT, linewidth=1.0)


def _weights(axes: Axes, points: np.ndarray, weights: np.ndarray, chosen: int) -> None:
    places = _plane(points)
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    end = [left + 0.22 * (right - left), bottom + 0.07 * (top - bottom)]
    axes.axhline(bottom + 0.14 * (top - bottom), color=GRID, linewidth=0.6)
    axes.text(left + 0.03 * (right - left), end[1], "end", fontsize=7, color=FAINT, va="center")
    shared: dict[str, Any] = {
        "cmap": "Blues",
        "norm": Normalize(-0.1, 1),
        "edgecolors": INK,
        "zorder": 3,
    }
    sizes = 14 + 90 * weights
    axes.scatter(*places.T, s=sizes[1:], c=weights[1:], linewidths=0.6, **shared)
    axes.scatter(*end, s=sizes[:1], c=weights[:1], marker="s", linewidths=0.6, **shared)
    where = end if chosen == 0 else places[chosen - 1]
    ring: dict[str, Any] = {
        "facecolors": "none",
        "edgecolors": _WRONG,
        "linewidths": 1.4,
        "zorder": 4,
    }
    axes.scatter(*where, s=sizes[chosen] + 60, **ring)
