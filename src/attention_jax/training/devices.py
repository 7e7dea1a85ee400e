"""Where an update runs: one program over a mesh of devices, or the same update per device.

Both faces take the same arguments and give the same result to rounding:

    jit   `jax.jit` over a mesh with axes `data` and `model`. Batches are global arrays split along
          `data`, large models may be split too (`training.sharding`); XLA inserts what has to pass
          between devices, so `across.sum` is the identity.
    pmap  `jax.pmap` with the axis name `data`. Each device sees its rows; `across.sum` is `psum`.

States enter and leave through `place` and `view`, so nothing else knows which face is in use, and a
checkpoint written under one is read under the other.
"""

import time
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from attention_jax.errors import UserError
from attention_jax.tasks.protocol import Across, Dividing, State, Task, Update
from attention_jax.training.compiling import compiler_options
from attention_jax.training.sharding import DATA, MODEL, Layout, Partitions
from attention_jax.typing import Batch, PyTree


class Counted:
    """A compiled function that knows how often it was traced: once for each shape it met."""

    def __init__(self, fn: Callable, compile: Callable[[Callable], Any]):
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

    def lower(self, *args):
        """The program for such arguments, compiled by its `compile()`, not run."""
        return self._call.lower(*args)


class Devices:
    """The devices of a run and how work is put on them.

    Args:
      parallel: "jit" or "pmap".
      count: use that many of each process's devices; 0 uses all.
      model: devices that share one copy of the model, side by side in the mesh.
      fsdp: split large parameters, and all that belongs to them, over the mesh's `data` axis too.
      partitions: of the model, for `model` > 1.

    Raises UserError for devices that are not there, or a mesh that cannot be made of them.
    """

    def __init__(
        self,
        parallel: str = "jit",
        count: int = 0,
        *,
        model: int = 1,
        fsdp: bool = False,
        partitions: Partitions | None = None,
    ):
        if parallel not in ("jit", "pmap"):
            raise UserError(f"config.parallel is {parallel!r}: choose 'jit' or 'pmap'")
        self.parallel = parallel
        self.devices = _first_of_each_process(count) if count else jax.devices()
        self._split = model > 1 or fsdp
        self._check_mesh(model, bool(partitions))
        grid = np.array(self.devices).reshape(-1, model)
        self.mesh = Mesh(grid, (DATA, MODEL), axis_types=(AxisType.Auto,) * 2)
        self._layout = Layout(self.mesh, partitions or {}, fsdp)
        self._whole = NamedSharding(self.mesh, PartitionSpec())
        by_copy = NamedSharding(self.mesh, PartitionSpec(DATA))
        self._rows, self._parts, self._share = by_copy, len(grid), lambda batch: batch
        if any(len({device.process_index for device in copy}) > 1 for copy in grid):
            # Processes that hold one copy between them bring rows of their own to it.
            self._rows = NamedSharding(self.mesh, PartitionSpec((DATA, MODEL)))
            self._parts = grid.size
            self._share = jax.jit(lambda batch: batch, out_shardings=by_copy)

    @classmethod
    def of(cls, config: ml_collections.ConfigDict, task: Task, parallel: str = "jit") -> Self:
        """Those that a config asks for, to train or use a task's model."""
        partitions = task.model.partitions if isinstance(task.model, Dividing) else None
        return cls(parallel, config.devices, **config.mesh, partitions=partitions)

    def _check_mesh(self, model: int, divisible: bool) -> None:
        count = len(self.devices)
        if model < 1 or count % model:
            fitting = ", ".join(str(n) for n in range(1, count + 1) if count % n == 0)
            raise UserError(
                f"config.mesh.model is {model}, into which {count} devices cannot be grouped: "
                f"choose one of {fitting}"
            )
        if self._split and self.parallel == "pmap":
            raise UserError(
                "config.parallel is 'pmap', which keeps a whole model on each device: set it to "
                "'jit' for config.mesh.model and config.mesh.fsdp"
            )
        if model > 1 and not divisible:
            raise UserError(
                f"config.mesh.model is {model}, but this model does not say how it is divided (a "
                "Transformer does): set it to 1; config.mesh.fsdp=True splits any model"
            )

    def check_batch_size(self, batch_size: int, accumulate: int = 1) -> None:
        """Raises UserError when a batch cannot be split evenly."""
        parts = self._parts * accumulate
        if batch_size % parts:
            raise UserError(
                f"config.batch_size is {batch_size}, which {self._parts} devices (the mesh's data "
                f"axis) x {accumulate} accumulated parts do not divide: choose a multiple of "
                f"{parts}"
            )

    def create(self, init: Callable[..., State], *args) -> State:
        """`init(*args)`. Where the mesh splits it, each device makes its own part and no other."""
        if not self._split:
            return jax.jit(init)(*args)
        return jax.jit(init, out_shardings=self._layout.of(jax.eval_shape(init, *args)))(*args)

    def compile_update(self, update: Update, state: State) -> Counted:
        """(state, batch, rng) -> (state, metrics), both faces alike; the state is donated.

        Args:
          update: a task's.
          state: such a one, or its shapes.
        """
        if self.parallel == "pmap":
            across = Across(lambda tree: jax.lax.psum(tree, DATA), DATA)
            return Counted(
                lambda state, batch, rng: update(state, batch, rng, across),
                lambda fn: jax.pmap(
                    fn,
                    axis_name=DATA,
                    in_axes=(0, 0, None),
                    devices=self.devices,
                    donate_argnums=(0,),
                ),
            )
        return Counted(
            lambda state, batch, rng: update(state, batch, rng, self._layout.across()),
            # Fixed output shardings: left to XLA, a state could come back split, and trace again.
            lambda fn: jax.jit(
                fn,
                donate_argnums=(0,),
                out_shardings=(self._layout.of(state), self._whole),
                compiler_options=compiler_options(),
            ),
        )

    def compile(self, fn: Callable) -> Counted:
        """A function of global arrays whose results every process can read (evaluation)."""

        def of_whole(*args):
            return fn(*(self._layout.fetch(x) if isinstance(x, State) else x for x in args))

        return Counted(
            of_whole if self._split else fn,
            lambda traced: jax.jit(
                traced, out_shardings=self._whole, compiler_options=compiler_options()
            ),
        )

    def put_batch(self, batch: Batch) -> PyTree:
        """This process's rows of a batch -> the global array of all processes' rows.

        A batch that the devices do not divide (a user's single sentence) goes whole to each.
        """
        if len(self.devices) == 1 and jax.process_count() == 1:
            # A compiled function takes NumPy's arrays as they are: in 20 µs, and not in 500.
            return batch
        rows = len(batch["index"]) * jax.process_count()
        undivided = rows % self._parts != 0
        spread = self._whole if undivided else self._rows
        placed = jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(spread, np.asarray(x)), batch
        )
        return placed if undivided else self._share(placed)

    def put_training_batch(self, batch: Batch) -> PyTree:
        """As `put_batch`; under pmap rows are grouped by device instead."""
        if self.parallel == "jit":
            return self.put_batch(batch)
        count = sum(d.process_index == jax.process_index() for d in self.devices)
        return jax.tree.map(lambda x: x.reshape(count, x.shape[0] // count, *x.shape[1:]), batch)

    def place(self, state: State) -> State:
        """A state as one copy -> as `compile_update` takes it."""
        if self._split:
            return jax.device_put(state, self._layout.of(state))
        if self.parallel == "jit":
            return jax.tree.map(self._replicate, state)
        # Put where pmap leaves its results: the second step would be traced again otherwise.
        local = [d for d in self.devices if d.process_index == jax.process_index()]
        each = NamedSharding(Mesh(np.array(local), DATA), PartitionSpec(DATA))
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
        """Shapes, types and placement of a state: what a checkpoint is read into, whatever mesh
        it was written on.
        """
        return jax.tree.map(
            lambda x, sharding: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
            state,
            self._layout.of(state),
        )

    def _replicate(self, x):
        if jax.process_count() == 1:
            return jax.device_put(x, self._whole)
        return jax.make_array_from_process_local_data(self._whole, np.asarray(x))


def _first_of_each_process(count: int) -> list[jax.Device]:
    here = len(jax.local_devices())
    if count > here:
        raise UserError(
            f"config.devices asks for {count} devices and {here} are here: set config.devices to 0 "
            "for all of them"
        )
    processes = range(jax.process_count())
    return [d for n in processes for d in jax.local_devices(process_index=n)[:count]]
