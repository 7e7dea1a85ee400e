"""Runs a task's measures and predictions over a whole split."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import numpy as np

from attention_jax.tasks.protocol import State, Task
from attention_jax.training.devices import Devices
from attention_jax.typing import Array, Batch


class Evaluation(NamedTuple):
    """What came of one split."""

    metrics: dict[str, float]
    outputs: list[Batch]
    """A prediction a batch, on the host, rows that fill up a batch removed."""


class Evaluator:
    """One split of a task's data, measured again and again with one compiled program a shape.

    Args:
      task: says what to measure and predict.
      devices: where.
      split: its name, which heads the metrics' names.
      batches: called for each evaluation; yields this process's rows.
      predicts: False measures the loss alone (quick looks during training).
    """

    def __init__(
        self,
        task: Task,
        devices: Devices,
        split: str,
        batches: Callable[[], Iterable[Batch]],
        predicts: bool = True,
    ):
        self.split = split
        self._task = task
        self._devices = devices
        self._batches = batches
        self._measure = devices.compile(task.measure)
        self._predict = devices.compile(self._predict_rows) if predicts else None

    def run(self, state: State) -> Evaluation:
        """Metrics of the split, and the predictions they were computed from."""
        sums: dict[str, list] = {}
        outputs: list[Batch] = []
        for batch in self._batches():
            placed = self._devices.put_batch(batch)
            for name, pair in self._measure(state, placed).items():
                sums.setdefault(name, []).append(pair)
            if self._predict is not None:
                outputs.append(_real_rows(*jax.device_get(self._predict(state, placed))))
        metrics = self._task.summarize(means(jax.device_get(sums)))
        if self._predict is not None:
            metrics |= self._task.score(self.split, outputs)
        return Evaluation(metrics, outputs)

    def _predict_rows(self, state: State, batch: Batch) -> tuple[Batch, Array]:
        # The index and the mask travel with the output: each process must see every row of them.
        output = {"index": batch["index"], **self._task.predict(state, batch)}
        return output, batch["mask"]


def means(sums: dict[str, list]) -> dict[str, float]:
    """Name -> list of (sum, count), to name -> mean.

    Divides once, at the end, in float64: a mean over examples, not over batches.
    """
    totals = {name: np.sum(np.asarray(pairs, np.float64), axis=0) for name, pairs in sums.items()}
    return {name: float(total / max(count, 1)) for name, (total, count) in totals.items()}


def _real_rows(output: Batch, mask: np.ndarray) -> Batch:
    return jax.tree.map(lambda x: np.asarray(x)[mask], output)
