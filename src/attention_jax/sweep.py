"""A sweep: an experiment's `sweep(trial)` says what varies, Optuna says which comes next.

The study lies in the workdir's `study.journal`; trial N is an ordinary run in `trials/N`. The same
command goes on where it stopped, an interrupted trial first. `sweep_trials` measures what has
finished.
"""

import inspect
import shlex
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, FrozenTrial, TrialState
from rich.console import Console

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


def print_trial(number: int, values: Mapping[str, Any]) -> None:
    """Says on standard error which trial begins."""
    choice = "  ".join(f"{name}={value}" for name, value in values.items())
    Console(stderr=True).print(f"trial {number}  {choice}", highlight=False, markup=False)
