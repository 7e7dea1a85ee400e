"""Layers that run a cell over time: one direction, both, several on top of one another.

All take [batch time features] with a mask of real steps. A padded step keeps the carry, so padding
never changes a result, and a layer that reads backwards starts at each example's own last token.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.cells import Cell
from attention_jax.typing import Array, Bool, Float


def run(
    cell: Cell,
    inputs: Float[Array, "batch time in_features"],
    mask: Bool[Array, "batch time"] | None,
    carry: Any,
    reverse: bool,
) -> tuple[Any, Float[Array, "batch time features"]]:
    """The carry after the last real step, and the output at every step (zero at padded ones).

    With `reverse` the steps are taken from last to first; outputs stay at their inputs' places.
    """
    if carry is None:
        carry = cell.initial(inputs.shape[:1])
    # Time leads inside: the scan then slices without copies.
    projected = cell.project(jnp.swapaxes(inputs, 0, 1))
    carry, outputs = cell.over_time(carry, projected, None if mask is None else mask.T, reverse)
    return carry, jnp.swapaxes(outputs, 0, 1)


class Recurrent(nn.Module):
    """One cell over time, in one direction.

    Attributes:
      cell: one of `layers.cells`.
      reverse: read from the last real step to the first.
    """

    cell: Cell
    reverse: bool = False

    def __call__(
        self,
        inputs: Float[Array, "batch time in_features"],
        mask: Bool[Array, "batch time"] | None = None,
        carry: Any = None,
    ) -> tuple[Any, Float[Array, "batch time features"]]:
        """The last carry and all outputs, starting from `carry` (default: zero)."""
        return run(self.cell, inputs, mask, carry, self.reverse)

    def step(
        self, carry: Any, inputs: Float[Array, "batch in_features"]
    ) -> tuple[Any, Float[Array, "batch features"]]:
        """One step: the stepping face of the same layer."""
        return self.cell.step(carry, self.cell.project(inputs))


class Bidirectional(nn.Module):
    """h_i = [forward_i; backward_i]: two cells over one sequence (Schuster 1997).

    Attributes:
      forward: the cell that reads from first to last.
      backward: the cell that reads from each example's last real step to the first.
    """

    forward: Cell
    backward: Cell

    def __call__(
        self,
        inputs: Float[Array, "batch time in_features"],
        mask: Bool[Array, "batch time"] | None = None,
        carry: Any = None,
    ) -> tuple[tuple[Any, Any], Float[Array, "batch time features"]]:
        """The pair of last carries (forward's at the end, backward's at the start), all outputs."""
        first, second = (None, None) if carry is None else carry
        first, ahead = run(self.forward, inputs, mask, first, reverse=False)
        second, back = run(self.backward, inputs, mask, second, reverse=True)
        return (first, second), jnp.concatenate([ahead, back], axis=-1)


class Stacked(nn.Module):
    """Each layer reads the outputs of the one below, with dropout between them.

    With x_l what layer l reads (x_0 the inputs) and f_l the layer itself, x_{l+1} is

    - residual "none": f_l(x_l);
    - residual "residual": f_l(x_l) + x_l;
    - residual "dense": f_l(x_l) + Σ_{1 <= j <= l} x_j.

    Source of the last two: Britz 2017, §4.3. Departure: they bring the inputs to the layers' width
    and add them too; here the sums begin with the second layer, whatever the inputs' width.

    Attributes:
      layers: `Recurrent` or `Bidirectional`, lowest first; of one width where there are sums.
      dropout: rate between layers (not before the first, nor after the last), in training only; of
        what a layer reads, not of what is added to its output.
      residual: "none", "residual" or "dense".

    Raises UserError for another `residual`.
    """

    layers: tuple[nn.Module, ...]
    dropout: float = 0.0
    residual: str = "none"

    def setup(self):
        if self.residual not in ("none", "residual", "dense"):
            raise UserError(
                f"residual {self.residual!r} is unknown: choose none, residual or dense"
            )
        self.drop = nn.Dropout(self.dropout)

    def __call__(
        self,
        inputs: Float[Array, "batch time in_features"],
        mask: Bool[Array, "batch time"] | None = None,
        carries: Sequence[Any] | None = None,
        *,
        train: bool = False,
    ) -> tuple[tuple[Any, ...], Float[Array, "batch time features"]]:
        """Every layer's last carry, and the top layer's outputs."""
        last: list[Any] = []
        below: list[Array] = []
        for depth, layer in enumerate(self.layers):
            read = self.drop(below[-1], deterministic=not train) if depth else inputs
            carry, outputs = layer(read, mask, carries[depth] if carries else None)
            last.append(carry)
            below.append(self._add(outputs, below))
        return tuple(last), below[-1]

    def step(
        self, carries: Sequence[Any], inputs: Float[Array, "batch in_features"]
    ) -> tuple[tuple[Any, ...], Float[Array, "batch features"]]:
        """One step through all layers (each a `Recurrent`), without dropout."""
        return self.step_projected(carries, self.layers[0].cell.project(inputs))

    def step_projected(
        self,
        carries: Sequence[Any],
        projected: Float[Array, "batch gate_features"],
        *,
        train: bool = False,
    ) -> tuple[tuple[Any, ...], Float[Array, "batch features"]]:
        """One step, the lowest cell's projection of its inputs already made.

        A scan over time makes that projection for all steps before it begins.
        """
        last: list[Any] = []
        below: list[Array] = []
        for depth, (layer, carry) in enumerate(zip(self.layers, carries, strict=True)):
            if depth:
                read = self.drop(below[-1], deterministic=not train)
                carry, outputs = layer.step(carry, read)
            else:
                carry, outputs = layer.cell.step(carry, projected)
            last.append(carry)
            below.append(self._add(outputs, below))
        return tuple(last), below[-1]

    def _add(self, outputs: Array, below: Sequence[Array]) -> Array:
        """What the layer above reads: this layer's outputs, and of those below as many as asked."""
        added = {"none": [], "residual": below[-1:], "dense": below}[self.residual]
        return sum(added, outputs)
