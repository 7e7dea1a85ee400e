"""Experiment: a model, a task and its data put together from a config, found by name or path.

An experiment file defines `get_config(arg) -> ConfigDict` (plain, locked data), `build(config,
folders) -> Experiment` (the real classes, put together) and `sweep(trial) -> overrides`.
"""

import ast
import dataclasses
import difflib
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import ml_collections
from absl import flags
from ml_collections import config_flags

from attention_jax.errors import UserError
from attention_jax.tasks.protocol import Task
from attention_jax.training import optimizers
from attention_jax.typing import Batch


class TrainingBatches(Protocol):
    """An endless run of batches, each found by its position: what makes a resume exact."""

    def __getitem__(self, position: int) -> Batch: ...


class Data(Protocol):
    """What an experiment trains and is measured on."""

    splits: tuple[str, ...]
    """Names of the evaluation splits; the first picks the best checkpoint."""

    def train(self) -> TrainingBatches: ...

    def split(self, name: str) -> Iterable[Batch]:
        """One pass over an evaluation split. Raises UserError for a name not in `splits`."""
        ...

    def inputs(self, lines: Sequence[str]) -> Iterable[Batch]:
        """What a user gives to predict from, as a split named "input" without answers."""
        ...

    def keep(self) -> None:
        """Writes to the workdir what later commands need in place of the data (tokenizers)."""
        ...

    def report(self) -> str:
        """Counts worth reading before a run: what was kept, dropped, and how it is bucketed."""
        ...

    def hash(self) -> str:
        """Goes with every number: changes when the data or its generator do."""
        ...


@dataclasses.dataclass(frozen=True)
class Folders:
    """Where things lie.

    Attributes:
      workdir: of this run; None keeps everything in memory.
      data_dir: prepared data.
      manual_dir: raw data the user brings.
    """

    workdir: Path | None = None
    data_dir: Path = dataclasses.field(default_factory=lambda: default_data_dir())
    manual_dir: Path | None = None


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A model, its task and its data."""

    config: ml_collections.ConfigDict
    task: Task
    data: Data
    baselines: Mapping[str, Callable[[str], dict[str, float]]] = dataclasses.field(
        default_factory=dict
    )
    """What needs no training: name -> (split -> metrics)."""


@dataclasses.dataclass(frozen=True)
class Source:
    """An experiment's file, its name as a workdir remembers it, and its `:arg`."""

    name: str
    path: Path
    arg: str = ""

    @property
    def spec(self) -> str:
        """As it is written on a command line."""
        return f"{self.name}:{self.arg}" if self.arg else self.name

    @property
    def module(self) -> ModuleType:
        """The file, executed."""
        name = "attention_jax_experiment_" + hashlib.sha256(str(self.path).encode()).hexdigest()[:8]
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        for needed in ("get_config", "build"):
            if not hasattr(module, needed):
                raise UserError(f"{self.path} defines no {needed}: it is not an experiment file")
        return module

    def config(self) -> ml_collections.ConfigDict:
        """The experiment's config for its `:arg`, before any override."""
        return self.module.get_config(self.arg)

    def hash(self) -> str:
        """Of the code without its docstring, so that a better explanation is not another run."""
        text = self.path.read_text(encoding="utf-8")
        lines = text.splitlines()
        first = ast.parse(text).body[:1]
        if first and isinstance(first[0], ast.Expr) and isinstance(first[0].value, ast.Constant):
            del lines[first[0].lineno - 1 : first[0].end_lineno]
        return hashlib.sha256("\n".join(lines).strip().encode()).hexdigest()[:16]


def default_config() -> ml_collections.ConfigDict:
    """What every experiment's config starts from.

    seed: of the parameters, the order of the data and dropout.
    steps, batch_size: updates, and examples in each over all devices.
    parallel: "jit" over a mesh, or "pmap". devices: how many of each process to use; 0 is all.
    mesh.model: devices that share one copy of the model, a divisor of all; of Transformers only.
    mesh.fsdp: split large parameters, their gradients and moments over the data axis too.
    dtype: of matrix products; parameters, softmax and losses stay float32.
    log_every, evaluate_every, checkpoint_every: in steps; 0 is only at the end.
    keep: newest checkpoints kept beside the best.
    patience: evaluations without a better value after which to stop; 0 never does.
    optimizer: see `training.optimizers.default_config`.
    """
    return ml_collections.ConfigDict(
        {
            "seed": 0,
            "steps": 1000,
            "batch_size": 64,
            "parallel": "jit",
            "devices": 0,
            "mesh": {"model": 1, "fsdp": False},
            "dtype": "float32",
            "log_every": 10,
            "evaluate_every": 0,
            "checkpoint_every": 200,
            "keep": 2,
            "patience": 0,
            "optimizer": optimizers.default_config(),
        }
    )


def shrink(config: ml_collections.ConfigDict, *, steps: int, batch_size: int) -> None:
    """Makes a `:smoke` of a config: a few steps on one device, everything due on the way."""
    config.update(steps=steps, batch_size=batch_size, devices=1)
    config.update(log_every=1, evaluate_every=steps, checkpoint_every=max(steps // 2, 1))


def default_data_dir() -> Path:
    """The user's cache folder for prepared data."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "attention_jax" / "data"


def experiments_root() -> Path:
    """Where the named experiments lie: inside an installed wheel, or beside src/ in a checkout."""
    inside = Path(__file__).parent / "experiments"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "experiments"


def names() -> list[str]:
    """All named experiments, such as "translation/rnnsearch"."""
    root = experiments_root()
    return sorted(str(path.relative_to(root).with_suffix("")) for path in root.glob("*/*.py"))


def find(spec: str) -> Source:
    """The experiment of "NAME[:arg]" or "PATH.py[:arg]".

    Raises:
      UserError: when there is no such experiment.
    """
    name, _, arg = spec.partition(":")
    root = experiments_root()
    if name.endswith(".py"):
        path = Path(name).absolute()
        if not path.is_file():
            raise UserError(f"there is no experiment file {name}: `attention-jax list` shows names")
        if path.is_relative_to(root):
            return Source(str(path.relative_to(root).with_suffix("")), path, arg)
        return Source(str(path), path, arg)
    path = root / f"{name}.py"
    if not path.is_file():
        near = difflib.get_close_matches(name, names(), 1)
        hint = f"did you mean {near[0]}?" if near else "`attention-jax list` shows those there are"
        raise UserError(f"there is no experiment {name!r}: {hint}")
    return Source(name, path, arg)


def load(
    spec: str, overrides: Mapping[str, Any] | None = None, folders: Folders | None = None
) -> Experiment:
    """An experiment by name or path, built.

    Args:
      spec: "translation/rnnsearch[:arg]" or a path.
      overrides: config values by dotted name, such as {"model.hidden": 64}.
      folders: default: nothing kept but prepared data.
    """
    source = find(spec)
    config = source.config()
    override(config, overrides or {})
    return source.module.build(config, folders or Folders())


def parse_arg(
    arg: str, words: Sequence[str] = (), keys: Sequence[str] = ()
) -> tuple[set[str], dict[str, str]]:
    """Splits an experiment's `:arg` into its words and its key=value pairs.

    Raises:
      UserError: for one the experiment does not know.
    """
    given, pairs = set(), {}
    for part in filter(None, arg.split(",")):
        key, equals, value = part.partition("=")
        if equals and key in keys:
            pairs[key] = value
        elif not equals and key in words:
            given.add(key)
        else:
            known = ", ".join([*words, *(f"{key}=..." for key in keys)])
            raise UserError(f"the experiment does not know the argument {part!r}: it takes {known}")
    return given, pairs


def override(config: ml_collections.ConfigDict, values: Mapping[str, Any]) -> None:
    """Sets config values by dotted name; a list becomes a tuple where the config has one.

    Raises:
      UserError: for a name the config does not have, or a value of another type.
    """
    known = flatten(config)
    for name, value in values.items():
        if name not in known:
            raise _unknown_key(name, known)
        if isinstance(known[name], tuple) and isinstance(value, list):
            value = tuple(value)
        if isinstance(known[name], float) and isinstance(value, int):
            value = float(value)
        try:
            config.update_from_flattened_dict({name: value})
        except (TypeError, ValueError) as error:
            raise UserError(
                f"config.{name} is a {type(known[name]).__name__}, and {value!r} is not"
            ) from error


def parse_flags(config: ml_collections.ConfigDict, arguments: Sequence[str]) -> None:
    """Applies "--config.NAME=VALUE" arguments, with the types the config has.

    Raises:
      UserError: for a name the config does not have, or a value of another type.
    """
    known = flatten(config)
    for argument in arguments:
        name, equals, _ = argument.removeprefix("--config.").partition("=")
        if name not in known:
            raise _unknown_key(name, known)
        if not equals:
            raise UserError(f"--config.{name} has no value: write --config.{name}=VALUE")
    values = flags.FlagValues()
    argv = ["attention-jax", *arguments]
    try:
        config_flags.DEFINE_config_dict("config", config, flag_values=values, sys_argv=argv)
        values(argv)
    except (flags.Error, TypeError, ValueError) as error:
        raise UserError(_mistyped(arguments, known, str(error))) from error
    for name, value in flatten(config).items():
        # The types inside a tuple are not checked by ml_collections.
        if isinstance(value, tuple) and {*map(type, value)} - {*map(type, known[name])}:
            raise UserError(f"config.{name} is like {known[name]!r}, and {value!r} is not")


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested config as {dotted name: value}."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping | ml_collections.ConfigDict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def config_hash(config: ml_collections.ConfigDict) -> str:
    """Of the resolved config; goes with every recorded number, which no mesh changes."""
    values = {key: v for key, v in flatten(config).items() if not key.startswith("mesh.")}
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unknown_key(name: str, known: Mapping[str, Any]) -> UserError:
    near = difflib.get_close_matches(name, list(known), 1)
    section = [key for key in known if key.rpartition(".")[0] == name.rpartition(".")[0]]
    hint = f"did you mean config.{near[0]}?" if near else f"it has {', '.join(section or known)}"
    return UserError(f"the config has no key {name!r}: {hint}")


def _mistyped(arguments: Sequence[str], known: Mapping[str, Any], reason: str) -> str:
    for argument in arguments:
        name, _, value = argument.removeprefix("--config.").partition("=")
        if f"config.{name}" in reason:
            return f"config.{name} is a {type(known[name]).__name__}, and {value!r} is not"
    return f"the config overrides could not be read: {' '.join(reason.split())}"
