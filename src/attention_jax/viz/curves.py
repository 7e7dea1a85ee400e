"""Curves: a metric by source length, and everything that a run wrote down."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from attention_jax.errors import UserError
from attention_jax.viz.style import (
    COLOURS,
    FAINT,
    INK,
    MARKERS,
    drawable,
    new_figure,
    plain_axes,
    text_style,
)

Bucket = tuple[int, float]
"""Lengths from the first to below the second, which may be infinite."""


def by_length(metrics: Mapping[str, float], name: str) -> dict[Bucket, float]:
    """The slices of a metric by length: `bleu/length_20_30` is bucket (20, 30) of `bleu`,
    `bleu/length_60_up` is (60, inf), `bleu/length_7` is (7, 8). In ascending order.
    """
    found: dict[Bucket, float] = {}
    for key, value in metrics.items():
        match = re.fullmatch(re.escape(name) + r"/length_(\d+)(?:_(\d+|up))?", key)
        if match:
            low, high = match.groups()
            end = math.inf if high == "up" else int(high or int(low) + 1)
            found[int(low), end] = value
    return dict(sorted(found.items()))


def range_label(low: int, high: float) -> str:
    """A bucket as it stands under an axis: "10–19", "60+", "7"."""
    if high == low + 1:
        return str(low)
    return f"{low}+" if math.isinf(high) else f"{low}–{int(high) - 1}"


def length_curve(
    series: Mapping[str, Mapping[Bucket, float]],
    *,
    metric: str,
    longest_trained: int | None = None,
    title: str | None = None,
    axis: str = "source length in words",
) -> Figure:
    """A metric by source length, one line a system (Bahdanau 2015, figure 2).

    Args:
      series: system -> bucket -> value (see `by_length`); a system may lack a bucket.
      metric: the name of the vertical axis, which begins at 0.
      longest_trained: buckets from this length on are shaded: training had nothing longer.
      title: stands above the legend.
      axis: what the length is of.

    Raises:
      UserError: there is no value to draw.
    """
    buckets = sorted({bucket for values in series.values() for bucket in values})
    if not buckets:
        raise UserError("a length curve needs a value by length: evaluate on longer sources")
    width = min(max(4.5, 0.75 * len(buckets) + 1.5), 12.0)
    figure = new_figure(width, 3.0, layout="constrained")
    axes = figure.add_subplot()
    plain_axes(axes)
    places = {bucket: place for place, bucket in enumerate(buckets)}
    for number, values in enumerate(series.values()):
        known = sorted(bucket for bucket in values if math.isfinite(values[bucket]))
        axes.plot(
            [places[bucket] for bucket in known],
            [values[bucket] for bucket in known],
            **line_style(number),
            linewidth=1.8,
        )
    axes.set_xlim(-0.5, len(buckets) - 0.5)
    heights = [value for of_one in series.values() for value in of_one.values()]
    highest = max(filter(math.isfinite, heights), default=0)
    axes.set_ylim(0, 1.06 * highest if highest > 0 else 1)
    axes.set_xticks(range(len(buckets)), [range_label(*bucket) for bucket in buckets])
    axes.set_xlabel(axis, fontsize=9, color=INK)
    axes.set_ylabel(metric, fontsize=9, color=INK)
    if longest_trained is not None:
        _shade(axes, [places[b] for b in buckets if b[0] >= longest_trained])
    legend_above(figure, list(series), title)
    return figure


def curves(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Every metric of a run over its steps, one panel a metric, one line a split.

    Slices of a metric (a slash in the name) are left out. What is not a finite number leaves a
    gap.

    Args:
      rows: of `metrics.jsonl`: {"step": 10, "split": "train", "loss": 1.5, ...}.

    Raises:
      UserError: there is no number to draw.
    """
    lines = _lines(rows)
    if not lines:
        raise UserError("there are no metrics to draw yet: train until the first row is written")
    splits = list(dict.fromkeys(split for metric in lines.values() for split in metric))
    columns = min(3, len(lines))
    down = math.ceil(len(lines) / columns)
    size = max(4.0, 3.2 * columns), 2.2 * down
    figure = new_figure(*size, layout="constrained")
    first: Axes | None = None
    for number, (name, by_split) in enumerate(lines.items()):
        axes = figure.add_subplot(down, columns, number + 1, sharex=first)
        first = first or axes
        plain_axes(axes)
        axes.set_title(name, fontsize=9, color=INK, loc="left", parse_math=False)
        for split, points in by_split.items():
            style = line_style(splits.index(split))
            # Markers where they can be told apart; a single point needs one to be seen.
            style["markersize"] = 3.5 if len(points) <= 25 else 0
            axes.plot(*zip(*points, strict=True), linewidth=1.2, **style)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        if number >= len(lines) - columns:
            axes.set_xlabel("step", fontsize=8, color=FAINT)
    legend_above(figure, splits)
    return figure


def _lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Metric -> split -> (step, value) in the order of the rows."""
    lines: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for row in rows:
        for name, value in row.items():
            if name in ("step", "split") or "/" in name or not isinstance(value, int | float):
                continue
            points = lines.setdefault(name, {}).setdefault(row["split"], [])
            points.append((row["step"], value if math.isfinite(value) else math.nan))
    return {
        name: by_split
        for name, by_split in lines.items()
        if any(math.isfinite(value) for points in by_split.values() for _, value in points)
    }


def line_style(number: int) -> dict[str, Any]:
    """How line number so-and-so looks, in every panel."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 6,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def _shade(axes: Axes, places: Sequence[int]) -> None:
    if not places:
        return
    axes.axvspan(min(places) - 0.5, max(places) + 0.5, color="#eeeeee", zorder=0, linewidth=0)
    axes.text(
        *((min(places) + max(places)) / 2, 0.5),
        "longer than\nin training",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="center",
        fontsize=7,
        color=FAINT,
    )


def legend_above(figure: Figure, names: Sequence[str], title: str | None = None) -> None:
    """Above the panels, where it hides nothing; one entry a name."""
    handles = [
        Line2D([], [], label=drawable(name), **line_style(n)) for n, name in enumerate(names)
    ]
    # An entry is about 0.55 inches, and 0.08 more a character; the figure grows by its lines.
    columns = max(1, int(figure.get_figwidth() / (0.55 + 0.08 * max(map(len, names)))))
    lines = math.ceil(len(names) / columns) + (title is not None)
    figure.set_figheight(figure.get_figheight() + 0.2 * lines)
    legend = figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        fontsize=8,
        alignment="left",
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(color=INK, **text_style([name]))
    if title:
        legend.set_title(drawable(title), prop=FontProperties(size=10))
        legend.get_title().set(color=INK, **text_style([title]))
