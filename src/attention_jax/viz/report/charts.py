"""The report's charts, as plotly figures without colours: the page gives them its own.

A trace's `meta` names the run's or split's number (`series`), from which the page takes the
colour, in light and in dark.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from attention_jax.viz.curves import by_length, range_label
from attention_jax.viz.report.contents import Run
from attention_jax.viz.report.numbers import called, sign, written

_DASHES = ("solid", "dash", "dashdot")
_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x")
_MARKED_POINTS = 40
# Beyond this ratio of its values a curve that should fall is drawn on a logarithmic axis.
_LOGARITHMIC_FROM = 100


@dataclasses.dataclass(frozen=True)
class Chart:
    """One chart: what stands above it, what a screen reader says, plotly's data and layout."""

    title: str
    summary: str
    figure: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Key:
    """An entry of the legend that all learning curves share."""

    label: str
    series: int
    dash: str


def learning_curves(runs: Sequence[Run]) -> tuple[list[Chart], list[Key]]:
    """A chart for each metric, a line for each split and run, and their legend.

    One run's splits differ in colour; of several runs each has a colour, and splits differ in the
    dash. What is not a number leaves a gap. Metrics that only training has come last.
    """
    splits = list(dict.fromkeys(str(row["split"]) for run in runs for row in run.rows))
    evaluated = [split for split in splits if split != "train"]
    lines: dict[str, dict[tuple[int, int], list[tuple[int, float]]]] = {}
    for number, run in enumerate(runs):
        for row in run.rows:
            for metric, value in row.items():
                if metric in ("step", "split") or "/" in metric or not _is_number(value):
                    continue
                line = lines.setdefault(metric, {})
                points = line.setdefault((number, splits.index(row["split"])), [])
                points.append((row["step"], value if math.isfinite(value) else math.nan))
    lines = {name: line for name, line in lines.items() if _finite(line.values())}
    measured = {metric for run in runs for split in run.splits for metric in split.metrics}
    order = sorted(lines, key=lambda metric: (metric not in measured, *_place(metric)))
    keys: dict[tuple[int, int], Key] = {}
    for number, split in sorted({place for line in lines.values() for place in line}):
        name = splits[split]
        if len(runs) == 1:
            keys[number, split] = Key(name, split, "solid")
        else:
            dash = "dot" if name == "train" else _DASHES[evaluated.index(name) % len(_DASHES)]
            keys[number, split] = Key(f"{runs[number].label}, {name}", number, dash)
    training = splits.index("train") if "train" in splits else None
    longest = max((row["step"] for run in runs for row in run.rows), default=0)
    charts = [_curve(metric, lines[metric], keys, longest, training) for metric in order]
    return charts, list(keys.values())


def _place(metric: str) -> tuple[bool, bool, str]:
    return metric != "loss", metric != "perplexity", metric


def _curve(
    metric: str,
    line: Mapping[tuple[int, int], Sequence[tuple[int, float]]],
    keys: Mapping[tuple[int, int], Key],
    longest: int,
    training: int | None,
) -> Chart:
    values = _finite(line.values())
    falls = sign(metric) < 0 < min(values)
    logarithmic = falls and max(values) > _LOGARITHMIC_FROM * min(values)
    figure = _figure(hovermode="x unified", xaxis_title="step")
    last = []
    for place, points in sorted(line.items()):
        key, trained = keys[place], place[1] == training
        # A single point needs a marker to be seen; a training curve's many would hide it.
        marked = len(points) == 1 or (not trained and len(points) <= _MARKED_POINTS)
        figure.add_scatter(
            x=[step for step, _ in points],
            y=[value for _, value in points],
            name=key.label,
            mode="lines+markers" if marked else "lines",
            line={"width": 1.5 if trained else 2.5, "dash": key.dash},
            marker={"size": 6, "symbol": _SYMBOLS[key.series % len(_SYMBOLS)]},
            hovertemplate="%{y:.4~g}",
            meta={"series": key.series},
        )
        last.append(f"{key.label} {written(points[-1][1])} at step {points[-1][0]}")
    # All charts over the same steps, with room for the last point's marker.
    figure.update_xaxes(range=[0, 1.03 * longest])
    if logarithmic:
        figure.update_yaxes(type="log", dtick=1)
    title = called(metric) + (" (logarithmic)" if logarithmic else "")
    return Chart(title, f"{title} by training step; last: {'; '.join(last)}", _plain(figure))


def length_curves(runs: Sequence[Run], split: str) -> list[Chart]:
    """A chart for each metric that was measured by length, a line for each run and split.

    Of one run all splits are drawn that have lengths; of several only the one asked for, or the
    first there is.
    """
    series: list[tuple[str, int, Mapping[str, float]]] = []
    for number, run in enumerate(runs):
        sliced = [one for one in run.splits if any("/length_" in name for name in one.metrics)]
        if len(runs) == 1:
            series += [(one.name, place, one.metrics) for place, one in enumerate(sliced)]
        elif sliced:
            one = next((one for one in sliced if one.name == split), sliced[0])
            series.append((f"{run.label}, {one.name}", number, one.metrics))
    names = {key.partition("/")[0] for *_, found in series for key in found if "/length_" in key}
    of_source = any("source" in record for run in runs for record in run.records[:1])
    length = "source length in words" if of_source else "length"
    return [_length_curve(name, series, length) for name in sorted(names, key=_place)]


def _length_curve(
    metric: str, series: Sequence[tuple[str, int, Mapping[str, float]]], length: str
) -> Chart:
    values = [(label, number, by_length(found, metric)) for label, number, found in series]
    values = [(label, number, found) for label, number, found in values if found]
    buckets = sorted({bucket for *_, found in values for bucket in found})
    figure = _figure(xaxis_title=length, showlegend=True)
    figure.update_layout(legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    told = []
    for label, number, found in values:
        known = [bucket for bucket in buckets if math.isfinite(found.get(bucket, math.nan))]
        figure.add_scatter(
            x=[range_label(*bucket) for bucket in known],
            y=[found[bucket] for bucket in known],
            name=label,
            mode="lines+markers",
            line={"width": 2.5},
            marker={"size": 9, "symbol": _SYMBOLS[number % len(_SYMBOLS)]},
            hovertemplate="%{x}: %{y:.4~g}",
            meta={"series": number},
        )
        told += [f"{label} {range_label(*b)}: {written(found[b])}" for b in known]
    labels = [range_label(*bucket) for bucket in buckets]
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=labels)
    figure.update_yaxes(rangemode="tozero")
    title = f"{called(metric)} by {length}"
    return Chart(title, f"{title}: {'; '.join(told)}", _plain(figure))


def _plain(figure: go.Figure) -> dict[str, Any]:
    # By way of plotly's JSON, which has arrays as lists and no NaN.
    return json.loads(figure.to_json())


def _figure(**layout: Any) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        template="none",
        margin={"l": 48, "r": 12, "t": 8, "b": 40},
        **{"showlegend": False, "hovermode": "closest", **layout},
    )
    figure.update_xaxes(zeroline=False, automargin=True, title_standoff=8)
    figure.update_yaxes(zeroline=False, automargin=True, nticks=6)
    return figure


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(lines: Any) -> list[float]:
    return [value for points in lines for _, value in points if math.isfinite(value)]
