"""How a state lies on a mesh: which of its arrays are split, along which axis, over which devices.

A mesh has two axes. Devices along `data` work on different examples, those along `model` share one
copy of the model. What may lie split:

    over `model`  what a model's `partitions` name: heads, feed-forward units, the vocabulary. Each
                  device computes with its part, and results are summed where the model needs them.
    over `data`   with `fsdp` any large array (Rajbhandari 2020, ZeRO, stage 3; "fully sharded data
                  parallel"). A parameter is fetched from the other devices where the loss uses it,
                  and once more in the backward pass, so that it need not be kept in between. (XLA
                  for CPU makes one of the two.)

The optimiser's moments and averaged parameters lie as their parameters do. What is not split lies
whole on each device. A `NamedSharding` says so of each; what passes between devices is XLA's.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
from jax.ad_checkpoint import checkpoint_name
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from attention_jax.errors import UserError
from attention_jax.tasks.protocol import Across, Loss
from attention_jax.typing import PyTree

DATA, MODEL = "data", "model"

Partitions = Mapping[str, tuple[str | None, ...]]
"""As `tasks.protocol.Dividing` has it."""

LARGE = 2**14
"""Elements from which an array is worth fetching: 64 KiB in float32."""

_FETCHED = "fetched"


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where each array of a state lies.

    Attributes:
      mesh: with axes `data` and `model`.
      partitions: of the model; a path that ends so, be it a parameter's or a moment's, is split.
      fsdp: split what is large over `data` too.
    """

    mesh: Mesh
    partitions: Partitions
    fsdp: bool = False

    def of(self, tree: PyTree) -> PyTree:
        """A `NamedSharding` in the place of each array, or shape, of a state or of a part of it.

        Raises:
          UserError: the mesh's `model` axis does not divide what it should.
        """

        def place(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
            axes = self._over_model(path, leaf.shape)
            if self.fsdp and leaf.size >= LARGE:
                axes = self._over_data(axes, leaf.shape)
            # P(None) means P() and is not equal to it: a program would be compiled for each.
            return NamedSharding(self.mesh, PartitionSpec(*axes) if any(axes) else PartitionSpec())

        return jax.tree_util.tree_map_with_path(place, tree)

    def fetch(self, tree: PyTree) -> PyTree:
        """In a traced function: the same arrays, split over `model` only."""
        used = dataclasses.replace(self, fsdp=False)
        return jax.lax.with_sharding_constraint(tree, used.of(tree))

    def across(self) -> Across:
        """How an update reduces: XLA does it; with `fsdp` it is told where gradients are to lie."""
        if not self.fsdp:
            return Across()
        return Across(
            lambda tree: jax.lax.with_sharding_constraint(tree, self.of(tree)),
            fetching=self._fetching,
        )

    def _fetching(self, loss: Loss) -> Loss:
        def of_split(params, state, batch, rng, across):
            fetched = jax.tree.map(lambda x: checkpoint_name(x, _FETCHED), self.fetch(params))
            return loss(fetched, state, batch, rng, across)

        # Left to itself XLA would rather pass the examples' activations around than parameters.
        policy = jax.checkpoint_policies.save_anything_except_these_names(_FETCHED)
        return jax.checkpoint(of_split, policy=policy, static_argnums=4)

    def _over_model(self, path: tuple[Any, ...], shape: tuple[int, ...]) -> list[str | None]:
        """Splits what the model names."""
        parts = self.mesh.shape[MODEL]
        spoken = jax.tree_util.keystr(path, simple=True, separator="/")
        names = next((n for end, n in self.partitions.items() if spoken.endswith(end)), None)
        if parts == 1 or names is None:
            return [None] * len(shape)
        for name, size in zip(names, shape, strict=True):
            if name is not None and size % parts:
                raise UserError(
                    f"the model has {size} {name}, which config.mesh.model={parts} does not divide:"
                    f" choose another number of either ({spoken})"
                )
        return [name and MODEL for name in names]

    def _over_data(self, axes: list[str | None], shape: tuple[int, ...]) -> list[str | None]:
        """Splits the longest of the axes that are still whole, where there is one that can be."""
        parts = self.mesh.shape[DATA]
        free = [n for n, size in enumerate(shape) if axes[n] is None and size % parts == 0]
        if parts == 1 or not free:
            return axes
        longest = max(free, key=lambda n: shape[n])
        return [DATA if n == longest else axis for n, axis in enumerate(axes)]
