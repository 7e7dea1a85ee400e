"""What a sweep found: its finished trials measured, as a table, a picture and a record."""

import dataclasses
import re
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial
from rich.console import Console
from rich.table import Table

from attention_jax import experiment, measuring, results, workdir
from attention_jax.errors import UserError
from attention_jax.sweep import Sweep
from attention_jax.sweep_live import told
from attention_jax.viz.grid import grid_plot
from attention_jax.viz.save import save_figures

_SAID_BY_OTHERS = ("loss", "chrf")
"""Metrics that a table of many runs leaves out: perplexity and BLEU say the same."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """A trial whose best checkpoint was measured.

    Attributes:
      choices: config value by dotted name, in the experiment's order.
      metrics: without slices.
      notes, data: as in `measuring.Measured`.
      seconds: wall time, this measurement included.
    """

    number: int
    choices: dict[str, Any]
    metrics: dict[str, float]
    notes: dict[str, str]
    data: dict[str, str]
    seconds: float

    @property
    def name(self) -> str:
        """Its choices as one word."""
        return choice_name(self.choices)


def choice_name(choices: Mapping[str, Any]) -> str:
    """Choices as one word: "reversal_local_p_general". A value that is no word of its own brings
    its key: "learning_rate_0_001_hidden_128".
    """
    words = []
    for key, value in choices.items():
        word = re.sub(r"\W+", "_", str(value)).strip("_")
        words.append(word if isinstance(value, str) else f"{key.rpartition('.')[2]}_{word}")
    return "_".join(words)


def measure(sweep: Sweep, split: str) -> list[Trial]:
    """The finished trials on a split, in the order of their numbers; each is evaluated once.

    Raises:
      UserError: for a split that is not there, two trials of one name, or none that has finished.
    """
    if not sweep.finished:
        raise UserError(f"no trial of {sweep.folder} has finished: there is nothing to measure")
    trials = [_measured(sweep, trial, split) for trial in sweep.finished]
    names = [trial.name for trial in trials]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two trials are called {twice}: let sweep(trial) name what differs")
    return trials


def _measured(sweep: Sweep, trial: FrozenTrial, split: str) -> Trial:
    key = f"{split} {trial.number}"
    if key not in sweep.study.user_attrs:
        began = time.time()
        run = workdir.reopen(sweep.trial_folder(trial.number))
        found = measuring.trained(run, measuring.How(split, "best", *sweep.folders))
        metrics = {
            name: value
            for name, value in measuring.plain(found).items()
            if "/" not in name and name not in _SAID_BY_OTHERS
        }
        kept = {"metrics": metrics, "notes": found.notes, "data": found.data}
        sweep.study.set_user_attr(key, kept)
        sweep.spent(trial.number, began)
    kept = sweep.study.user_attrs[key]
    choices = sweep.choices(trial.params)
    return Trial(trial.number, choices, **kept, seconds=sweep.seconds(trial.number))


def record(sweep: Sweep, split: str, name: str, workers: int) -> tuple[Path, Path]:
    """Measures the trials, shows them, draws them in the workdir and keeps docs/results/NAME.json.

    Returns:
      The picture's path and the record's.

    Raises:
      UserError: as `measure`, or outside a repository.
    """
    trials = measure(sweep, split)
    print_table(sweep, trials)
    picture = draw(trials, sweep.folder, split)
    return picture, measuring.record(as_measured(sweep, split, name, workers), name)


def as_measured(sweep: Sweep, split: str, name: str, workers: int) -> measuring.Measured:
    """All trials as one measurement, which the command that records it as `name` makes with so many
    workers.

    `bleu/NAME` is a trial's BLEU by its name, `seconds/NAME` its wall time; `longest_seconds` is
    the longest, `seconds` the time in which any of them was trained or measured.
    """
    trials = measure(sweep, split)
    metrics: dict[str, results.Metric] = {}
    times: dict[str, results.Metric] = {
        "seconds": sweep.wall_seconds,
        "longest_seconds": max(trial.seconds for trial in trials),
    }
    for metric in _metrics(trials):
        metrics |= {
            f"{metric}/{trial.name}": trial.metrics[metric]
            for trial in trials
            if metric in trial.metrics
        }
    times |= {f"seconds/{trial.name}": trial.seconds for trial in trials}
    how = measuring.How(split, "best", *sweep.folders)
    command = ["attention-jax", "sweep", f"--config={sweep.spec}", "--workdir=W", *sweep.overrides]
    # It changes no number but the times.
    command += [f"--workers={workers}"] if workers > 1 else []
    command += [*([] if split == "test" else [f"--split={split}"]), *how.data_arguments]
    return measuring.Measured(
        metrics,
        {key: note for trial in trials for key, note in trial.notes.items()},
        [shlex.join([*command, f"--record={name}"])],
        experiment.config_hash(sweep.config),
        [sweep.config.seed],
        {key: digest for trial in trials for key, digest in trial.data.items()},
        sweep.wall_seconds,
        times,
    )


def _metrics(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.metrics))


def draw(trials: Sequence[Trial], folder: Path, split: str) -> Path:
    """Draws the trials' metrics as one picture in the workdir: `viz.grid.grid_plot`.

    The choice with the fewest values makes the columns, the others the rows, sorted.
    """
    columns = _column_key(trials)
    panels: dict[str, dict[str, dict[str, float]]] = {name: {} for name in _metrics(trials)}
    for trial in sorted(trials, key=lambda trial: trial.name):
        rest = {key: value for key, value in trial.choices.items() if key != columns}
        row = choice_name(rest).replace("_", " ")
        column = "" if columns is None else str(trial.choices[columns])
        for name, value in trial.metrics.items():
            panels[name].setdefault(column, {})[row] = value
    with workdir.writable(folder):
        return save_figures({"grid": grid_plot(panels)}, folder / "pictures", split)[0]


def _column_key(trials: Sequence[Trial]) -> str | None:
    """The key of the choice that makes the columns; None where the trials have no two in common."""
    shared = [key for key in trials[0].choices if all(key in trial.choices for trial in trials)]
    counts = {key: len({trial.choices[key] for trial in trials}) for key in shared}
    several = {key: count for key, count in counts.items() if count > 1}
    return min(several, key=lambda key: several[key]) if len(several) > 1 else None


def print_table(sweep: Sweep, trials: Sequence[Trial] = ()) -> None:
    """The finished trials on standard output, best first.

    Args:
      sweep: of which some have finished.
      trials: the same as they were measured; without, the metric by which training picked its best
        checkpoint is shown.
    """
    metric, direction = sweep.goal
    metrics = _metrics(trials) or [metric]
    rows = [(trial.number, trial.metrics, trial.choices) for trial in trials] or [
        (trial.number, {metric: trial.value or 0.0}, sweep.choices(trial.params))
        for trial in sweep.finished
    ]
    rows.sort(key=lambda row: row[1][metric], reverse=direction == "max")
    keys = list(dict.fromkeys(key for _, _, choices in rows for key in choices))
    table = Table("trial", *metrics, *(key.rpartition(".")[2] for key in keys), box=None)
    for number, found, choices in rows:
        table.add_row(
            str(number), *_shown(found, metrics), *(told(choices.get(k, "")) for k in keys)
        )
    Console().print(table)


def _shown(found: Mapping[str, float], metrics: Sequence[str]) -> Iterator[str]:
    for metric in metrics:
        yield f"{found[metric]:.4g}" if metric in found else ""
