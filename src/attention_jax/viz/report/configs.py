"""Configs of one run or several: a row a key, where they differ, and what was overridden."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from attention_jax.viz.report.contents import Run

_ABSENT = "–"


@dataclasses.dataclass(frozen=True)
class Row:
    """A key and its value in each run; `overridden` in at least one, on its command line."""

    key: str
    values: Sequence[str]
    differs: bool
    overridden: bool


def rows(runs: Sequence[Run]) -> list[Row]:
    """Every key of any run, sections together; first what stands above the config."""
    above = [
        _row("experiment", [run.experiment for run in runs]),
        _row("version", [run.version for run in runs]),
        _row("code", [run.code for run in runs]),
    ]
    keys = {key for run in runs for key in run.config}
    below = []
    for key in sorted(keys, key=lambda key: ("." in key, key)):
        values = [_text(run.config[key]) if key in run.config else _ABSENT for run in runs]
        below.append(_row(key, values, any(key in run.overridden for run in runs)))
    return above + below


def _row(key: str, values: Sequence[str], overridden: bool = False) -> Row:
    return Row(key, values, len(set(values)) > 1, overridden)


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
