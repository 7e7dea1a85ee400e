"""Puts the page together: the template, its style and script, plotly's, and the runs' data."""

import base64
import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from attention_jax.viz.report import charts, configs, examples, numbers
from attention_jax.viz.report.contents import Run, Split
from attention_jax.viz.style import COLOURS, DARK_COLOURS

_HERE = Path(__file__).parent
_PICTURES = 24


def render(runs: Sequence[Run], split: str, made: str) -> str:
    """The whole report as HTML that asks for nothing from outside.

    Args:
      runs: one, or several to compare.
      split: that was asked for.
      made: when, for a reader.
    """
    curves, keys = charts.learning_curves(runs)
    lengths = charts.length_curves(runs, split)
    return fill(
        "page.html.jinja",
        command="report",
        charted=bool(curves or lengths),
        runs=runs,
        split=split,
        made=made,
        title=", ".join(run.label for run in runs),
        measured=_measured(runs),
        lengths=lengths,
        curves=curves,
        keys=keys,
        readings=examples.readings(runs),
        attention=_attention(runs),
        mapped=[[run.shown, one.example] for run in runs for one in run.maps or ()],
        config=configs.rows(runs),
        pictures=[_pictures(run) for run in runs],
    )


def fill(template: str, *, charted: bool, **contents: Any) -> str:
    """One of the templates beside this file, with the style and the scripts that all share.

    Args:
      template: its file's name.
      charted: whether it has charts, and so needs plotly's own script.
      **contents: the rest of what it shows.
    """
    return (
        _templates()
        .get_template(template)
        .render(
            colours={"light": COLOURS, "dark": DARK_COLOURS},
            style=(_HERE / "page.css").read_text("utf-8"),
            script=(_HERE / "page.js").read_text("utf-8"),
            plotly=get_plotlyjs() if charted else "",
            **contents,
        )
    )


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"called": numbers.called, "written": numbers.written}
    return environment


@dataclasses.dataclass(frozen=True)
class _Measured:
    """The table of metrics: a column for each run's splits, a row a metric."""

    columns: Sequence[tuple[int, Split]]
    rows: Sequence[tuple[str, Sequence[tuple[str, bool]]]]
    sliced: Sequence[tuple[str, Sequence[tuple[str, bool]]]]
    compared: bool
    notes: Sequence[tuple[str, str, str]]


def _measured(runs: Sequence[Run]) -> _Measured:
    columns = [(number, split) for number, run in enumerate(runs) for split in run.splits]
    # What is to be compared stands side by side.
    order = list(dict.fromkeys(split.name for _, split in columns))
    columns.sort(key=lambda column: order.index(column[1].name))
    names = list(dict.fromkeys(name for _, split in columns for name in split.metrics))
    main = {split.main_metric[0] for _, split in columns if split.main_metric}
    names.sort(key=lambda name: name not in main)
    rows = [(name, _cells(name, columns)) for name in names]
    said: dict[tuple[str, str], list[str]] = {}
    for number, split in columns:
        for metric, note in split.notes.items():
            of_run = f"{runs[number].label}, " if len(runs) > 1 else ""
            said.setdefault((metric, note), []).append(of_run + split.name)
    return _Measured(
        columns,
        [row for row in rows if "/" not in row[0]],
        [row for row in rows if "/" in row[0]],
        any(best for _, cells in rows for _, best in cells),
        # Of what: told only where not all were computed alike.
        [
            (metric, note, "" if sum(m == metric for m, _ in said) == 1 else "; ".join(whose))
            for (metric, note), whose in said.items()
        ],
    )


def _cells(name: str, columns: Sequence[tuple[int, Split]]) -> list[tuple[str, bool]]:
    """A metric's value in each column, and whether it is the best of its split's."""
    cells = []
    for _, split in columns:
        rivals = [other.metrics.get(name) for _, other in columns if other.name == split.name]
        value = split.metrics.get(name)
        best = value is not None and value == numbers.best(name, rivals)
        cells.append(("" if value is None else numbers.written(value), best))
    return cells


def _attention(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [
        {"run": number, "split": run.shown, **vars(one), "weights": _finite(one.weights)}
        for number, run in enumerate(runs)
        for one in run.maps or ()
    ]


def _finite(weights: Sequence[Sequence[float]]) -> list[list[float]]:
    """JSON has no word for what is not a number."""
    return [[value if math.isfinite(value) else 0.0 for value in row] for row in weights]


def _pictures(run: Run) -> list[tuple[str, str]]:
    """Name and data URL of a run's pictures, where it has no maps to be drawn by the page."""
    if run.maps:
        return []
    return [
        (name, "data:image/png;base64," + base64.b64encode(png).decode("ascii"))
        for name, png in list(run.pictures.items())[:_PICTURES]
    ]
