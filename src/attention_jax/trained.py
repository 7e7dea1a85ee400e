"""Using what was trained: evaluating and predicting."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from attention_jax import evaluations
from attention_jax.errors import UserError
from attention_jax.experiment import Experiment
from attention_jax.tasks.protocol import State
from attention_jax.training.checkpoints import Checkpoints
from attention_jax.training.devices import Devices
from attention_jax.training.evaluation import Evaluation, Evaluator, Predictor
from attention_jax.training.loop import Progressed
from attention_jax.viz.save import save_figures
from attention_jax.workdir import writable


@dataclasses.dataclass(frozen=True)
class Restored:
    """A trained state, ready to use, and the devices it is on."""

    state: State
    step: int
    devices: Devices


def restore(experiment: Experiment, workdir: Path, checkpoint: str = "best") -> Restored:
    """A checkpoint of a workdir.

    Args:
      experiment: built with this workdir.
      workdir: that was trained.
      checkpoint: "best", "last" or a step.

    Raises:
      UserError: when there is no such checkpoint.
    """
    folder = workdir / "checkpoints"
    if not folder.is_dir():
        raise UserError(f"{workdir} has no checkpoint yet: train with --workdir={workdir}")
    config, task = experiment.config, experiment.task
    devices = Devices("jit", config.devices)
    checkpoints = Checkpoints(folder, config.keep, read_only=True)
    try:
        like = devices.like(jax.eval_shape(task.init, jax.random.key(0), task.example()))
        state, progress = checkpoints.restore(like, _step_of(checkpoint))
        best = progress["best_step"]
        if checkpoint == "best" and best is not None and best != progress["step"]:
            state, progress = checkpoints.restore(like, best)
    finally:
        checkpoints.close()
    return Restored(state, progress["step"], devices)


def _step_of(checkpoint: str) -> int | None:
    if checkpoint in ("best", "last"):
        return None
    if not checkpoint.isdecimal():
        raise UserError(f"--checkpoint={checkpoint} is not best, last or a step")
    return int(checkpoint)


def evaluate(
    experiment: Experiment, workdir: Path, split: str, checkpoint: str = "best"
) -> Evaluation:
    """Metrics of a split, which go to the workdir with predictions, attention maps and pictures.

    Raises:
      UserError: for a split or checkpoint that is not there.
    """
    batches = experiment.data.split(split)
    restored = restore(experiment, workdir, checkpoint)
    began = time.monotonic()
    evaluation = Evaluator(experiment.task, restored.devices, split, batches).run(restored.state)
    assert evaluation is not None
    seconds = time.monotonic() - began
    evaluations.keep(workdir, experiment.task, split, evaluation, restored.step, seconds)
    return evaluation


def predict(
    experiment: Experiment, workdir: Path, lines: Sequence[str], pictures: Path | None = None
) -> list[dict[str, Any]]:
    """A record of each line's prediction, in their order; pictures where a folder is given.

    Raises:
      UserError: for a line that cannot be predicted from, or when nothing was trained.
    """
    # Before the checkpoint is read: a mistake in the input should not take that long to show.
    batches = experiment.data.inputs(lines)
    restored = restore(experiment, workdir)
    outputs = Predictor(experiment.task, restored.devices)(restored.state, batches)
    if pictures is not None:
        with writable(pictures):
            save_figures(experiment.task.pictures("input", outputs, {}), pictures, "input")
    return experiment.task.describe("input", outputs)


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
