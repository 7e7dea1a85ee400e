"""A sweep's study: where it lies, who may work on it, which trial comes next, which is given up."""

import dataclasses
import importlib.metadata
import json
import shlex
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import optuna
import sqlalchemy
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, BruteForceSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection

from attention_jax import workdir
from attention_jax.errors import UserError
from attention_jax.locks import wait_for

JOURNAL = "study.journal"
"""In the sweep's folder, unless a database holds the study."""


@dataclasses.dataclass(frozen=True)
class Search:
    """What a sweep's command says about searching.

    Attributes:
      sampler: "grid" trains every combination there is; "random" and "tpe" (tree-structured Parzen
        estimator, Bergstra 2011) as many trials as they are told.
      pruner: ends trials that an evaluation shows to be behind: "halving" (asynchronous successive
        halving, Li 2020), "median" (of the others at the same step), "none".
      metric: of the first evaluation split; "" is the task's main one.
      direction: "max" or "min"; "" is the main metric's own.
      storage: a database's URL as SQLAlchemy writes it; "" is a journal in the sweep's folder.
    """

    sampler: Literal["grid", "random", "tpe"] = "grid"
    pruner: Literal["none", "halving", "median"] = "none"
    metric: str = ""
    direction: Literal["", "max", "min"] = ""
    storage: str = ""

    def goal(self, main_metric: tuple[str, str]) -> tuple[str, str]:
        """The metric that trials are compared by, and whether "max" or "min" is best.

        Raises:
          UserError: for another metric than the main one without a direction.
        """
        name, direction = main_metric
        if self.metric and self.metric != name and not self.direction:
            raise UserError(
                f"--metric={self.metric} is not the main one, {name}: say --direction=max or min"
            )
        return self.metric or name, self.direction or direction

    def open(self, folder: Path) -> BaseStorage:
        """The storage; a journal's folder has to be there.

        Raises:
          UserError: for a database that cannot be reached.
        """
        if not self.storage:
            return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
        try:
            # Asked once in a trial: a connection kept for hours would be cut off on the way.
            return RDBStorage(self.storage, engine_kwargs={"poolclass": sqlalchemy.NullPool})
        except ImportError as error:
            raise UserError(
                f"the storage {self.shown} needs a driver that is not installed: {error}"
            ) from error
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise UserError(
                f"the storage {self.shown} cannot be used ({reason}): check the URL, and that the "
                "server answers"
            ) from error

    @property
    def shown(self) -> str:
        """The storage without its password; "" of a journal."""
        if not self.storage:
            return ""
        try:
            return sqlalchemy.make_url(self.storage).render_as_string(hide_password=True)
        except sqlalchemy.exc.ArgumentError:
            return repr(self.storage)

    def next_sampler(self, seed: int) -> BaseSampler:
        """Of the trial after `seed` others: processes that join should not repeat each other."""
        if self.sampler == "random":
            return RandomSampler(seed)
        if self.sampler == "tpe":
            return TPESampler(seed=seed, constant_liar=True)
        with warnings.catch_warnings():
            # "Experimental" since 2022; the one sampler that walks a define-by-run grid.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return _Grid(seed=seed)

    def make_pruner(self) -> BasePruner:
        """The pruner, with Optuna's settings."""
        if self.pruner == "halving":
            return SuccessiveHalvingPruner()
        return MedianPruner() if self.pruner == "median" else NopPruner()


class _Grid(BruteForceSampler):
    """Walks the whole grid. `Sweep` sees the end itself: several processes come to it."""

    def after_trial(self, *_args: Any) -> None:
        """Stops nothing."""


def join(
    folder: Path,
    command: Sequence[str],
    code: str,
    search: Search,
    goal: Callable[[], tuple[str, str]],
) -> tuple[optuna.Study, tuple[str, str]]:
    """The study of the sweep in the folder, which begins if there is none, and its goal.

    Args:
      folder: of the sweep; every process that works on it has to see it.
      command: the experiment and its overrides.
      code: the experiment's hash.
      search: how trials are chosen.
      goal: gives the metric and "max" or "min"; asked where the sweep begins.

    Raises:
      UserError: when the folder holds another sweep, or one that another version of the code began,
        or cannot be written, or when the storage cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path, version = folder / workdir.SWEEP, importlib.metadata.version("attention-jax")
    own = {"command": list(command), "version": version, "code": code}
    own |= {name: value for name, value in vars(search).items() if name != "storage"}
    found = None if path.exists() else goal()
    with workdir.writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        storage = search.open(folder)
        with wait_for(folder / "locks" / "begin"):
            if found is not None and not path.exists():
                begun = own | {"goal": found, "storage": search.shown}
                _begin(path, storage, begun)
    about = json.loads(path.read_text(encoding="utf-8"))
    _refuse_another(folder, about, own)
    metric, direction = about["goal"]
    try:
        study = optuna.load_study(
            study_name=about["name"], storage=storage, pruner=search.make_pruner()
        )
    except KeyError as error:
        raise UserError(
            f"the sweep of {folder} is not in this storage: give --storage={about['storage']}"
        ) from error
    return study, (metric, direction)


def _begin(path: Path, storage: BaseStorage, about: Mapping[str, Any]) -> None:
    # Unlike the folder's path, the same wherever the folder is seen.
    name = f"{about['command'][0]} {uuid.uuid4().hex[:8]}"
    better = StudyDirection.MAXIMIZE if about["goal"][1] == "max" else StudyDirection.MINIMIZE
    study = optuna.create_study(storage=storage, study_name=name, direction=better)
    with warnings.catch_warnings():
        # "Experimental" since 2023; a dashboard has no other way to know what the numbers are.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([about["goal"][0]])
    kept = {**about, "name": name}
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _refuse_another(folder: Path, about: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Trials of two commands in one folder would be one table of what cannot be compared."""
    changed = [name for name, value in own.items() if about[name] != value]
    if "command" in changed:
        raise UserError(
            f"{folder} holds the sweep of {shlex.join(about['command'])}, not of "
            f"{shlex.join(own['command'])}: choose another --workdir"
        )
    if changed:
        name = changed[0]
        raise UserError(
            f"the sweep of {folder} was begun with the {name} {about[name] or 'of the task'}, and "
            f"this is {own[name] or 'of the task'}: go on with the former, or choose another "
            "--workdir"
        )
