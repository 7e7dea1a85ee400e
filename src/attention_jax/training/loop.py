"""The one training loop. It names no task, no model and no metric.

One turn: evaluate and draw what is due, save, then next batch, update, and report the step *before*
(so that the device is already busy with this one). A save comes after the evaluation of the same
step, so that a run resumed from it does not evaluate again; and after that step's loss was seen to
be finite, so that what is kept is good. A signal cuts an evaluation short: it is saved without, and
the resumed run begins with it.
"""

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from attention_jax.errors import NonFiniteLossError
from attention_jax.tasks.protocol import State
from attention_jax.training.checkpoints import Checkpoints
from attention_jax.training.devices import Counted, Devices
from attention_jax.training.evaluation import means
from attention_jax.training.interruption import Interruption, Stop
from attention_jax.training.progress import Progress
from attention_jax.training.timesheet import Timesheet
from attention_jax.training.writers import Writer
from attention_jax.typing import Batch, Metrics, Rng

_TIME = "time.json"


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long to train, and what is due how often (in steps; 0 is only at the end)."""

    steps: int
    log_every: int = 10
    evaluate_every: int = 0
    checkpoint_every: int = 0
    patience: int = 0
    """Evaluations without a better value after which to stop; 0 never stops early."""
    time_limit: float = 0


@dataclasses.dataclass
class Progressed:
    """What a run remembers beside its state; saved with every checkpoint."""

    step: int = 0
    best: float | None = None
    best_step: int | None = None
    since_best: int = 0
    evaluated: int = 0
    """The last step that was evaluated."""
    seconds: float = 0.0
    """Wall time so far, over all starts."""
    duties: dict[str, float] = dataclasses.field(default_factory=dict)
    """What it went into (`Timesheet`); a checkpoint cannot hold its own cost: see `keep`."""

    def keep(self, workdir: Path) -> None:
        """Writes W/time.json: the time up to now, the newest checkpoint's own cost included."""
        kept = {"step": self.step, "seconds": self.seconds, "duties": self.duties}
        (workdir / _TIME).write_text(json.dumps(kept) + "\n", encoding="utf-8")

    def recall(self, workdir: Path) -> None:
        """Takes over what `keep` wrote, where it is of this very step: not after a kill."""
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            kept = json.loads((workdir / _TIME).read_text(encoding="utf-8"))
            if kept["step"] == self.step:
                self.seconds, self.duties = kept["seconds"], kept["duties"]

    def improves(self, step: int, value: float, direction: str) -> bool:
        """Takes note of an evaluation; True where it is the best so far."""
        self.evaluated = step
        better = self.best is None or (
            value > self.best if direction == "max" else value < self.best
        )
        if better:
            self.best, self.best_step, self.since_best = value, step, 0
        else:
            self.since_best += 1
        return better

    def finished(self, steps: int, patience: int) -> bool:
        """Whether a run of so many steps, and of that patience, is done."""
        return 0 < patience <= self.since_best or steps <= self.step == self.evaluated


@dataclasses.dataclass
class Loop:
    """What a run is made of.

    Attributes:
      update: a task's update, compiled by `devices`.
      evaluate: (step, state, give_up) -> the main metric's value; writes and draws what it finds.
        None where `give_up()` cut it short.
      summarize: means of the update's metrics -> the numbers to write.
      direction: "max" or "min": which main metric is better.
      timesheet: over `Progressed.duties`.
    """

    plan: Plan
    devices: Devices
    update: Counted
    batches: Iterator[Batch]
    rng: Rng
    evaluate: Callable[[int, State, Callable[[], bool]], float | None]
    summarize: Callable[[dict[str, float]], dict[str, float]]
    checkpoints: Checkpoints
    writer: Writer
    progress: Progress
    direction: str
    timesheet: Timesheet

    def run(self, state: State, done: Progressed) -> Stop:
        """Trains from `done.step` to the plan's last step, or until asked to stop.

        Args:
          state: as `Devices.place` gives it.
          done: changed in place.

        Returns:
          Why it ended; `Stop.NO` when the plan (or its patience) was fulfilled.

        Raises:
          NonFiniteLossError: names the step; the last checkpoint is from before it.
          UserError: when a checkpoint cannot be written.
        """
        self._began = time.monotonic() - done.seconds
        self._unreported: tuple[int, Metrics] | None = None
        interruption = Interruption(self.plan.time_limit, self.plan.log_every)
        with interruption, self.timesheet.on("training"):
            while True:
                best = self._evaluate(state, done, interruption)
                stop = interruption.wanted(done.step)
                ends = stop is not Stop.NO or self._finished(done)
                if ends or best or self._due(self.plan.checkpoint_every, done.step):
                    self._save(state, done)
                if ends:
                    break
                with self.timesheet.on("input"):
                    batch = self.devices.put_training_batch(next(self.batches))
                key = jax.random.fold_in(self.rng, done.step)
                state, metrics = self.update(state, batch, key)
                done.step += 1
                self._report(self._unreported)
                self._unreported = (done.step, metrics)
            with self.timesheet.on("checkpoints"):
                self.checkpoints.wait()
            done.seconds = time.monotonic() - self._began
        return Stop.NO if self._finished(done) else stop

    def _evaluate(self, state: State, done: Progressed, interruption: Interruption) -> bool:
        """Evaluates where it is due; True where this is the best so far."""
        if done.evaluated == done.step or not self._due(self.plan.evaluate_every, done.step):
            return False
        self._flush()
        with self.timesheet.on("evaluation"):
            found = self.evaluate(done.step, self.devices.view(state), lambda: interruption.asked)
        return found is not None and done.improves(done.step, found, self.direction)

    def _finished(self, done: Progressed) -> bool:
        return done.finished(self.plan.steps, self.plan.patience)

    def _due(self, every: int, step: int) -> bool:
        return step == self.plan.steps or (every > 0 and step % every == 0 and step > 0)

    def _save(self, state: State, done: Progressed) -> None:
        self._flush()
        with self.timesheet.on("checkpoints"):
            done.seconds = time.monotonic() - self._began
            progress: dict[str, Any] = dataclasses.asdict(done)
            progress["key"] = jax.random.key_data(self.rng).tolist()
            self.checkpoints.save(done.step, self.devices.view(state), progress)

    def _flush(self) -> None:
        """Reports the step that is still under way, and so waits for it."""
        self._report(self._unreported)
        self._unreported = None

    def _report(self, stepped: tuple[int, Metrics] | None) -> None:
        if stepped is None:
            return
        step, pairs = stepped
        found = means({k: [v] for k, v in jax.device_get(self.devices.view_metrics(pairs)).items()})
        if not math.isfinite(found["loss"]):
            kept = self.checkpoints.steps
            raise NonFiniteLossError(
                f"the loss is {found['loss']} at step {step}; "
                + (f"the checkpoint of step {kept[-1]} is intact" if kept else "nothing was saved")
                + ": lower config.optimizer.learning_rate or clip harder"
            )
        with self.timesheet.on("logging"):
            self.progress.advance(step, found["loss"])
            if step % self.plan.log_every == 0 or step == self.plan.steps:
                numbers = self.summarize(found) | {"steps_per_second": self.progress.rate}
                self.writer.write(step, "train", numbers)
