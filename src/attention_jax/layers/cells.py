"""Recurrent cells in two phases: `project` the inputs of all steps at once, then `step`.

`project(inputs)` is one matrix product over every time step, made before the scan; `step(carry,
projected)` holds only what depends on the carry, with all gates in one product (GRU with reset
"before": two, since the candidate waits for the reset gate); `over_time` takes all steps. Products
run in `dtype`; parameters and the carry stay float32.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.initializers import HOUSE, Initializer, Initializers, per_gate
from attention_jax.ops import gru, lstm
from attention_jax.ops.recurrence import over_time, product
from attention_jax.typing import Array, Bool, Float


class HiddenState(NamedTuple):
    """Carry of the vanilla cell and the GRU."""

    hidden: Float[Array, "*batch features"]


class LSTMState(NamedTuple):
    """Carry of the LSTM."""

    hidden: Float[Array, "*batch features"]
    cell: Float[Array, "*batch features"]


CellState = HiddenState | LSTMState


class _OneState(nn.Module):
    """What cells share whose state is one array, their output."""

    def initial(self, batch_shape: tuple[int, ...]) -> HiddenState:
        """The zero state."""
        return HiddenState(jnp.zeros((*batch_shape, self.features)))

    def carry_from(self, hidden: Float[Array, "*batch features"]) -> HiddenState:
        """A state with the given output."""
        return HiddenState(hidden.astype(jnp.float32))

    def over_time(
        self,
        carry: HiddenState,
        projected: Float[Array, "time batch gate_features"],
        mask: Bool[Array, "time batch"] | None,
        reverse: bool,
    ) -> tuple[HiddenState, Float[Array, "time batch features"]]:
        """`step` after `step`; see `ops.recurrence.over_time` for the arguments."""

        def body(cell, carry, now):
            projected, real = now
            following, output = cell.step(carry, projected)
            if real is None:
                return following, output
            real = real[:, None]
            kept = jax.tree.map(lambda new, old: jnp.where(real, new, old), following, carry)
            return kept, jnp.where(real, output, 0)

        scan = nn.scan(
            body, variable_broadcast="params", split_rngs={"params": False}, reverse=reverse
        )
        return scan(self, carry, (projected, mask))


class Vanilla(_OneState):
    """h' = tanh(W x + b + U h), the simple recurrent network (Elman 1990).

    Attributes:
      features: width of the state.
      initializers: `kernel`, `recurrent` and `bias` are used.
      dtype: of the matrix products.
    """

    features: int
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        self.input = _input_side(self, 1, self.initializers.bias)
        self.recurrent = _recurrent_side(self, "recurrent", 1)

    def project(
        self, inputs: Float[Array, "*batch in_features"]
    ) -> Float[Array, "*batch gate_features"]:
        """W x + b, for all steps at once."""
        return self.input(inputs)

    def step(
        self, carry: HiddenState, projected: Float[Array, "*batch gate_features"]
    ) -> tuple[HiddenState, Float[Array, "*batch features"]]:
        """The state after one step, and the output, which is the same."""
        hidden = jnp.tanh(projected + product(carry.hidden, self.recurrent, dtype=self.dtype))
        return HiddenState(hidden), hidden.astype(self.dtype)


class GRU(_OneState):
    """The gated recurrent unit: h' = z ⊙ h + (1 - z) ⊙ h̃.

    r = σ(W_r x + b_r + U_r h), z = σ(W_z x + b_z + U_z h), and the candidate h̃ either

    - reset "after" (Flax, cuDNN, PyTorch): tanh(W x + b + r ⊙ (U h + b')): one product a step;
    - reset "before" (Cho 2014; Bahdanau 2015): tanh(W x + b + U (r ⊙ h)).

    Source: Cho 2014, eq. 5-8. Bahdanau writes 1 - z for our z, which is a change of sign only.

    Attributes:
      features: width of the state.
      reset: "after" or "before".
      initializers: `kernel`, `recurrent` and `bias` are used.
      dtype: of the matrix products.

    Raises UserError for another `reset`.
    """

    features: int
    reset: str = "after"
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        if self.reset not in ("after", "before"):
            raise UserError(f"reset {self.reset!r} is unknown: choose after or before")
        self.input = _input_side(self, 3, self.initializers.bias)
        if self.reset == "after":
            self.recurrent = _recurrent_side(self, "recurrent", 3)
            self.candidate_bias = self.param(
                "candidate_bias", self.initializers.bias, (self.features,)
            )
        else:
            self.recurrent = _recurrent_side(self, "recurrent", 2)
            self.candidate = _recurrent_side(self, "candidate", 1)

    def project(
        self, inputs: Float[Array, "*batch in_features"]
    ) -> Float[Array, "*batch gate_features"]:
        """[W_r x + b_r; W_z x + b_z; W x + b], for all steps at once."""
        return self.input(inputs)

    def step(
        self, carry: HiddenState, projected: Float[Array, "*batch gate_features"]
    ) -> tuple[HiddenState, Float[Array, "*batch features"]]:
        """The state after one step, and the output, which is the same."""
        if self.reset == "after":
            found = product(carry.hidden, self.recurrent, self._bias(), self.dtype)
            (hidden,), _ = gru.step(tuple(carry), projected, found)
        else:
            hidden = self._reset_before(carry.hidden, projected)
        return HiddenState(hidden), hidden.astype(self.dtype)

    def _bias(self) -> Float[Array, " gate_features"]:
        """The product's, b' for the candidate; the gates have theirs in the input's side."""
        return jnp.pad(self.candidate_bias, (2 * self.features, 0))

    def _reset_before(self, hidden: Array, projected: Array) -> Array:
        two = 2 * self.features
        gates = projected[..., :two] + product(hidden, self.recurrent, dtype=self.dtype)
        reset, update = jnp.split(jax.nn.sigmoid(gates), 2, axis=-1)
        from_state = product(reset * hidden, self.candidate, dtype=self.dtype)
        candidate = jnp.tanh(projected[..., two:] + from_state)
        return update * hidden + (1 - update) * candidate

    def over_time(
        self,
        carry: HiddenState,
        projected: Float[Array, "time batch gate_features"],
        mask: Bool[Array, "time batch"] | None,
        reverse: bool,
    ) -> tuple[HiddenState, Float[Array, "time batch features"]]:
        """The same as `step` after `step`; with reset "after" by `ops.recurrence.over_time`, whose
        gradient is quicker.
        """
        if self.reset == "before":
            return super().over_time(carry, projected, mask, reverse)
        arrays = tuple(carry), projected, self.recurrent, self._bias(), mask
        last, outputs = over_time(gru.RULE, *arrays, reverse=reverse, dtype=self.dtype)
        return HiddenState(*last), outputs.astype(self.dtype)


class LSTM(nn.Module):
    """The long short-term memory: c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').

    [i; f; g; o] = [σ; σ; tanh; σ](W x + b + U h); no peepholes.

    Source: Hochreiter 1997, with forget gates (Gers 2000), as in Zaremba 2014. Sutskever 2014 cites
    Graves 2013, whose form has peepholes; like all implementations since, ours has none.

    Attributes:
      features: width of the state.
      initializers: `kernel`, `recurrent`, `bias` and `forget_bias` are used.
      dtype: of the matrix products.
    """

    features: int
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        self.input = _input_side(self, 4, self._bias)
        self.recurrent = _recurrent_side(self, "recurrent", 4)

    def _bias(self, key, shape, dtype=jnp.float32):
        forget = jnp.arange(shape[0]) // self.features == 1
        bias = self.initializers.bias(key, shape, dtype)
        return bias + self.initializers.forget_bias * forget.astype(dtype)

    def project(
        self, inputs: Float[Array, "*batch in_features"]
    ) -> Float[Array, "*batch gate_features"]:
        """W x + b of the four gates, for all steps at once."""
        return self.input(inputs)

    def step(
        self, carry: LSTMState, projected: Float[Array, "*batch gate_features"]
    ) -> tuple[LSTMState, Float[Array, "*batch features"]]:
        """The state after one step, and the output h'."""
        found = product(carry.hidden, self.recurrent, dtype=self.dtype)
        (hidden, cell), _ = lstm.step(tuple(carry), projected, found)
        return LSTMState(hidden, cell), hidden.astype(self.dtype)

    def over_time(
        self,
        carry: LSTMState,
        projected: Float[Array, "time batch gate_features"],
        mask: Bool[Array, "time batch"] | None,
        reverse: bool,
    ) -> tuple[LSTMState, Float[Array, "time batch features"]]:
        """The same as `step` after `step`, with a quicker gradient: `ops.recurrence.over_time`."""
        arrays = tuple(carry), projected, self.recurrent, None, mask
        last, outputs = over_time(lstm.RULE, *arrays, reverse=reverse, dtype=self.dtype)
        return LSTMState(*last), outputs.astype(self.dtype)

    def initial(self, batch_shape: tuple[int, ...]) -> LSTMState:
        """The zero state."""
        zeros = jnp.zeros((*batch_shape, self.features))
        return LSTMState(zeros, zeros)

    def carry_from(self, hidden: Float[Array, "*batch features"]) -> LSTMState:
        """A state with the given output and an empty cell."""
        return LSTMState(hidden.astype(jnp.float32), jnp.zeros_like(hidden, jnp.float32))


Cell = Vanilla | GRU | LSTM


def make_cell(
    kind: str,
    features: int,
    *,
    reset: str = "after",
    initializers: Initializers = HOUSE,
    dtype: Any = jnp.float32,
) -> Cell:
    """The cell of a kind: "vanilla", "gru" or "lstm"; `reset` concerns the GRU.

    Raises UserError for another kind.
    """
    match kind:
        case "vanilla":
            return Vanilla(features, initializers, dtype)
        case "gru":
            return GRU(features, reset, initializers, dtype)
        case "lstm":
            return LSTM(features, initializers, dtype)
    raise UserError(f"cell {kind!r} is unknown: choose vanilla, gru or lstm")


def _input_side(cell: Cell, gates: int, bias: Initializer) -> nn.Dense:
    return nn.Dense(
        gates * cell.features,
        dtype=cell.dtype,
        kernel_init=cell.initializers.kernel,
        bias_init=bias,
    )


def _recurrent_side(cell: Cell, name: str, gates: int) -> Array:
    shape = (cell.features, gates * cell.features)
    return cell.param(name, per_gate(cell.initializers.recurrent), shape)
