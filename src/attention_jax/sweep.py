"""A sweep: an experiment's `sweep(trial)` says what varies, Optuna says which comes next.

The study lies in the workdir's `study.journal`; trial N is an ordinary run in `trials/N`. The same
command goes on where it stopped, an interrupted trial first. What is measured of a trial on a test
split is kept in the study, once.
"""

import dataclasses
import inspect
import re
import shlex
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, FrozenTrial, TrialState
from rich.console import Console
from rich.table import Table

from attention_jax import experiment, measuring, results, runs, workdir
from attention_jax.errors import UserError
from attention_jax.training.interruption import Stop
from attention_jax.viz.grid import grid_plot
from attention_jax.viz.save import save_figures

_SAID_BY_OTHERS = ("loss", "chrf")
"""Metrics that a table of many runs leaves out: perplexity and BLEU say the same."""


class _Interrupted(BaseException):
    """Passes through Optuna, which takes an Exception for a failed trial, and leaves it running."""

    def __init__(self, stop: Stop):
        self.stop = stop


class Sweep:
    """The trials of one workdir, one after another, over the experiment's whole grid.

    Args:
      spec: the experiment, "NAME[:arg]" or "PATH.py[:arg]". Its `sweep` takes the trial, and where
        the grid depends on the arg, the arg too.
      overrides: "--config.NAME=VALUE" arguments, the same for every trial.
      folder: of the study and its trials.
      data_dir, manual_dir: as for a single run.

    Raises:
      UserError: when the experiment has no `sweep`, or the folder holds another sweep or cannot be
        written.
    """

    def __init__(
        self,
        spec: str,
        overrides: Sequence[str],
        folder: Path,
        data_dir: Path | None = None,
        manual_dir: Path | None = None,
    ):
        source = experiment.find(spec)
        if not hasattr(source.module, "sweep"):
            raise UserError(f"{source.name} defines no sweep(trial): say there what varies")
        self._choose, self._arg = source.module.sweep, source.arg
        self.spec, self.overrides, self.folder = source.spec, list(overrides), folder
        self.folders = (data_dir, manual_dir)
        self.config = source.config()
        experiment.parse_flags(self.config, overrides)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with workdir.writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
        with warnings.catch_warnings():
            # "Experimental" since 2022; the one sampler that walks a define-by-run grid.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.BruteForceSampler(seed=self.config.seed)
        self.study = optuna.create_study(
            storage=storage, study_name=source.name, load_if_exists=True, sampler=sampler
        )
        self._refuse_another()

    def _refuse_another(self) -> None:
        """Trials of two commands in one folder would be one table of what cannot be compared."""
        held, own = self.study.user_attrs.get("command"), [self.spec, *self.overrides]
        if held is None:
            self.study.set_user_attr("command", own)
        elif held != own:
            raise UserError(
                f"{self.folder} holds the sweep of {shlex.join(held)}, not of {shlex.join(own)}: "
                "choose another --workdir"
            )

    def run(self, trials: int = 0) -> Stop:
        """Trains until the grid, or that many trials in all, are done.

        Returns:
          Why it ended before, if it did; `Stop.NO` otherwise.
        """
        try:
            for left in self.study.get_trials(states=[TrialState.RUNNING]):
                value = self._train(left.number, self.choices(left.params))
                self.study.tell(left.number, value)
            left_over = max(trials - len(self.finished), 0) if trials else None
            if left_over != 0:
                # The sampler ends the study when the grid is exhausted.
                self.study.optimize(self._try, left_over)
        except _Interrupted as interrupted:
            return interrupted.stop
        return Stop.NO

    @property
    def finished(self) -> list[FrozenTrial]:
        """Trials with a result, in the order of their numbers."""
        return self.study.get_trials(states=[TrialState.COMPLETE])

    @property
    def main_metric(self) -> tuple[str, str]:
        """What the trials are compared by, and whether "max" or "min" is best."""
        return self.study.user_attrs["metric"]

    def choices(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The config values of a trial that answered so."""
        return self._values(FixedTrial(dict(params)))

    def trial_folder(self, number: int) -> Path:
        """The trial's workdir."""
        return self.folder / "trials" / str(number)

    def seconds(self, number: int) -> float:
        """Wall time of a trial so far, over all starts: set-up, training, evaluations."""
        return self.study.user_attrs.get(f"seconds {number}", 0.0)

    def spent(self, number: int, seconds: float) -> None:
        """Adds to a trial's wall time."""
        self.study.set_user_attr(f"seconds {number}", self.seconds(number) + seconds)

    def _try(self, trial: optuna.Trial) -> float:
        values = self._values(trial)
        tried = self.study.get_trials(states=[TrialState.COMPLETE, TrialState.FAIL])
        if any(trial.params == other.params for other in tried):
            # All was tried before this command: the sampler says so after a trial only.
            self.study.stop()
            raise optuna.TrialPruned
        return self._train(trial.number, values)

    def _values(self, trial: Any) -> dict[str, Any]:
        takes_arg = len(inspect.signature(self._choose).parameters) > 1
        return self._choose(trial, self._arg) if takes_arg else self._choose(trial)

    def _train(self, number: int, values: Mapping[str, Any]) -> float:
        began, folder = time.monotonic(), self.trial_folder(number)
        overrides = self.overrides + [f"--config.{k}={v}" for k, v in values.items()]
        run = workdir.start(folder, self.spec, overrides)
        built = run.build(*self.folders)
        run.claim()
        print_trial(number, values)
        trained = runs.train(built, folder)
        self.spent(number, time.monotonic() - began)
        if trained.stop is not Stop.NO:
            raise _Interrupted(trained.stop)
        self.study.set_user_attr("metric", built.task.main_metric)
        assert trained.done.best is not None
        return trained.done.best


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
      UserError: for a split that is not there, or two trials of one name.
    """
    trials = [_measured(sweep, trial, split) for trial in sweep.finished]
    names = [trial.name for trial in trials]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two trials are called {twice}: let sweep(trial) name what differs")
    return trials


def _measured(sweep: Sweep, trial: FrozenTrial, split: str) -> Trial:
    key = f"{split} {trial.number}"
    if key not in sweep.study.user_attrs:
        began = time.monotonic()
        run = workdir.reopen(sweep.trial_folder(trial.number))
        found = measuring.trained(run, measuring.How(split, "best", *sweep.folders))
        metrics = {
            name: value
            for name, value in measuring.plain(found).items()
            if "/" not in name and name not in _SAID_BY_OTHERS
        }
        kept = {"metrics": metrics, "notes": found.notes, "data": found.data}
        sweep.study.set_user_attr(key, kept)
        sweep.spent(trial.number, time.monotonic() - began)
    kept = sweep.study.user_attrs[key]
    choices = sweep.choices(trial.params)
    return Trial(trial.number, choices, **kept, seconds=sweep.seconds(trial.number))


def record(sweep: Sweep, split: str, name: str) -> tuple[Path, Path]:
    """Measures the trials, shows them, draws them in the workdir and keeps docs/results/NAME.json.

    Returns:
      The picture's path and the record's.

    Raises:
      UserError: as `measure`, or outside a repository.
    """
    trials = measure(sweep, split)
    print_table(sweep, trials)
    picture = draw(trials, sweep.folder, split)
    return picture, measuring.record(as_measured(sweep, split, name), name)


def as_measured(sweep: Sweep, split: str, name: str) -> measuring.Measured:
    """All trials as one measurement, which the command that records it as `name` makes.

    `bleu/NAME` is a trial's BLEU by its name, `seconds/NAME` its wall time; `seconds` is the sum
    over all trials and `longest_seconds` the longest.
    """
    trials = measure(sweep, split)
    metrics: dict[str, results.Metric] = {}
    times: dict[str, results.Metric] = {
        "seconds": sum(trial.seconds for trial in trials),
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
    command += [*([] if split == "test" else [f"--split={split}"]), *how.data_arguments]
    return measuring.Measured(
        metrics,
        {key: note for trial in trials for key, note in trial.notes.items()},
        [shlex.join([*command, f"--record={name}"])],
        experiment.config_hash(sweep.config),
        [sweep.config.seed],
        {key: digest for trial in trials for key, digest in trial.data.items()},
        sum(trial.seconds for trial in trials),
        times,
    )


def _metrics(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.metrics))


def draw(trials: Sequence[Trial], folder: Path, split: str) -> Path:
    """Draws the trials' metrics as one picture in the workdir: `viz.grid.grid_plot`.

    The choice with the fewest values makes the columns, the others the rows.
    """
    columns = _column_key(trials)
    panels: dict[str, dict[str, dict[str, float]]] = {name: {} for name in _metrics(trials)}
    for trial in trials:
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


def print_trial(number: int, values: Mapping[str, Any]) -> None:
    """Says on standard error which trial begins."""
    choice = "  ".join(f"{name}={value}" for name, value in values.items())
    Console(stderr=True).print(f"trial {number}  {choice}", highlight=False, markup=False)


def print_table(sweep: Sweep, trials: Sequence[Trial] = ()) -> None:
    """The finished trials on standard output, best first.

    Args:
      sweep: of which some have finished.
      trials: the same as they were measured; without, the metric by which training picked its best
        checkpoint is shown.
    """
    metric, direction = sweep.main_metric
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
            str(number), *_shown(found, metrics), *(str(choices.get(k, "")) for k in keys)
        )
    Console().print(table)


def _shown(found: Mapping[str, float], metrics: Sequence[str]) -> Iterator[str]:
    for metric in metrics:
        yield f"{found[metric]:.4g}" if metric in found else ""
