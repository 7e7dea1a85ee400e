"""A sweep: an experiment's `sweep(trial)` says what varies, Optuna says which comes next.

The study lies in the workdir's `study.journal`; trial N is an ordinary run in `trials/N`. The same
command goes on where it stopped, an interrupted trial first, and may run several times at once:
each process trains what no other holds. `sweep_trials` measures what has finished.
"""

import fcntl
import inspect
import shlex
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, FrozenTrial, TrialState
from rich.console import Console

from attention_jax import experiment, runs, workdir
from attention_jax.errors import NonFiniteLossError, UserError
from attention_jax.training.interruption import Stop


class _Grid(optuna.samplers.BruteForceSampler):
    """Walks the whole grid. `Sweep._next` sees the end itself: several processes come to it."""

    def after_trial(self, *_args: Any) -> None:
        """Stops nothing."""


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
            sampler = _Grid(seed=self.config.seed)
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
        """Trains until the grid, or that many trials in all, are done or in other processes' hands.

        A trial whose loss is no number has failed, and the next one begins.

        Returns:
          Why it ended before, if it did; `Stop.NO` otherwise.
        """
        while (taken := self._next(trials)) is not None:
            number, lock = taken
            # Held until the result is told, or the process ends in whatever way.
            with lock:
                stop = self._train(number)
            if stop is not Stop.NO:
                return stop
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
        return sum(ended - began for began, ended in self._spans(number))

    @property
    def wall_seconds(self) -> float:
        """The time in which at least one trial was trained or measured."""
        spans = sorted(span for trial in self.finished for span in self._spans(trial.number))
        total, until = 0.0, 0.0
        for began, ended in spans:
            total += max(ended - max(began, until), 0.0)
            until = max(until, ended)
        return total

    def spent(self, number: int, began: float) -> None:
        """Books the time from `began` (of `time.time`) until now on a trial."""
        spans = [*self._spans(number), [began, time.time()]]
        self.study.set_user_attr(f"spans {number}", spans)

    def _spans(self, number: int) -> list[list[float]]:
        return self.study.user_attrs.get(f"spans {number}", [])

    def _next(self, most: int) -> tuple[int, IO[str]] | None:
        """A trial that nobody works on any more, or a new one, and the lock that holds it.

        Returns:
          None when there are none, or `most` in all, if it is not 0.
        """
        with _hold(self._lock("next"), wait=True):
            running = self.study.get_trials(states=[TrialState.RUNNING])
            for left in running:
                if (lock := _hold(self._lock(left.number))) is not None:
                    if self._is_chosen(left):
                        return left.number, lock
                    lock.close()
                    self.study.tell(left.number, state=TrialState.FAIL)
            if most and len(self.finished) + len(running) >= most:
                return None
            tried = [trial.params for trial in self.study.get_trials()]
            trial = self.study.ask()
            self._values(trial)
            if trial.params in tried:
                self.study.tell(trial, state=TrialState.PRUNED)
                return None
            lock = _hold(self._lock(trial.number))
            assert lock is not None
            return trial.number, lock

    def _is_chosen(self, trial: FrozenTrial) -> bool:
        """Whether its process lived until all was chosen."""
        try:
            self.choices(trial.params)
        except ValueError:
            return False
        return True

    def _lock(self, what: object) -> Path:
        return self.folder / "locks" / str(what)

    def _values(self, trial: Any) -> dict[str, Any]:
        takes_arg = len(inspect.signature(self._choose).parameters) > 1
        return self._choose(trial, self._arg) if takes_arg else self._choose(trial)

    def _train(self, number: int) -> Stop:
        """Trains a trial and tells its result, unless it is interrupted."""
        began, folder = time.time(), self.trial_folder(number)
        values = self.choices(self.study.get_trials(deepcopy=False)[number].params)
        overrides = self.overrides + [f"--config.{k}={v}" for k, v in values.items()]
        run = workdir.start(folder, self.spec, overrides)
        built = run.build(*self.folders)
        run.claim()
        print_trial(number, values)
        try:
            trained = runs.train(built, folder)
        except NonFiniteLossError as error:
            self.study.tell(number, state=TrialState.FAIL)
            Console(stderr=True).print(f"trial {number}  {error}", highlight=False, markup=False)
            return Stop.NO
        finally:
            self.spent(number, began)
        if trained.stop is Stop.NO:
            self.study.set_user_attr("metric", built.task.main_metric)
            self.study.tell(number, trained.done.best)
        return trained.stop


def _hold(path: Path, wait: bool = False) -> Any:
    """The open file, held by this process alone until it is closed; None if another holds it."""
    path.parent.mkdir(exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        return None
    return file


def print_trial(number: int, values: Mapping[str, Any]) -> None:
    """Says on standard error which trial begins."""
    choice = "  ".join(f"{name}={value}" for name, value in values.items())
    Console(stderr=True).print(f"trial {number}  {choice}", highlight=False, markup=False)
