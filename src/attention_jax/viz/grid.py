"""A grid of runs at a glance: a row a choice, a panel a metric."""

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attention_jax.errors import UserError
from attention_jax.viz.curves import legend_above, line_style
from attention_jax.viz.style import INK, drawable, new_figure, plain_axes, text_style

Table = Mapping[str, Mapping[str, float]]
"""Column -> row -> number; a column may lack a row."""

_ROW = 0.3  # inches
_DODGE = 0.62  # of a row's height, over which its marks are spread so that none hides another


def grid_plot(panels: Mapping[str, Table], *, title: str | None = None) -> Figure:
    """The numbers of a table as marks: rows down, a panel a metric, a colour and marker a column.

    Args:
      panels: metric -> table. Rows and columns stand in the order in which they are first met.
      title: stands above the legend.

    Raises:
      UserError: there is no number to draw.
    """
    columns = list(dict.fromkeys(name for table in panels.values() for name in table))
    rows = list(
        dict.fromkeys(
            row for table in panels.values() for column in table.values() for row in column
        )
    )
    if not rows:
        raise UserError("a grid needs a number to draw: let a trial end first")
    labels = [drawable(row) for row in rows]
    beside = 0.4 + 0.075 * max(map(len, labels))
    figure = new_figure(*(beside + 2.6 * len(panels), 0.8 + _ROW * len(rows)), layout="constrained")
    first: Axes | None = None
    for number, (metric, table) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), number + 1, sharey=first)
        first = first or axes
        plain_axes(axes)
        axes.grid(visible=False, axis="y")
        for place in range(0, len(rows), 2):
            axes.axhspan(place - 0.5, place + 0.5, color="#f5f5f5", zorder=0, linewidth=0)
        for series, column in enumerate(columns):
            _marks(axes, table.get(column, {}), rows, series, len(columns))
        axes.margins(x=0.08)
        # More numbers, or with a third decimal, would run into one another.
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
        axes.set_title(drawable(metric), fontsize=9, color=INK, loc="left", parse_math=False)
        axes.tick_params(labelleft=number == 0)
    assert first is not None
    first.set_yticks(range(len(rows)), labels, fontsize=8, color=INK, **text_style(labels))
    first.set_ylim(len(rows) - 0.5, -0.5)
    if len(columns) > 1 or title:
        legend_above(figure, columns, title)
    return figure


def _marks(
    axes: Axes, values: Mapping[str, float], rows: list[str], series: int, count: int
) -> None:
    """One column's numbers, each beside its row."""
    known = [place for place, row in enumerate(rows) if math.isfinite(values.get(row, math.nan))]
    dodge = _DODGE * ((series + 0.5) / count - 0.5)
    heights = [place + dodge for place in known]
    style = line_style(series)
    axes.plot([values[rows[place]] for place in known], heights, linestyle="none", **style)
