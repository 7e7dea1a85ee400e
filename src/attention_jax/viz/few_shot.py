"""Classes learned from a few images: episodes with their answers, what a query read, and how much
more images help.

An image is uint8 [height, width, channels] with a bright figure, and is drawn as ink on paper.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attention_jax.errors import UserError
from attention_jax.viz.curves import legend_above, line_style
from attention_jax.viz.style import COLOURS, FAINT, GRID, INK, drawable, new_figure, plain_axes

SHOTS_DRAWN = 5
"""Of more images of a class the first ones are drawn."""
QUERIES_DRAWN = 5
"""Likewise of the queries that stand below one class."""
QUERIES_READ = 10
"""Of more queries so many, evenly spread over the classes, show what they read."""

_RIGHT, _WRONG = COLOURS[:2]
_CELL = 0.44  # inches, of an image in `page`
_GAP = 0.22
_TITLE = 0.36
_WIDEST = 9.5
_HEADING = 2.1  # of a panel of `reading`
_EDGE = 0.06  # of a cell, around its image


class Episode(NamedTuple):
    """A few classes, images of them, and what was said of others."""

    support: np.ndarray
    """[support, height, width, channels]."""
    labels: np.ndarray
    """Of the support, 0 .. ways - 1."""
    queries: np.ndarray
    """[queries, height, width, channels]."""
    said: np.ndarray
    """The label that each query was given."""
    targets: np.ndarray | None = None
    """The right ones; None where nobody knows them."""
    weights: np.ndarray | None = None
    """[blocks, queries, support + 1]: what a query read of the support and, last, of itself, in
    each attention block; None for a model that reads by other means."""
    title: str = ""

    @property
    def ways(self) -> int:
        """How many classes there are."""
        return int(self.labels.max()) + 1


def page(episodes: Sequence[Episode]) -> Figure:
    """Episodes side by side: a column a class, its examples above, and below what was asked.

    Below the line a query stands under its right class: framed blue where it was recognised, and
    orange where not, with the number of the class that was said. Where nobody knows the answers it
    stands under the class that was said, without a frame.

    Raises:
      UserError: there is none to draw.
    """
    if not episodes:
        raise UserError("there is no episode to draw: give one or more")
    sizes = [_size(episode) for episode in episodes]
    places, width, height = _flow(sizes)
    figure = new_figure(width, height)
    for episode, (wide, high), (left, top) in zip(episodes, sizes, places, strict=True):
        place = left / width, 1 - (top + high) / height, wide / width, (high - _TITLE) / height
        axes = figure.add_axes(place)
        axes.set(xlim=(0, wide / _CELL), ylim=((high - _TITLE) / _CELL, 0))
        axes.set_axis_off()
        axes.set_title(
            drawable(episode.title), fontsize=7.5, color=INK, loc="left", pad=3, parse_math=False
        )
        _columns(axes, episode)
    return figure


def _columns(axes: Axes, episode: Episode) -> None:
    told = _by_class(episode.labels, episode.ways, SHOTS_DRAWN)
    below = episode.said if episode.targets is None else episode.targets
    asked = _by_class(below, episode.ways, QUERIES_DRAWN)
    shots = max(map(len, told))
    line = 0.45 + shots + 0.12
    _images(axes, episode.support, told, (0, 0.45))
    _images(axes, episode.queries, asked, (0, line + 0.12))
    for label in range(episode.ways):
        axes.text(label + 0.5, 0.22, str(label + 1), fontsize=7, color=FAINT, **_CENTRED)
        for row, n in enumerate(asked[label]):
            if episode.targets is not None:
                said = int(episode.said[n])
                _verdict(axes, label, line + 0.12 + row, said == label, str(said + 1))
    axes.plot([0.05, episode.ways - 0.05], [line, line], color=FAINT, linewidth=0.8)


def _size(episode: Episode) -> tuple[float, float]:
    """Of an episode's columns with its title, in inches."""
    below = episode.said if episode.targets is None else episode.targets
    shots = max(map(len, _by_class(episode.labels, episode.ways, SHOTS_DRAWN)))
    asked = max(map(len, _by_class(below, episode.ways, QUERIES_DRAWN)))
    return max(episode.ways, 4) * _CELL, (shots + asked + 0.75) * _CELL + _TITLE


def _flow(
    sizes: Sequence[tuple[float, float]],
) -> tuple[list[tuple[float, float]], float, float]:
    """Boxes as words of a text: where each begins, and how wide and high all are."""
    places, left, top, line, widest = [], _GAP, 0.0, 0.0, 0.0
    for wide, high in sizes:
        if left > _GAP and left + wide > _WIDEST:
            left, top, line = _GAP, top + line, 0.0
        places.append((left, top))
        left, line = left + wide + _GAP, max(line, high)
        widest = max(widest, left)
    return places, widest, top + line + _GAP / 2


def reading(episode: Episode) -> Figure:
    """Which images of the support each query read: a panel an attention block, a row a query.

    The support stands across the top, class by class, and the query itself last. The images of the
    right class are outlined in orange; the panel's title says how much of the weight fell on them.

    Raises:
      UserError: for an episode without weights, or whose weights do not fit it.
    """
    told, asked = len(episode.labels), len(episode.said)
    weights = episode.weights
    if weights is None or weights.shape[1:] != (asked, told + 1):
        raise UserError(
            f"{asked} queries that read {told} images and themselves need weights of that shape, "
            f"not {None if weights is None else weights.shape}"
        )
    order = np.argsort(episode.labels, kind="stable")
    rows = _spread(episode)
    columns = told + 1
    cell = float(np.clip(_WIDEST / (columns + 2), 0.14, 0.32))
    wide, high = cell * (columns + 1.4), cell * (len(rows) + 1.2) + _TITLE
    apart = max(wide, _HEADING) + _GAP
    beside = max(1, min(len(weights), int((_WIDEST + _GAP) / apart)))
    down = -(-len(weights) // beside)
    width = beside * apart + _GAP
    height = down * (high + _GAP) + (_TITLE if episode.title else 0)
    figure = new_figure(width, height)
    if episode.title:
        where = _GAP / width, 1 - 0.24 / height
        figure.text(*where, drawable(episode.title), fontsize=9, color=INK, parse_math=False)
    for block, of_block in enumerate(weights):
        row, column = divmod(block, beside)
        left, below = _GAP + column * apart, (down - 1 - row) * (high + _GAP) + _GAP
        place = left / width, below / height, wide / width, (high - _TITLE) / height
        axes = figure.add_axes(place)
        _panel(axes, episode, of_block[rows][:, [*order, told]], rows, order)
        axes.set_title(
            _told_of(episode, of_block, block, len(weights)), fontsize=7.5, color=INK, loc="left"
        )
    return figure


def _told_of(episode: Episode, weights: np.ndarray, block: int, blocks: int) -> str:
    name = f"block {block + 1} of {blocks}"
    if episode.targets is None:
        return name
    right = episode.labels == episode.targets[:, None]
    share = (weights[:, :-1] * right).sum(-1).mean()
    return f"{name}: {share:.2f} on the right class"


def _panel(
    axes: Axes, episode: Episode, weights: np.ndarray, rows: np.ndarray, order: np.ndarray
) -> None:
    """Weights [rows, support + 1] in the order in which they are drawn."""
    high, wide = weights.shape
    axes.set(xlim=(-1.2, wide + 0.2), ylim=(high, -1.2))
    axes.set_axis_off()
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, extent=(0, wide, high, 0), aspect="auto")
    labels = episode.labels[order]
    _images(axes, episode.support, [[n] for n in order], (0, -1.1))
    _images(axes, episode.queries, [rows.tolist()], (-1.1, 0))
    axes.text(wide - 0.5, -0.6, "itself", fontsize=6, color=FAINT, rotation=90, **_CENTRED)
    for place in (*np.flatnonzero(np.diff(labels)) + 1, wide - 1):
        axes.plot([place, place], [-1.1, high], color=GRID, linewidth=0.8)
    if episode.targets is None:
        return
    for row, n in enumerate(rows):
        target = int(episode.targets[n])
        _verdict(axes, -1.1, row, int(episode.said[n]) == target)
        first, count = int(np.searchsorted(labels, target)), int((labels == target).sum())
        axes.add_patch(_frame(first, row, count, edgecolor=COLOURS[1], linewidth=1.0))


def _spread(episode: Episode) -> np.ndarray:
    """The queries that are drawn, class by class."""
    by = episode.said if episode.targets is None else episode.targets
    order = np.argsort(by, kind="stable")
    return order[np.linspace(0, len(order) - 1, min(QUERIES_READ, len(order))).round().astype(int)]


def accuracy_by_shot(
    series: Mapping[str, Mapping[int, tuple[float, float]]], *, chance: float, title: str = ""
) -> Figure:
    """How often a query is recognised, by how many images of each class were told.

    Args:
      series: system -> shots -> (accuracy, half of its interval).
      chance: of a guess; a dashed line.
      title: stands above the legend.

    Raises:
      UserError: there is no accuracy to draw.
    """
    shots = sorted({shot for of_one in series.values() for shot in of_one})
    if not shots:
        raise UserError("a curve of accuracy by shot needs an accuracy: evaluate first")
    figure = new_figure(max(3.6, 0.6 * len(shots) + 2.4), 2.8, layout="constrained")
    axes = figure.add_subplot()
    plain_axes(axes)
    places = {shot: place for place, shot in enumerate(shots)}
    for number, of_one in enumerate(series.values()):
        known = sorted(of_one)
        axes.errorbar(
            [places[shot] for shot in known],
            [of_one[shot][0] for shot in known],
            yerr=[of_one[shot][1] for shot in known],
            linewidth=1.8,
            elinewidth=1.0,
            capsize=3,
            **line_style(number),
        )
    axes.axhline(chance, color=FAINT, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.text(len(shots) - 0.55, chance + 0.01, "chance", fontsize=7, color=FAINT, ha="right")
    axes.set(xlim=(-0.5, len(shots) - 0.5), ylim=(0, 1.02))
    axes.set_xticks(range(len(shots)), [str(shot) for shot in shots])
    axes.set_xlabel("images of each class", fontsize=9, color=INK)
    axes.set_ylabel("accuracy", fontsize=9, color=INK)
    legend_above(figure, list(series), title or None)
    return figure


_CENTRED: dict[str, Any] = {"ha": "center", "va": "center"}


def _by_class(labels: np.ndarray, ways: int, most: int) -> list[list[int]]:
    """The first few places of every label."""
    return [[int(n) for n in np.flatnonzero(labels == way)[:most]] for way in range(ways)]


def _images(
    axes: Axes, images: np.ndarray, columns: Sequence[Sequence[int]], corner: tuple[float, float]
) -> None:
    """Some of the images in columns of cells, the upper left one's corner there.

    All in one go, since each by itself takes matplotlib milliseconds. Grey is drawn as ink on
    paper, colours are drawn as they are.
    """
    side = images.shape[1]
    edge = max(1, round(_EDGE * side))
    cell, high = side + 2 * edge, max(map(len, columns))
    canvas = np.full((high * cell, len(columns) * cell, 3), 255, np.uint8)
    frames = []
    for column, numbers in enumerate(columns):
        for row, n in enumerate(numbers):
            y, x = row * cell + edge, column * cell + edge
            shown = 255 - images[n] if images.shape[-1] == 1 else images[n]
            canvas[y : y + side, x : x + side] = shown
            frames.append(_frame(corner[0] + column, corner[1] + row))
    left, top = corner
    extent = (left, left + len(columns), top + high, top)
    axes.imshow(canvas, extent=extent, aspect="auto", interpolation="antialiased")
    style: dict[str, Any] = {"facecolor": "none", "edgecolor": GRID, "linewidth": 0.5}
    axes.add_collection(PatchCollection(frames, **style))


def _frame(x: float, y: float, cells: int = 1, **style: Any) -> Rectangle:
    """Around the image of the cell whose upper left corner is there, or those of some in a row."""
    corner, wide = (x + _EDGE, y + _EDGE), cells - 2 * _EDGE
    return Rectangle(corner, wide, 1 - 2 * _EDGE, fill=False, **style)


def _verdict(axes: Axes, x: float, y: float, right: bool, said: str = "") -> None:
    """A frame around the image there; where it was taken for another class, which one."""
    axes.add_patch(_frame(x, y, edgecolor=_RIGHT if right else _WRONG, linewidth=1.5))
    if said and not right:
        ground = {"facecolor": _WRONG, "edgecolor": "none", "pad": 0.8}
        where = (x + 0.92, y + 0.88)
        axes.text(*where, said, fontsize=5.5, color="white", ha="right", va="bottom", bbox=ground)
