"""Using what was trained: evaluating and predicting, with one model or with several that vote."""

import dataclasses
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from attention_jax import evaluations
from attention_jax.errors import UserError
from attention_jax.experiment import Data, Experiment
from attention_jax.tasks.protocol import Sounding, State, Task, Voting
from attention_jax.training.checkpoints import Checkpoints
from attention_jax.training.devices import Devices
from attention_jax.training.evaluation import Evaluation, Evaluator, Predictor
from attention_jax.training.loop import Progressed
from attention_jax.typing import Batch
from attention_jax.viz.save import save_figures, save_sounds
from attention_jax.workdir import writable

_AVERAGE = "average:"

ENSEMBLE = "_ensemble"
"""Ends the name under which results of a split are kept in the first member's workdir."""


@dataclasses.dataclass(frozen=True)
class Restored:
    """Trained parameters, ready to use.

    Attributes:
      task: that they are for: the experiment's, or an ensemble's.
      state: with them.
      step: of the checkpoint; of an average the newest, of an ensemble the first member's.
      devices: that it is on.
      notes: how the parameters came about, where they are not simply one checkpoint's.
      ending: of the name under which its results are kept: `ENSEMBLE`, or none.
    """

    task: Task
    state: State
    step: int
    devices: Devices
    notes: dict[str, str] = dataclasses.field(default_factory=dict)
    ending: str = ""


def restore(
    experiment: Experiment,
    workdir: Path,
    checkpoint: str = "best",
    devices: Devices | None = None,
) -> Restored:
    """A checkpoint of a workdir, or the mean of its newest ones.

    Args:
      experiment: built with this workdir.
      workdir: that was trained.
      checkpoint: "best", "last", a step, or "average:N": the mean of the parameters of the N newest
        (Vaswani 2017, §6.1).
      devices: to put it on; default: as many as the config says.

    Raises:
      UserError: when there is no such checkpoint, or fewer of the newest than N.
    """
    folder = workdir / "checkpoints"
    if not folder.is_dir():
        raise UserError(f"{workdir} has no checkpoint yet: train with --workdir={workdir}")
    config, task = experiment.config, experiment.task
    count, wanted = _parse(checkpoint)
    devices = devices or Devices.of(config, task)
    checkpoints = Checkpoints(folder, config.keep, read_only=True)
    try:
        like = devices.like(jax.eval_shape(task.init, jax.random.key(0), task.example()))
        if count:
            steps = _newest(checkpoints, config.keep, count, workdir)
            state = _mean(checkpoints, like, steps)
            notes = {"checkpoint": f"mean of the parameters of steps {', '.join(map(str, steps))}"}
            return Restored(task, state, steps[-1], devices, notes)
        state, progress = checkpoints.restore(like, wanted)
        best = progress["best_step"]
        if checkpoint == "best" and best is not None and best != progress["step"]:
            state, progress = checkpoints.restore(like, best)
    finally:
        checkpoints.close()
    return Restored(task, state, progress["step"], devices)


def _parse(checkpoint: str) -> tuple[int, int | None]:
    """(how many to average or 0, the step or None)."""
    if checkpoint in ("best", "last"):
        return 0, None
    number = checkpoint.removeprefix(_AVERAGE)
    if not number.isdecimal() or (number != checkpoint and int(number) == 0):
        raise UserError(f"--checkpoint={checkpoint} is not best, last, a step or {_AVERAGE}N")
    return (0, int(number)) if number == checkpoint else (int(number), None)


def _newest(checkpoints: Checkpoints, keep: int, count: int, workdir: Path) -> list[int]:
    """The steps of the newest `count`. The best is not one of them by being the best."""
    newest = checkpoints.steps[-max(keep, 1) :]
    if len(newest) < count:
        raise UserError(
            f"--checkpoint={_AVERAGE}{count} needs the {count} newest checkpoints and {workdir} "
            f"keeps {len(newest)}: train with --config.keep={count} and a checkpoint_every that "
            "makes as many"
        )
    return newest[-count:]


def _mean(checkpoints: Checkpoints, like: State, steps: Sequence[int]) -> State:
    """The newest state with the mean of the parameters of all steps, one read after another."""
    state, _ = checkpoints.restore(like, steps[-1])
    total = state.params, state.ema
    for step in steps[:-1]:
        other, _ = checkpoints.restore(like, step)
        total = jax.tree.map(jnp.add, total, (other.params, other.ema))
    params, ema = jax.tree.map(lambda x: x / len(steps), total)
    return state.replace(params=params, ema=ema)


def ready(
    experiments: Sequence[Experiment], workdirs: Sequence[Path], checkpoint: str = "best"
) -> Restored:
    """What to evaluate and predict with: one workdir's model, or an ensemble of several.

    Args:
      experiments: one a workdir, built with it; an ensemble's task, data and devices are those of
        the first.
      workdirs: that were trained.
      checkpoint: of each, as for `restore`.

    Raises:
      UserError: as `restore`, or for models that cannot predict together.
    """
    first = restore(experiments[0], workdirs[0], checkpoint)
    if len(experiments) == 1:
        return first
    others = [
        restore(experiment, workdir, checkpoint, first.devices)
        for experiment, workdir in zip(experiments[1:], workdirs[1:], strict=True)
    ]
    if not isinstance(first.task, Voting):
        raise UserError("models of this task cannot predict together: name one --workdir")
    members = [first, *others]
    task, state = first.task.ensemble_with(
        [other.task for other in others], [member.state for member in members]
    )
    said = ", ".join(
        f"{workdir.name} (step {member.step})"
        for workdir, member in zip(workdirs, members, strict=True)
    )
    notes = first.notes | {"ensemble": f"mean of the probabilities of {said}"}
    return Restored(task, state, first.step, first.devices, notes, ENSEMBLE)


@runtime_checkable
class _GivenTargets(Protocol):
    """Data of a task that can read and score a given target in place of predicting one."""

    def given(self, lines: Sequence[str], targets: Sequence[str]) -> Iterable[Batch]: ...


def inputs(data: Data, lines: Sequence[str], targets: Sequence[str] | None) -> Iterable[Batch]:
    """What a user gives: sources to predict from, or with a target each, to be scored.

    Raises:
      UserError: for lines that cannot be used, or targets where the task has no such thing.
    """
    if targets is None:
        return data.inputs(lines)
    if not isinstance(data, _GivenTargets):
        raise UserError("this experiment reads no given targets: leave --target out")
    return data.given(lines, targets)


def evaluate(restored: Restored, workdir: Path, split: str, batches: Iterable[Batch]) -> Evaluation:
    """Metrics of a split, which go to the workdir with predictions, attention maps and pictures.

    Args:
      restored: what to measure.
      workdir: of the run; of an ensemble the first.
      split: its name.
      batches: of the split.
    """
    task = restored.task
    began = time.monotonic()
    evaluation = Evaluator(task, restored.devices, split, batches).run(restored.state)
    assert evaluation is not None
    seconds = time.monotonic() - began
    evaluations.keep(
        workdir,
        task,
        split,
        evaluation,
        restored.step,
        seconds,
        name=split + restored.ending,
        notes=restored.notes,
    )
    return evaluation


def predict(
    restored: Restored, batches: Iterable[Batch], pictures: Path | None = None
) -> list[dict[str, Any]]:
    """A record of each line's prediction, in their order; pictures where a folder is given.

    Args:
      restored: what to predict with.
      batches: of `inputs`.
      pictures: folder for them, every layer and head included; and for what can be heard.
    """
    task = restored.task
    predictor = Predictor(task, restored.devices)
    outputs = predictor(restored.state, batches, closely=pictures is not None)
    if pictures is not None:
        with writable(pictures):
            save_figures(task.pictures("input", outputs, {}), pictures, "input")
            if isinstance(task, Sounding):
                save_sounds(task.sounds("input", outputs), pictures, "input")
    return task.describe("input", outputs)


def progress(workdir: Path) -> Progressed:
    """How far training came with its newest checkpoint, and what time that took.

    Raises:
      UserError: when there is no checkpoint.
    """
    folder = workdir / "checkpoints"
    checkpoints = Checkpoints(folder, read_only=True) if folder.is_dir() else None
    try:
        if checkpoints is None or not checkpoints.steps:
            raise UserError(f"{workdir} has no checkpoint yet: train with --workdir={workdir}")
        found = checkpoints.progress(checkpoints.steps[-1])
    finally:
        if checkpoints is not None:
            checkpoints.close()
    del found["key"]
    done = Progressed(**found)
    done.recall(workdir)
    return done
