"""Where an update runs: one program over a mesh of devices, or the same update per device.

Both faces take the same arguments and give the same result to rounding:

    jit   `jax.jit` over a mesh with axes `data` and `model`. Batches are global arrays split along
          `data`; XLA inserts the reductions, so `across.sum` is the identity.
    pmap  `jax.pmap` with the axis name `data`. Each device sees its rows; `across.sum` is `psum`.

States enter and leave through `place` and `view`, so nothing else knows which face is in use, and a
checkpoint written under one is read under the other.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from attention_jax.errors import UserError
from attention_jax.tasks.protocol import Across, State, Update
from attention_jax.typing import Batch, PyTree

_AXIS = "data"


class Counted:
    """A compiled function that knows how often it was traced: once for each shape it met."""

    def __init__(self, fn: Callable, compile: Callable[[Callable], Callable]):
        self.compilations = 0
        self.seconds = 0.0
        """Spent on tracing and compiling (with the first run's start)."""

        def traced(*args):
            self.compilations += 1
            return fn(*args)

        self._call = compile(traced)

    def __call__(self, *args):
        began, before = time.monotonic(), self.compilations
        result = self._call(*args)
        if self.compilations != before:
            self.seconds += time.monotonic() - began
        return result


class Devices:
    """The devices of a run and how work is put on them.

    Args:
      parallel: "jit" or "pmap".
      count: use that many of the local devices; 0 uses all of every process.
    """

    def __init__(self, parallel: str = "jit", count: int = 0):
        if parallel not in ("jit", "pmap"):
            raise UserError(f"config.parallel is {parallel!r}: choose 'jit' or 'pmap'")
        available = jax.devices()
        if count > len(available):
            raise UserError(
                f"config.devices asks for {count} devices and {len(available)} are here: "
                f"set config.devices to 0 for all of them"
            )
        self.parallel = parallel
        self.devices = available[:count] if count else available
        grid = np.array(self.devices).reshape(-1, 1)
        self.mesh = Mesh(grid, (_AXIS, "model"), axis_types=(AxisType.Auto,) * 2)
        self._split = NamedSharding(self.mesh, PartitionSpec(_AXIS))
        self._whole = NamedSharding(self.mesh, PartitionSpec())

    def check_batch_size(self, batch_size: int, accumulate: int = 1) -> None:
        """Raises UserError when a batch cannot be split evenly."""
        parts = len(self.devices) * accumulate
        if batch_size % parts:
            raise UserError(
                f"config.batch_size is {batch_size}, which {len(self.devices)} devices x "
                f"{accumulate} accumulated parts do not divide: choose a multiple of {parts}"
            )

    def compile_update(self, update: Update) -> Counted:
        """(state, batch, rng) -> (state, metrics), both faces alike; the state is donated."""
        if self.parallel == "pmap":
            across = Across(lambda tree: jax.lax.psum(tree, _AXIS), _AXIS)
            return Counted(
                lambda state, batch, rng: update(state, batch, rng, across),
                lambda fn: jax.pmap(
                    fn,
                    axis_name=_AXIS,
                    in_axes=(0, 0, None),
                    devices=self.devices,
                    donate_argnums=(0,),
                ),
            )
        return Counted(
            lambda state, batch, rng: update(state, batch, rng, Across()),
            # Fixed output shardings: left to XLA, a state could come back split, and trace again.
            lambda fn: jax.jit(fn, donate_argnums=(0,), out_shardings=self._whole),
        )

    def compile(self, fn: Callable) -> Counted:
        """A function of global arrays whose results every process can read (evaluation)."""
        return Counted(fn, lambda traced: jax.jit(traced, out_shardings=self._whole))

    def put_batch(self, batch: Batch) -> PyTree:
        """This process's rows of a batch -> the global array of all processes' rows.

        A batch that the devices do not divide (a user's single sentence) goes whole to each.
        """
        if len(self.devices) == 1 and jax.process_count() == 1:
            # A compiled function takes NumPy's arrays as they are: in 20 µs, and not in 500.
            return batch
        rows = len(batch["index"]) * jax.process_count()
        sharding = self._whole if rows % len(self.devices) else self._split
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(sharding, np.asarray(x)), batch
        )

    def put_training_batch(self, batch: Batch) -> PyTree:
        """As `put_batch`; under pmap rows are grouped by device instead."""
        if self.parallel == "jit":
            return self.put_batch(batch)
        count = sum(d.process_index == jax.process_index() for d in self.devices)
        return jax.tree.map(lambda x: x.reshape(count, x.shape[0] // count, *x.shape[1:]), batch)

    def place(self, state: State) -> State:
        """A state as one copy -> as `compile_update` takes it."""
        if self.parallel == "jit":
            return jax.tree.map(self._replicate, state)
        # Put where pmap leaves its results: the second step would be traced again otherwise.
        local = [d for d in self.devices if d.process_index == jax.process_index()]
        each = NamedSharding(Mesh(np.array(local), _AXIS), PartitionSpec(_AXIS))
        return jax.tree.map(
            lambda x: jax.device_put(jnp.broadcast_to(x, (len(local), *jnp.shape(x))), each), state
        )

    def view(self, state: State) -> State:
        """A state as `compile_update` gives it -> one copy, for evaluation and checkpoints."""
        if self.parallel == "jit":
            return state
        return jax.tree.map(lambda x: self._replicate(x.addressable_data(0)[0]), state)

    def view_metrics(self, metrics: PyTree) -> PyTree:
        """Metrics as `compile_update` gives them -> scalars."""
        if self.parallel == "jit":
            return metrics
        return jax.tree.map(lambda x: x.addressable_data(0)[0], metrics)

    def like(self, state: PyTree) -> PyTree:
        """Shapes, types and placement of one copy of a state: what a checkpoint is read into."""
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=self._whole), state
        )

    def _replicate(self, x):
        if jax.process_count() == 1:
            return jax.device_put(x, self._whole)
        return jax.make_array_from_process_local_data(self._whole, np.asarray(x))
