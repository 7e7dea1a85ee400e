"""A sweep: an experiment's `sweep(trial)` says what varies, Optuna says which comes next.

The study lies in the workdir's `study.journal`; trial N is an ordinary run in `trials/N`. The same
command goes on where it stopped, an interrupted trial first.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, FrozenTrial, TrialState
from rich.console import Console
from rich.table import Table

from attention_jax import experiment, runs, workdir
from attention_jax.errors import UserError
from attention_jax.training.interruption import Stop


class _Interrupted(BaseException):
    """Passes through Optuna, which takes an Exception for a failed trial, and leaves it running."""

    def __init__(self, stop: Stop):
        self.stop = stop


class Sweep:
    """The trials of one workdir, one after another, over the experiment's whole grid.

    Args:
      spec: the experiment, "NAME[:arg]" or "PATH.py[:arg]".
      overrides: "--config.NAME=VALUE" arguments, the same for every trial.
      folder: of the study and its trials.
      data_dir, manual_dir: as for a single run.

    Raises:
      UserError: when the experiment has no `sweep`, or the folder cannot be written.
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
        self._choose = source.module.sweep
        self._spec, self._overrides, self._folder = spec, list(overrides), folder
        self._folders = (data_dir, manual_dir)
        config = source.config()
        experiment.parse_flags(config, overrides)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with workdir.writable(folder):
            folder.mkdir(parents=True, exist_ok=True)
            storage = JournalStorage(JournalFileBackend(str(folder / "study.journal")))
        with warnings.catch_warnings():
            # "Experimental" since 2022; the one sampler that walks a define-by-run grid.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.BruteForceSampler(seed=config.seed)
        self.study = optuna.create_study(
            storage=storage, study_name=source.name, load_if_exists=True, sampler=sampler
        )

    def run(self, trials: int = 0) -> Stop:
        """Trains until the grid, or that many trials in all, are done.

        Returns:
          Why it ended before, if it did; `Stop.NO` otherwise.
        """
        try:
            for left in self.study.get_trials(states=[TrialState.RUNNING]):
                value = self._train(left.number, self._choose(FixedTrial(left.params)))
                self.study.tell(left.number, value)
            left_over = max(trials - len(self.finished), 0) if trials else None
            if left_over != 0:
                # The sampler ends the study when the grid is exhausted.
                self.study.optimize(
                    lambda trial: self._train(trial.number, self._choose(trial)), left_over
                )
        except _Interrupted as interrupted:
            return interrupted.stop
        return Stop.NO

    @property
    def finished(self) -> list[FrozenTrial]:
        """Trials with a result, in the order of their numbers."""
        return self.study.get_trials(states=[TrialState.COMPLETE])

    def _train(self, number: int, values: Mapping[str, Any]) -> float:
        folder = self._folder / "trials" / str(number)
        overrides = self._overrides + [f"--config.{k}={v}" for k, v in values.items()]
        run = workdir.start(folder, self._spec, overrides)
        built = run.build(*self._folders)
        run.claim()
        print_trial(number, values)
        trained = runs.train(built, folder)
        if trained.stop is not Stop.NO:
            raise _Interrupted(trained.stop)
        self.study.set_user_attr("metric", built.task.main_metric)
        assert trained.done.best is not None
        return trained.done.best


def print_trial(number: int, values: Mapping[str, Any]) -> None:
    """Says on standard error which trial begins."""
    choice = "  ".join(f"{name}={value}" for name, value in values.items())
    Console(stderr=True).print(f"trial {number}  {choice}", highlight=False, markup=False)


def print_table(sweep: Sweep) -> None:
    """The finished trials on standard output, best first."""
    metric, direction = sweep.study.user_attrs["metric"]
    trials = sorted(sweep.finished, key=lambda t: t.value or 0.0, reverse=direction == "max")
    table = Table("trial", metric, *trials[0].params, box=None)
    for trial in trials:
        table.add_row(str(trial.number), f"{trial.value:.4g}", *map(str, trial.params.values()))
    Console().print(table)
