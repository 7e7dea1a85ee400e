"""Our side of a row: an experiment's update or search, compiled and run."""

import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from attention_jax.experiment import Experiment
from attention_jax.tasks.protocol import Across, State, gradient_sums
from attention_jax.training.devices import Devices
from attention_jax.training.summary import matmul_flops
from attention_jax.typing import Batch
from benchmarks import machine
from benchmarks.rows import ROWS
from benchmarks.side import Side


class Training(NamedTuple):
    """A row that times the update of an experiment's task."""

    experiment: Experiment
    batch: Batch
    sizes: dict[str, Any]
    """What the peer is built from."""


class Decoding(NamedTuple):
    """A row that times a search."""

    search: Callable[[Any, Batch], dict[str, jax.Array]]
    """(variables, batch) -> "scores" [batch] and "tokens" [batch, time] of the best."""
    encode: Callable[[Any, Batch], Any]
    """The part of it that comes before its loop."""
    variables: Any
    batch: Batch
    sizes: dict[str, Any]
    steps: int
    """Tokens of every sentence."""


class Ours(Side):
    """What `workers` serves: `build` first, then `first`, then the others."""

    def build(self, row: str, parts: int = 1) -> None:
        """The row's system, with its first parameters; of its batch the first of so many parts."""
        work = importlib.import_module(f"benchmarks.ours.{ROWS[row]}").build(row)
        batch = {name: x[: len(x) // parts] for name, x in work.batch.items()}
        work = self._work = work._replace(batch=batch)
        if isinstance(work, Decoding):
            search = jax.jit(work.search)
            self._step: Callable[[], Any] = lambda: search(work.variables, work.batch)
            return
        task, config = work.experiment.task, work.experiment.config
        devices = Devices(count=1)
        self._rng = jax.random.key(config.seed)
        # Placed as the loop places it: the second step would be traced again otherwise.
        self._state = devices.place(devices.create(task.init, self._rng, task.example()))
        self._update = devices.compile_update(task.update, self._state)
        self._step = self._train

    def first(self) -> float:
        """Seconds of the first step, compiling included."""
        return self._timed()

    def hand_over(self) -> dict[str, Any]:
        """All that the peer needs, as NumPy arrays; the first weights, so before any step."""
        work, given = self._work, {"sizes": self._work.sizes, "batch": self._work.batch}
        if isinstance(work, Decoding):
            return given | {"weights": _flat(work.variables["params"])}
        self._start: State = jax.tree.map(np.array, self._state)
        names = ("name", "learning_rate", "b1", "b2", "eps", "clip", "clip_value")
        optimizer = {name: work.experiment.config.optimizer[name] for name in names}
        return given | {"weights": _flat(self._start.params), "optimizer": optimizer}

    def computed(self) -> dict[str, np.ndarray]:
        """The mean loss and its slopes at the weights handed over; or what the search found."""
        if isinstance(self._work, Decoding):
            return jax.tree.map(np.asarray, self._step())
        loss, slopes = jax.jit(self._slopes)(self._start, self._work.batch)
        return {"loss": np.asarray(loss), **_flat(slopes)}

    def flops(self) -> int:
        """Of a step's matrix products and convolutions; what is made again counts again."""
        work = self._work
        if isinstance(work, Decoding):
            once = matmul_flops(work.encode, work.variables, work.batch)
            # In which each of the loops, one for each size of a cache, counts once.
            whole = matmul_flops(work.search, work.variables, work.batch)
            steps = jax.make_jaxpr(work.search)(work.variables, work.batch).eqns
            loops = sum(step.primitive.name == "while" for step in steps)
            return once + work.steps * (whole - once) // loops
        return matmul_flops(self._slopes, self._start, work.batch)

    def gemm_rate(self) -> float:
        """Floating-point operations a second of a large product in float32."""
        x = jnp.ones((machine.SIDE, machine.SIDE))
        product = jax.jit(jnp.matmul)
        return machine.gemm_rate(lambda: jax.block_until_ready(product(x, x)), time.perf_counter)

    def _train(self) -> Any:
        self._state, metrics = self._update(self._state, self._work.batch, self._rng)
        return self._state, metrics

    def _timed(self) -> float:
        began = time.perf_counter()
        jax.block_until_ready(self._step())
        return time.perf_counter() - began

    def _slopes(self, state: State, batch: Batch) -> tuple[jax.Array, Any]:
        task = self._work.experiment.task
        slopes, total, aux = gradient_sums(task.loss, state, batch, self._rng, Across())
        return total / aux.count, jax.tree.map(lambda x: x / aux.count, slopes)


def _flat(params: Any) -> dict[str, np.ndarray]:
    """Parameters by path: "encoder/forward/recurrent"."""
    return {name: np.asarray(x) for name, x in flatten_dict(params, sep="/").items()}
