"""What a machine with a memory did, step by step (Graves 2014, figures 2, 4 and 6)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attention_jax.errors import UserError
from attention_jax.viz.style import COLOURS, FAINT, INK, drawable, new_figure, plain_axes

HEADS_DRAWN = 4
"""Of more heads the first ones are drawn, and the label says so."""

# In inches.
_LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 1.05, 0.15, 0.1, 0.45, 0.12
_TITLE = 0.25


class _Panel(NamedTuple):
    """Rows over time as an image."""

    label: str
    rows: np.ndarray
    """[rows, time]; what is not a number stays blank."""
    colours: str
    low: float
    height: float
    parts: int = 1
    """Heads that stand on top of one another, the first above."""


def tape(
    inputs: np.ndarray,
    outputs: np.ndarray,
    targets: np.ndarray | None = None,
    *,
    adds: np.ndarray | None = None,
    erases: np.ndarray | None = None,
    write: np.ndarray | None = None,
    read: np.ndarray | None = None,
    title: str = "",
) -> Figure:
    """One sequence from left to right: what came in, what was said, and the memory meanwhile.

    All panels share the axis of time, so that a write stands above the read that needs it.

    Args:
      inputs: [time, channels].
      outputs: [time, bits], chances in 0..1; NaN where nothing was asked.
      targets: [time, bits], likewise; None where nobody knows them.
      adds: [time, write heads, word], in -1..1.
      erases: [time, write heads, word], in 0..1.
      write: [time, write heads, slots], weights in 0..1; slot 0 is the highest row.
      read: [time, read heads, slots], likewise.
      title: stands above.

    Raises:
      UserError: the arrays are not of one length.

    Graves 2014, figures 4 (copy's inputs, targets, outputs) and 6 (adds, reads, weightings).
    """
    low = -1.0 if np.nanmin(inputs) < 0 else 0.0
    panels = [_bits("inputs", inputs, low), _bits("outputs", outputs)]
    if targets is not None:
        panels.insert(1, _bits("targets", targets))
    memory = {"adds": adds, "erases": erases, "write weights": write, "read weights": read}
    panels += [_of_heads(label, each) for label, each in memory.items() if each is not None]
    times = {panel.rows.shape[1] for panel in panels}
    if len(times) > 1:
        raise UserError(f"panels of one tape have one length, not {', '.join(map(str, times))}")
    (steps,) = times
    width = float(np.clip(0.11 * steps, 3.5, 12)) + _LEFT + _RIGHT
    tall = [panel.height for panel in panels]
    above = _TOP + (_TITLE if title else 0)
    height = sum(tall) + _GAP * (len(panels) - 1) + above + _BOTTOM
    figure = new_figure(width, height)
    top, first = height - above, None
    for panel in panels:
        top -= panel.height
        place = _LEFT / width, top / height, 1 - (_LEFT + _RIGHT) / width, panel.height / height
        axes = figure.add_axes(place, sharex=first)
        first = first or axes
        _draw(axes, panel, last=panel is panels[-1])
        top -= _GAP
    if title:
        figure.text(_LEFT / width, 1 - _TITLE / height, drawable(title), fontsize=10, color=INK)
    return figure


def _bits(label: str, values: np.ndarray, low: float = 0.0) -> _Panel:
    rows = np.asarray(values, np.float32).T
    height = float(np.clip(0.1 * len(rows), 0.25, 1.2))
    return _Panel(label, rows, "RdBu_r" if low < 0 else "Greys", low, height)


def _of_heads(label: str, values: np.ndarray) -> _Panel:
    """[time, heads, rows] -> the heads on top of one another."""
    values = np.asarray(values, np.float32)
    heads, each = values.shape[1:]
    drawn = min(heads, HEADS_DRAWN)
    if heads > drawn:
        label = f"{label}\nheads 1–{drawn} of {heads}"
    rows = values[:, :drawn].reshape(len(values), -1).T
    height = drawn * float(np.clip(0.035 * each, 0.4, 1.6))
    signed = label.startswith("adds")
    colours = "RdBu_r" if signed else "Greys" if label.startswith("erases") else "Blues"
    return _Panel(label, rows, colours, -1.0 if signed else 0.0, height, drawn)


def _draw(axes: Axes, panel: _Panel, last: bool) -> None:
    axes.imshow(
        panel.rows, cmap=panel.colours, vmin=panel.low, vmax=1, aspect="auto", interpolation="none"
    )
    axes.set_ylabel(panel.label, rotation=0, ha="right", va="center", fontsize=8, color=INK)
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=7, colors=FAINT, labelbottom=last)
    for part in range(1, panel.parts):
        axes.axhline(part * len(panel.rows) / panel.parts - 0.5, color=COLOURS[1], linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
        spine.set_linewidth(0.5)
    if last:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        axes.set_xlabel("step", fontsize=8, color=FAINT)


def addressing(stages: Mapping[str, np.ndarray], heads: Sequence[str], title: str = "") -> Figure:
    """How each head came to its weights in one step: the stages in a row, a row a head.

    Args:
      stages: name -> [heads, slots], in the order in which they follow one another.
      heads: their names.
      title: stands above.

    Raises:
      UserError: a stage has another number of heads.

    Graves 2014, figure 2.
    """
    for name, weights in stages.items():
        if len(weights) != len(heads):
            raise UserError(
                f"the stage {name!r} has {len(weights)} heads and {len(heads)} are named"
            )
    above = _TITLE if title else 0
    width, height = 2.0 * len(stages) + 1.2, 1.1 * len(heads) + 0.8 + above
    figure = new_figure(width, height)
    grid = figure.add_gridspec(
        len(heads),
        len(stages),
        left=1.0 / width,
        right=1 - 0.1 / width,
        bottom=0.45 / height,
        top=1 - (0.3 + above) / height,
        hspace=0.25,
        wspace=0.12,
    )
    for row, head in enumerate(heads):
        for column, (name, weights) in enumerate(stages.items()):
            axes = figure.add_subplot(grid[row, column])
            plain_axes(axes)
            values = np.asarray(weights[row], np.float32)
            # Slot n from n - 1/2 to n + 1/2; a single patch, however many slots.
            axes.stairs(values, np.arange(len(values) + 1) - 0.5, fill=True, color=COLOURS[row % 2])
            axes.set(xlim=(-0.5, len(values) - 0.5), ylim=(0, 1.05), yticks=[0, 0.5, 1])
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
            axes.tick_params(labelsize=7, labelleft=column == 0, labelbottom=row == len(heads) - 1)
            if row == 0:
                axes.set_title(name, fontsize=9, color=INK)
            if column == 0:
                axes.set_ylabel(head, fontsize=8, color=INK)
            if row == len(heads) - 1:
                axes.set_xlabel("slot", fontsize=8, color=FAINT)
    if title:
        figure.text(0.1 / width, 1 - _TITLE / height, drawable(title), fontsize=10, color=INK)
    return figure
