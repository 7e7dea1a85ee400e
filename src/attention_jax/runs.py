"""Training an experiment in a workdir."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import jax

from attention_jax import evaluations
from attention_jax.data.stream import Stream
from attention_jax.errors import UserError
from attention_jax.experiment import Experiment
from attention_jax.tasks.protocol import Across, State, Task
from attention_jax.training.checkpoints import Checkpoints
from attention_jax.training.devices import Devices
from attention_jax.training.evaluation import Evaluator
from attention_jax.training.interruption import Stop
from attention_jax.training.loop import Loop, Plan, Progressed
from attention_jax.training.progress import Progress
from attention_jax.training.summary import matmul_flops, parameter_table
from attention_jax.training.timesheet import OVERHEAD, Timesheet, shares
from attention_jax.training.writers import MetricFiles, NoFiles, Writer
from attention_jax.typing import Batch
from attention_jax.workdir import writable


@dataclasses.dataclass(frozen=True)
class Trained:
    """How a run ended.

    Attributes:
      stop: why; `Stop.NO` when it reached its last step or lost its patience.
      done: its last step and its best evaluation.
      compilations: of the update; at most one a bucket. compiling: the seconds they took.
      seconds: of this process, everything included.
    """

    stop: Stop
    done: Progressed
    compilations: int
    compiling: float
    seconds: float


def train(
    experiment: Experiment,
    workdir: Path,
    *,
    time_limit: float = 0,
    verbose: bool = True,
    watch: Callable[[int, Mapping[str, float]], None] = lambda step, metrics: None,
) -> Trained:
    """Trains from the newest checkpoint in the workdir, or from the start.

    Args:
      experiment: built with this workdir.
      workdir: checkpoints, metrics and pictures go here.
      time_limit: seconds after which to save and stop; 0 for none.
      verbose: False says nothing.
      watch: told the step and the metrics of each evaluation; what it raises ends the run.

    Raises:
      UserError: for what the user can mend. NonFiniteLossError: when the loss is no number.
    """
    began = time.monotonic()
    config, task = experiment.config, experiment.task
    first = jax.process_index() == 0
    devices = Devices.of(config, task, config.parallel)
    devices.check_batch_size(config.batch_size, config.optimizer.accumulate)
    split = experiment.data.splits[0]
    # Both are opened now: a file that is missing should not be found out at the first evaluation.
    batches, validation = experiment.data.train(), experiment.data.split(split)
    if first:
        with writable(workdir):
            experiment.data.keep()
    key = jax.random.key(config.seed)
    checkpoints = Checkpoints(workdir / "checkpoints", config.keep)
    state, done = resume(task, devices, checkpoints, key)
    update = devices.compile_update(task.update, state)
    progress = Progress(config.steps, done.step, verbose and first)
    if done.step:
        progress.say(f"resumed from the checkpoint of step {done.step}")
    else:
        progress.say(experiment.data.report())
        progress.say(describe(task, state, batches[0], config.batch_size))
    # Opened even when nothing is left to train: what was written after the restored step goes.
    with writable(workdir):
        writer: Writer = MetricFiles(workdir, done.step) if first else NoFiles()
    evaluator = Evaluator(task, devices, split, validation)
    done.recall(workdir)
    timesheet = Timesheet(done.duties)

    def evaluate(step: int, state: State, give_up: Callable[[], bool]) -> float | None:
        started = time.monotonic()
        evaluation = evaluator.run(state, give_up)
        if evaluation is None:
            return None
        with timesheet.on("logging"):
            writer.write(step, split, evaluation.metrics)
            progress.say(f"step {step}  {split}  {summary_line(evaluation.metrics)}")
        if first:
            evaluations.keep(workdir, task, split, evaluation, step, time.monotonic() - started)
        watch(step, evaluation.metrics)
        return evaluation.metrics[task.main_metric[0]]

    plan = Plan(
        **{k: config[k] for k in ("steps", "log_every", "evaluate_every", "checkpoint_every")},
        patience=config.patience,
        time_limit=time_limit,
    )
    # On a CPU an update runs beside this thread, and more threads would only wait for its cores:
    # a step of 6 ms takes 3 to 4 % longer with them.
    threads = 0 if jax.default_backend() == "cpu" else 2
    read = timesheet.reading(batches)
    with Stream(read, start=done.step, threads=threads) as stream, progress:
        loop = Loop(
            *(plan, devices, update, stream, key, evaluate, task.summarize, checkpoints, writer),
            *(progress, task.main_metric[1], timesheet),
        )
        try:
            stop = loop.run(devices.place(state), done)
        finally:
            writer.close()
            checkpoints.close()
    if first:
        with writable(workdir):
            done.keep(workdir)
    spent = time.monotonic() - began
    return Trained(stop, done, update.compilations, update.seconds, spent)


def resume(
    task: Task, devices: Devices, checkpoints: Checkpoints, key: jax.Array
) -> tuple[State, Progressed]:
    """One copy of the newest checkpoint's state, or of the first state, and how far it is."""
    if not checkpoints.steps:
        return devices.create(task.init, key, task.example()), Progressed()
    like = devices.like(jax.eval_shape(task.init, key, task.example()))
    state, progress = checkpoints.restore(like)
    if progress.pop("key") != jax.random.key_data(key).tolist():
        raise UserError(
            f"{checkpoints.folder} was trained with another config.seed: choose another --workdir"
        )
    done = Progressed(**progress)
    checkpoints.drop_after(done.step)
    return state, done


def describe(task: Task, state: State, example: Batch, batch_size: int) -> str:
    """Parameters by part, and the arithmetic of one step on the first batch."""
    rows = len(example["index"])

    def step(state, batch, key):
        return task.update(state, batch, key, Across())

    flops = matmul_flops(step, state, example, jax.random.key(0)) * batch_size / rows
    return (
        f"{parameter_table(state.params)}\n"
        f"  {flops / 1e9:.2f} GFLOP of matrix products in a step of the first batch's shape"
    )


def summary_line(metrics: dict[str, float]) -> str:
    """A split's metrics in one line; slices ("bleu/length_0_10") are left to the files."""
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items() if "/" not in name)


def farewell(trained: Trained, workdir: Path) -> str:
    """What to tell at the end of a run, and what to do next."""
    done = trained.done
    best = "" if done.best is None else f"; best {done.best:.4g} at step {done.best_step}"
    part = shares(done.duties)
    duties = [f"{100 * part[duty]:.1f} % {duty}" for duty in OVERHEAD]
    spent = (
        f"step {done.step} after {trained.seconds:.0f} s, {trained.compilations} compilations "
        f"in {trained.compiling:.0f} s; {', '.join(duties)}"
    )
    again = "run the same command to go on" if trained.stop is not Stop.NO else "done"
    look = f"look at it with `attention-jax report {workdir}`"
    return f"{again}: {spent}{best}; everything is in {workdir}; {look}"
