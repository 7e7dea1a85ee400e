"""Many attention maps on one page: the scores side by side, the heads of every layer."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attention_jax.errors import UserError
from attention_jax.viz.alignment import Attention
from attention_jax.viz.style import COLOURS, GRID, INK, drawable, new_figure, shorten, text_style


def maps_beside(
    maps: Mapping[str, Attention],
    *,
    centers: Mapping[str, Sequence[float]] | None = None,
    radius: int = 0,
    columns: int = 4,
) -> Figure:
    """One sentence under several attentions, each a matrix: keys across, queries down.

    Args:
      maps: title -> map; all of the same queries and keys.
      centers: title -> p_t of each query, in positions of the keys: a dot each (local attention).
      radius: D: where it is above 0 the keys within D of a centre are outlined, the window.
      columns: matrices in a row at most.

    Raises:
      UserError: no map, or maps of different queries or keys.
    """
    if not maps:
        raise UserError("there is no attention map to draw: give at least one")
    first, *others = maps.values()
    for other in others:
        if list(other.queries) != list(first.queries) or list(other.keys) != list(first.keys):
            raise UserError(
                "attention maps side by side need the same queries and keys: draw one sentence, "
                "read by each model (its reference, not each model's own words)"
            )
    weights = {title: one.weights for title, one in maps.items()}
    figure, panels = _grid(weights, first.queries, first.keys, min(columns, len(maps)))
    for title, axes in panels.items():
        _outline(axes, maps[title].gold)
        _centers(axes, (centers or {}).get(title, ()), radius)
    return figure


def head_maps(
    weights: np.ndarray, queries: Sequence[str], keys: Sequence[str], title: str = ""
) -> Figure:
    """The weights of every layer (a row) and head (a column).

    Args:
      weights: [layers, heads, queries, keys], in 0..1.
      queries: labels down.
      keys: labels across.
      title: what attends to what.

    Raises:
      UserError: weights do not fit the labels.

    Vaswani 2017, figures 3 to 5, as matrices.
    """
    weights = np.asarray(weights, np.float32)
    if weights.ndim != 4 or weights.shape[2:] != (len(queries), len(keys)):
        raise UserError(
            f"head maps of {len(queries)} queries and {len(keys)} keys need weights [layers, "
            f"heads, {len(queries)}, {len(keys)}], not {list(weights.shape)}: cut the padding off"
        )
    layers, heads = weights.shape[:2]
    named = {
        f"layer {layer + 1}, head {head + 1}": weights[layer, head]
        for layer in range(layers)
        for head in range(heads)
    }
    figure, _ = _grid(named, queries, keys, heads)
    if title:
        figure.suptitle(drawable(title), fontsize=10, color=INK, **text_style([title]))
    return figure


def _grid(
    weights: Mapping[str, np.ndarray], queries: Sequence[str], keys: Sequence[str], columns: int
) -> tuple[Figure, dict[str, Axes]]:
    """Matrices under their titles; labels only at the page's left and upper edge."""
    down = [drawable(shorten(token)) for token in queries]
    across = [drawable(shorten(token)) for token in keys]
    rows = -(-len(weights) // columns)
    cell = float(np.clip(2.4 / max(len(down), len(across)), 0.07, 0.2))
    labels = 0.075 * max(map(len, down)), 0.075 * max(map(len, across))
    width = columns * (cell * len(across) + 0.25) + labels[0] + 0.3
    height = rows * (cell * len(down) + 0.4) + labels[1] + 0.3
    figure = new_figure(width, height, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    style = {"fontsize": min(8.0, 60 * cell), "color": INK, **text_style(down + across)}
    named = {}
    for place, (title, matrix) in enumerate(weights.items()):
        row, column = divmod(place, columns)
        axes = panels[row, column]
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="equal", interpolation="nearest")
        axes.autoscale(False)
        axes.set_title(title, fontsize=8, color=INK, pad=4)
        axes.xaxis.tick_top()
        axes.set_xticks(range(len(across)), across if row == 0 else [], rotation=90, **style)
        axes.set_yticks(range(len(down)), down if column == 0 else [], **style)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_color(GRID)
        named[title] = axes
    for axes in panels.flat[len(weights) :]:
        axes.set_axis_off()
    return figure, named


def _outline(axes: Axes, gold: Collection[tuple[int, int]] | None) -> None:
    for query, key in sorted(set(gold or ())):
        corner = (key - 0.45, query - 0.45)
        axes.add_patch(Rectangle(corner, 0.9, 0.9, fill=False, edgecolor=COLOURS[1], linewidth=0.8))


def _centers(axes: Axes, centers: Sequence[float], radius: int) -> None:
    last = int(axes.get_xlim()[1])
    for query, center in enumerate(centers):
        if radius:
            # Whole cells: a key is in the window or it is not, however p_t lies between keys.
            left = max(math.ceil(center - radius), 0) - 0.5
            right = min(math.floor(center + radius), last) + 0.5
            box = Rectangle((left, query - 0.5), right - left, 1, fill=False)
            box.set(edgecolor=COLOURS[2], linewidth=0.6)
            axes.add_patch(box)
        # p_t may be as large as the source's length: past the middle of its last key.
        style: dict[str, Any] = {
            "color": COLOURS[2],
            "markersize": 3,
            "markeredgewidth": 0,
            "clip_on": False,
        }
        axes.plot(center, query, "o", **style)
