"""A run's folder: all that a later command needs, and nothing that it would have to execute.

config.json        the experiment's name, arg, overrides, resolved config, version, code hash
checkpoints/       the newest and the best
metrics.jsonl      one row a report; events/ holds the same for TensorBoard
time.json          what the training's time went into
tokenizers/, pictures/, predictions/
lock               held by the process that trains here

The folder of several seeds has a seeds.json and, in seed_0/, seed_1/ ..., such folders.
"""

import contextlib
import dataclasses
import errno
import importlib.metadata
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ml_collections

from attention_jax import experiment
from attention_jax.errors import UserError
from attention_jax.locks import hold

_log = logging.getLogger(__name__)

SEEDS = "seeds.json"
"""Stands where a folder holds several seeds' runs in place of one."""
SWEEP = "sweep.json"
"""Stands in a sweep's folder: its command, its goal, where its study lies."""

# What may differ when the same run goes on: how long, how often, where; never what it computes.
_MAY_CHANGE = (
    *("steps", "log_every", "evaluate_every", "checkpoint_every", "keep", "patience"),
    *("parallel", "devices", "mesh.model", "mesh.fsdp"),
)
_BUCKET = re.compile(r"\w+:/")
_MAY_CHANGE_LATER = ("--config.decode.", "--config.devices=", "--config.mesh.")

_STORED = ("experiment", "arg", "overrides", "config", "version", "code")


@dataclasses.dataclass(frozen=True)
class Workdir:
    """A workdir that has an experiment in it."""

    path: Path
    source: experiment.Source
    config: ml_collections.ConfigDict
    overrides: tuple[str, ...]
    """That it was, or is to be, trained with."""
    decoding: tuple[str, ...] = ()
    """That it was reopened with."""

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Writes config.json; until the block's end the folder is this run's and this process's.

        To be entered once the experiment could be built, so that a mistake found on the way leaves
        no mark.

        Raises:
          UserError: when another process trains there, or the folder cannot be written.
        """
        with writable(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            held = self._held()
        with held:
            with writable(self.path):
                self._write_config()
            yield

    def _held(self) -> contextlib.AbstractContextManager:
        try:
            held = hold(self.path / "lock")
        except OSError as error:
            # Some clusters' file systems have no locks: there nobody can be refused.
            if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
                raise
            return contextlib.nullcontext()
        if held is None:
            raise UserError(
                f"{self.path} is being trained by another process: wait for its end, or choose "
                "another --workdir"
            )
        return held

    def _write_config(self) -> None:
        record = {
            "experiment": self.source.name,
            "arg": self.source.arg,
            "overrides": list(self.overrides),
            "config": self.config.to_dict(),
            "version": importlib.metadata.version("attention-jax"),
            "code": self.source.hash(),
        }
        # In one step, so that a kill leaves the old file or the new one.
        scratch = self.path / "config.json.tmp"
        scratch.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        os.replace(scratch, self.path / "config.json")

    def build(
        self, data_dir: Path | None = None, manual_dir: Path | None = None
    ) -> experiment.Experiment:
        """The experiment, with this workdir's tokenisers."""
        folders = experiment.Folders(
            workdir=self.path,
            data_dir=data_dir or experiment.default_data_dir(),
            manual_dir=manual_dir,
        )
        return self.source.module.build(self.config, folders)


def start(path: Path, spec: str, overrides: Sequence[str]) -> Workdir:
    """The workdir of a run that begins, or that goes on where it stopped.

    Args:
      path: need not exist; `Workdir.claimed` makes it.
      spec: the experiment, "NAME[:arg]" or "PATH.py[:arg]".
      overrides: "--config.NAME=VALUE" arguments.

    Raises:
      UserError: when it holds another experiment, or has run with another config (more steps,
        other intervals or devices are no other config), or is the address of a bucket.
    """
    # Path has made "gs:/bucket" of "gs://bucket", and would make a folder of that name.
    if _BUCKET.match(str(path)):
        raise UserError(
            f"--workdir={path} is the address of a bucket: mount the bucket and give the folder "
            "where it is mounted"
        )
    if (path / SEEDS).exists():
        raise UserError(f"{path} holds the runs of --seeds: give that, or choose another --workdir")
    source = experiment.find(spec)
    config = source.config()
    experiment.parse_flags(config, overrides)
    stored = read_config(path) if (path / "config.json").exists() else None
    if stored is not None:
        _refuse_another(path, stored, source, config)
    return Workdir(path, source, config, tuple(overrides))


def reopen(path: Path, overrides: Sequence[str] = (), spec: str | None = None) -> Workdir:
    """The workdir of a finished or interrupted run, for commands that use it.

    Args:
      path: as given to `train`.
      overrides: "--config.decode.NAME=VALUE" arguments, and those that say on which devices;
        nothing else may change.
      spec: where the experiment's file is now, when it moved.

    Raises:
      UserError: when there is no run, its experiment is gone, or its config no longer fits.
    """
    if (path / SEEDS).exists():
        raise UserError(f"{path} holds the runs of several seeds: name one, {path}/seed_K")
    stored = read_config(path)
    source = experiment.find(spec or _spec(stored))
    if source.hash() != stored["code"]:
        _log.warning("%s has changed since %s was trained", source.path, path)
    config = source.config()
    values = experiment.flatten(stored["config"])
    gone = [name for name in values if name not in experiment.flatten(config)]
    if gone:
        raise UserError(
            f"{source.name} no longer has the config keys {', '.join(sorted(gone))} of {path}: use "
            f"the version it was trained with, {stored['version']}"
        )
    experiment.override(config, values)
    for argument in overrides:
        if not argument.startswith(_MAY_CHANGE_LATER):
            raise UserError(
                f"{argument.partition('=')[0]} cannot change in a finished run: only "
                "--config.decode.*, --config.devices and --config.mesh.* can"
            )
    experiment.parse_flags(config, overrides)
    return Workdir(path, source, config, tuple(stored["overrides"]), tuple(overrides))


def _spec(stored: dict[str, Any]) -> str:
    return f"{stored['experiment']}:{stored['arg']}" if stored["arg"] else stored["experiment"]


def read_config(path: Path) -> dict[str, Any]:
    """What `Workdir.claimed` wrote.

    Raises:
      UserError: when there is no run in the folder, or its config.json is damaged.
    """
    file = path / "config.json"
    if not file.exists():
        raise UserError(f"{path} holds no run (no config.json in it): train with --workdir={path}")
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        missing = [key for key in _STORED if key not in stored]
        if missing or not isinstance(stored["config"], dict):
            raise ValueError(f"it lacks {', '.join(missing) or 'a config'}")
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{file} is damaged ({error}): restore or delete it") from error
    return stored


@contextlib.contextmanager
def writable(path: Path):
    """Turns a refused write into a sentence."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): choose another --workdir or make room"
        ) from error


def _refuse_another(
    path: Path,
    stored: dict[str, Any],
    source: experiment.Source,
    config: ml_collections.ConfigDict,
) -> None:
    if (stored["experiment"], stored["arg"]) != (source.name, source.arg):
        raise UserError(
            f"{path} holds a run of {_spec(stored)}, not of {source.name}"
            f"{':' + source.arg if source.arg else ''}: choose another --workdir"
        )
    # A key that the run's version did not have yet stood, in effect, at its default.
    before = _plain(source.config()) | experiment.flatten(stored["config"])
    now = _plain(config)
    changed = [
        name
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name) and name not in _MAY_CHANGE
    ]
    if changed:
        name = changed[0]
        raise UserError(
            f"{path} was trained with config.{name} = {before.get(name)!r}, not {now.get(name)!r}: "
            "choose another --workdir, or give the old value"
        )


def _plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """As config.json would give it back."""
    return experiment.flatten(json.loads(json.dumps(config.to_dict())))
