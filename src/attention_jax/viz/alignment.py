"""The alignment matrix of Bahdanau 2015, figure 3."""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from attention_jax.errors import UserError
from attention_jax.viz.style import (
    COLOURS,
    FAINT,
    GRID,
    INK,
    drawable,
    new_figure,
    shorten,
    text_style,
)

# In inches.
_MARGIN = 0.12
_LINE = 0.22
_BAR = 0.5
_GAP = 0.04


class Attention(Protocol):
    """Attention of one example as plain data, such as a task's `AttentionMap`."""

    @property
    def queries(self) -> Sequence[str]: ...

    @property
    def keys(self) -> Sequence[str]: ...

    @property
    def weights(self) -> np.ndarray: ...

    @property
    def gold(self) -> Collection[tuple[int, int]] | None:
        """(query, key) pairs that belong together, where that is known."""
        ...


def draw_map(attention: Attention, title: str | None = None) -> Figure:
    """An `alignment_map` of attention that came as data: keys across the top, queries down.

    Raises:
      UserError: weights or links do not fit the tokens.
    """
    links = attention.gold
    gold = None if links is None else [(key, query) for query, key in links]
    return alignment_map(attention.weights, attention.keys, attention.queries, gold, title)


def alignment_map(
    weights: np.ndarray,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    gold: Collection[tuple[int, int]] | None = None,
    title: str | None = None,
) -> Figure:
    """Attention weights as a matrix of squares: source across the top, target down the side.

    The figure is as large as its matrix and labels need; 60 x 60 tokens stay readable. Long
    tokens lose their middle, characters that no font has become boxes.

    Args:
      weights: [target tokens, source tokens], in 0..1 (white to dark blue).
      source_tokens: the labels across.
      target_tokens: the labels down.
      gold: links (source position, target position), from 0, each outlined in orange.
      title: stands above the source.

    Raises:
      UserError: weights or links do not fit the tokens.

    Bahdanau 2015, figure 3 (there white is 1).
    """
    weights = np.asarray(weights, np.float32)
    shape = (len(target_tokens), len(source_tokens))
    if weights.shape != shape or 0 in shape:
        raise UserError(
            f"an alignment map of {shape[0]} target and {shape[1]} source tokens needs weights of "
            f"that shape, at least 1 x 1, not {weights.shape}: cut the padding off"
        )
    figure = new_figure(1, 1)
    axes = figure.add_axes((0, 0, 1, 1))
    image = axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    cell = float(np.clip(9.0 / max(shape), 0.15, 0.32))
    _label(axes, source_tokens, target_tokens, font_size=min(9.0, 48 * cell))
    for source, target in sorted(set(gold or ())):
        if not (0 <= target < shape[0] and 0 <= source < shape[1]):
            raise UserError(
                f"gold link ({source}, {target}) lies outside {shape[1]} source and {shape[0]} "
                "target tokens: links are (source, target), counted from 0"
            )
        # Drawn inside its cell, so that neighbours do not hide one another.
        corner, side, width = (source - 0.43, target - 0.43), 0.86, 0.5 + 4 * cell
        axes.add_patch(
            Rectangle(corner, side, side, fill=False, edgecolor=COLOURS[1], linewidth=width)
        )
    note = "" if gold is None else "outlined: gold alignment"
    _fit(figure, axes, image, (cell * shape[1], cell * shape[0]), title or "", note)
    return figure


def _label(
    axes: Axes, source_tokens: Sequence[str], target_tokens: Sequence[str], font_size: float
) -> None:
    across = [drawable(shorten(token)) for token in source_tokens]
    down = [drawable(shorten(token)) for token in target_tokens]
    style = {"fontsize": font_size, "color": INK, **text_style(across + down)}
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(across)), across, rotation=90, **style)
    axes.set_yticks(range(len(down)), down, **style)
    axes.set_xticks(np.arange(len(across) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(down) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=GRID, linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.tick_params(which="major", pad=72 * _GAP)
    for spine in axes.spines.values():
        spine.set_color(GRID)


def _fit(
    figure: Figure,
    axes: Axes,
    image: AxesImage,
    matrix: tuple[float, float],
    title: str,
    note: str,
) -> None:
    """Makes the figure as large as what stands in it, in inches, with square cells."""
    beside = max(label.get_window_extent().width for label in axes.get_yticklabels()) / figure.dpi
    above = max(label.get_window_extent().height for label in axes.get_xticklabels()) / figure.dpi
    title = drawable(title)
    heading = figure.text(0, 0, title, fontsize=10, color=INK, **text_style([title]))
    left, bottom = _MARGIN + beside + _GAP, _MARGIN + (_LINE if note else 0)
    width = left + matrix[0] + _BAR
    top = bottom + matrix[1] + _GAP + above + _MARGIN
    height = top + (_LINE + _MARGIN if title else 0)
    width = max(width, heading.get_window_extent().width / figure.dpi + 2 * _MARGIN)
    figure.set_size_inches(width, height)
    axes.set_position((left / width, bottom / height, matrix[0] / width, matrix[1] / height))
    heading.set_position((_MARGIN / width, (height - _LINE) / height))
    figure.text(left / width, _MARGIN / height, note, fontsize=7, color=FAINT)
    bar = (left + matrix[0] + 0.1, bottom + max(0, matrix[1] - 1.5), 0.08, min(matrix[1], 1.5))
    bar_axes = figure.add_axes((bar[0] / width, bar[1] / height, bar[2] / width, bar[3] / height))
    figure.colorbar(image, cax=bar_axes, ticks=[0, 0.5, 1]).outline.set_edgecolor(GRID)
    bar_axes.tick_params(length=0, labelsize=7, colors=FAINT)
