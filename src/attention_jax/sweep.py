"""A sweep: an experiment's `sweep(trial)` says what varies, Optuna says which comes next.

The study lies in the workdir's `study.journal` or in a database; trial N is an ordinary run in
`trials/N`. The same command goes on where it stopped, an interrupted trial first, and may run
several times at once: each process trains what no other holds. `sweep_study` says how trials are
chosen, `sweep_trials` measures what has finished.
"""

import inspect
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import optuna
from optuna.trial import FixedTrial, FrozenTrial, Trial, TrialState
from rich.console import Console

from attention_jax import experiment, runs, workdir
from attention_jax.errors import NonFiniteLossError, UserError
from attention_jax.locks import hold, wait_for
from attention_jax.sweep_study import Search, join
from attention_jax.training.interruption import Stop

_TRIES = 100  # Choices in a row, all tried before, after which a search is at its end.


class Sweep:
    """The trials of one workdir, one after another.

    Args:
      spec: the experiment, "NAME[:arg]" or "PATH.py[:arg]". Its `sweep` takes the trial, and where
        the grid depends on the arg, the arg too.
      overrides: "--config.NAME=VALUE" arguments, the same for every trial.
      folder: of the study and its trials.
      data_dir, manual_dir: as for a single run.
      search: how trials are chosen and compared.

    Raises:
      UserError: when the experiment has no `sweep`, when the folder holds another sweep, or one of
        another version of the code, or cannot be written, or when the storage cannot be used.
    """

    def __init__(
        self,
        spec: str,
        overrides: Sequence[str],
        folder: Path,
        data_dir: Path | None = None,
        manual_dir: Path | None = None,
        search: Search | None = None,
    ):
        source = experiment.find(spec)
        if not hasattr(source.module, "sweep"):
            raise UserError(f"{source.name} defines no sweep(trial): say there what varies")
        self._source, self._choose = source, source.module.sweep
        self.spec, self.overrides, self.folder = source.spec, list(overrides), folder
        self.folders = (data_dir, manual_dir)
        self.search = search or Search()
        self.config = source.config()
        experiment.parse_flags(self.config, overrides)
        if self.search.pruner != "none" and not self.config.evaluate_every:
            raise UserError(
                "a pruner compares trials at their evaluations, and there is one, at the end: set "
                "--config.evaluate_every"
            )
        command = [self.spec, *self.overrides]
        self.study, self.goal = join(folder, command, source.hash(), self.search, self._goal)

    def _goal(self) -> tuple[str, str]:
        """What the trials are compared by. The experiment is built, so that a mistake in it leaves
        no mark.
        """
        data_dir, manual_dir = self.folders
        folders = experiment.Folders(None, data_dir or experiment.default_data_dir(), manual_dir)
        built = self._source.module.build(self.config, folders)
        return self.search.goal(built.task.main_metric)

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
    def trials(self) -> list[FrozenTrial]:
        """All that were begun, in the order of their numbers."""
        skipped = self.study.user_attrs.get("skipped", [])
        return [
            trial
            for trial in self.study.get_trials()
            if trial.number not in skipped and self._is_chosen(trial)
        ]

    @property
    def finished(self) -> list[FrozenTrial]:
        """Those with a result."""
        return self.study.get_trials(states=[TrialState.COMPLETE])

    def best(self, trial: FrozenTrial) -> float | None:
        """Of a trial's evaluations so far."""
        best = max if self.goal[1] == "max" else min
        return best(trial.intermediate_values.values(), default=None)

    def rank(self, value: float | None) -> float:
        """The less the better, and nothing last."""
        if value is None:
            return float("inf")
        return -value if self.goal[1] == "max" else value

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
        with wait_for(self._lock("next")):
            for left in self.study.get_trials(states=[TrialState.RUNNING]):
                if (lock := hold(self._lock(left.number))) is not None:
                    if self._is_chosen(left):
                        return left.number, lock
                    lock.close()
                    self._skip(left.number)
            counted = self.trials
            if most and len(counted) >= most:
                return None
            # A grid that comes to a choice again is at its end.
            for _ in range(1 if self.search.sampler == "grid" else _TRIES):
                trial = self._ask()
                if all(trial.params != other.params for other in counted):
                    lock = hold(self._lock(trial.number))
                    assert lock is not None
                    return trial.number, lock
                self._skip(trial.number)
            return None

    def _ask(self) -> Trial:
        """A new choice. Raises UserError for one that no config can have."""
        seed = self.config.seed + len(self.study.get_trials(deepcopy=False))
        self.study.sampler = self.search.next_sampler(seed)
        trial = self.study.ask()
        try:
            flags = [f"--config.{name}={value}" for name, value in self._values(trial).items()]
            experiment.parse_flags(self.config.copy_and_resolve_references(), flags)
        except (UserError, ValueError) as error:
            self._skip(trial.number)
            raise UserError(f"sweep(trial) of {self._source.name}: {error}") from error
        return trial

    def _skip(self, number: int) -> None:
        """Ends a trial that was never trained and counts for nothing."""
        skipped = self.study.user_attrs.get("skipped", [])
        self.study.set_user_attr("skipped", [*skipped, number])
        self.study.tell(number, state=TrialState.FAIL)

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
        return self._choose(trial, *([self._source.arg] if takes_arg else []))

    def _train(self, number: int) -> Stop:
        """Trains a trial and tells its result, unless it is interrupted."""
        began, folder = time.time(), self.trial_folder(number)
        values = self.choices(self._trial(number).params)
        overrides = self.overrides + [f"--config.{k}={v}" for k, v in values.items()]
        run = workdir.start(folder, self.spec, overrides)
        built = run.build(*self.folders)
        print_trial(number, values)
        state, stop = TrialState.COMPLETE, Stop.NO
        watch = self._watch(number, built.config.steps)
        try:
            with run.claimed():
                stop = runs.train(built, folder, watch=watch).stop
        except optuna.TrialPruned:
            state = TrialState.PRUNED
        except NonFiniteLossError as error:
            state = TrialState.FAIL
            Console(stderr=True).print(f"trial {number}  {error}", highlight=False, markup=False)
        finally:
            self.spent(number, began)
        if stop is Stop.NO:
            told = self.best(self._trial(number)) if state is TrialState.COMPLETE else None
            self.study.tell(number, told, state=state)
        return stop

    def _watch(self, number: int, steps: int) -> Callable[[int, Mapping[str, float]], None]:
        """Tells the study of each evaluation, and ends the trial by TrialPruned if it is behind."""
        metric = self.goal[0]
        # Another process may have begun it; Optuna has no other way back to a trial.
        trial = Trial(self.study, self._trial(number)._trial_id)

        def watch(step: int, metrics: Mapping[str, float]) -> None:
            if metric not in metrics:
                known = ", ".join(name for name in metrics if "/" not in name)
                raise UserError(f"the evaluations have no metric {metric!r}: they have {known}")
            with warnings.catch_warnings():
                # A run that was resumed from before an evaluation comes to it again.
                warnings.simplefilter("ignore", UserWarning)
                trial.report(metrics[metric], step)
            if step < steps and trial.should_prune():
                raise optuna.TrialPruned

        return watch

    def _trial(self, number: int) -> FrozenTrial:
        return self.study.get_trials(deepcopy=False)[number]


def print_trial(number: int, values: Mapping[str, Any]) -> None:
    """Says on standard error which trial begins."""
    choice = "  ".join(f"{name}={value}" for name, value in values.items())
    Console(stderr=True).print(f"trial {number}  {choice}", highlight=False, markup=False)
