"""Runs a task's measures and predictions over a whole split."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import numpy as np

from attention_jax.tasks.protocol import Examining, State, Task
from attention_jax.training.devices import Devices
from attention_jax.typing import Array, Batch


class Evaluation(NamedTuple):
    """What came of one split."""

    metrics: dict[str, float]
    outputs: list[Batch]
    """A prediction a batch, on the host, rows that fill up a batch removed."""


class Predictor:
    """A task's predictions for any batches, with one compiled program a shape."""

    def __init__(self, task: Task, devices: Devices):
        self._devices = devices

        def predict(state: State, batch: Batch) -> tuple[Batch, Array]:
            # Index and mask travel with the output: each process must see those of every row.
            return {"index": batch["index"], **task.predict(state, batch)}, batch["mask"]

        self._predict = devices.compile(predict)
        self._examine = devices.compile(task.examine) if isinstance(task, Examining) else None

    def __call__(
        self,
        state: State,
        batches: Iterable[Batch],
        give_up: Callable[[], bool] = lambda: False,
        *,
        closely: bool = False,
    ) -> list[Batch]:
        """An output a batch, on the host, rows that only fill up a batch removed.

        Ends early where `give_up()` says so, which is asked before each batch. `closely` adds what
        `Examining.examine` has to say.
        """
        outputs: list[Batch] = []
        for batch in batches:
            if give_up():
                break
            placed = self._devices.put_batch(batch)
            output, mask = self._predict(state, placed)
            if closely and self._examine is not None:
                output = {**output, **self._examine(state, placed, output)}
            output, mask = jax.device_get((output, mask))
            outputs.append({name: np.asarray(rows)[mask] for name, rows in output.items()})
        return outputs


class Evaluator:
    """One split of a task's data, measured again and again with one compiled program a shape.

    Args:
      task: says what to measure and predict.
      devices: where.
      split: its name.
      batches: this process's rows of the split; gone over anew in each pass.
    """

    def __init__(self, task: Task, devices: Devices, split: str, batches: Iterable[Batch]):
        self.split = split
        self._task = task
        self._devices = devices
        self._batches = batches
        self._measure = devices.compile(task.measure)
        self._predict = Predictor(task, devices)

    def run(self, state: State, give_up: Callable[[], bool] = lambda: False) -> Evaluation | None:
        """Metrics of the split, and the predictions they were computed from.

        None where `give_up()` cut it short: it is asked before each batch.
        """
        sums: dict[str, list] = {}
        for batch in self._batches:
            if give_up():
                return None
            measured = self._measure(state, self._devices.put_batch(batch))
            for name, pair in measured.items():
                sums.setdefault(name, []).append(pair)
        outputs = self._predict(state, self._batches, give_up)
        if give_up():
            return None
        metrics = self._task.summarize(means(jax.device_get(sums)))
        return Evaluation(metrics | self._task.score(self.split, outputs), outputs)


def means(sums: dict[str, list]) -> dict[str, float]:
    """Name -> list of (sum, count), to name -> mean.

    Divides once, at the end, in float64: a mean over examples, not over batches.
    """
    totals = {name: np.sum(np.asarray(pairs, np.float64), axis=0) for name, pairs in sums.items()}
    return {name: float(total / max(count, 1)) for name, (total, count) in totals.items()}
