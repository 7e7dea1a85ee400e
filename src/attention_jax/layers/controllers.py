"""Controllers of a memory: what stands between the input, what was read, and the heads.

In two phases as the cells: `project` the inputs of all steps at once, then `step`, which sees what
was read a step ago. Products run in `dtype`; parameters and the carry stay float32.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.cells import LSTM, LSTMState
from attention_jax.typing import Array, Float


class FeedForward(nn.Module):
    """h_t = tanh(W x_t + V r_{t-1} + b), and more such layers on top: all it remembers is on tape.

    The paper names no activation.

    Attributes:
      hidden: units of each layer, lowest first.
      dtype: of the matrix products.
    """

    hidden: tuple[int, ...]
    dtype: Any = jnp.float32

    def setup(self):
        self.input = nn.Dense(self.hidden[0], dtype=self.dtype)
        self.read = nn.Dense(self.hidden[0], use_bias=False, dtype=self.dtype)
        self.deeper = [nn.Dense(features, dtype=self.dtype) for features in self.hidden[1:]]

    def project(
        self, inputs: Float[Array, "*batch channels"]
    ) -> Float[Array, "*batch in_features"]:
        """W x + b, for all steps at once."""
        return self.input(inputs)

    def start(self, batch: int) -> tuple[LSTMState, ...]:
        """Nothing."""
        return ()

    def step(
        self,
        carry: tuple[LSTMState, ...],
        projected: Float[Array, "batch in_features"],
        read: Float[Array, "batch read_features"],
    ) -> tuple[tuple[LSTMState, ...], Float[Array, "batch features"]]:
        """The same nothing, and h_t."""
        hidden = jnp.tanh(projected + self.read(read))
        for layer in self.deeper:
            hidden = jnp.tanh(layer(hidden))
        return carry, hidden


class StackedLSTM(nn.Module):
    """LSTM layers, the lowest of which sees x_t and r_{t-1}. First states are learned.

    Attributes:
      hidden: units of each layer, lowest first.
      dtype: of the matrix products.
    """

    hidden: tuple[int, ...]
    dtype: Any = jnp.float32

    def setup(self):
        self.cells = [LSTM(features, dtype=self.dtype) for features in self.hidden]
        self.read = nn.Dense(4 * self.hidden[0], use_bias=False, dtype=self.dtype)
        self.first = [first_state(self, depth, size) for depth, size in enumerate(self.hidden)]

    def project(
        self, inputs: Float[Array, "*batch channels"]
    ) -> Float[Array, "*batch in_features"]:
        """W x + b of the lowest layer's gates, for all steps at once."""
        return self.cells[0].project(inputs)

    def start(self, batch: int) -> tuple[LSTMState, ...]:
        """The learned states."""
        return tuple(repeat(state, batch) for state in self.first)

    def step(
        self,
        carry: tuple[LSTMState, ...],
        projected: Float[Array, "batch in_features"],
        read: Float[Array, "batch read_features"],
    ) -> tuple[tuple[LSTMState, ...], Float[Array, "batch features"]]:
        """Every layer's next state, and h_t, the top layer's output."""
        first, output = self.cells[0].step(carry[0], projected + self.read(read))
        following = [first]
        for cell, state in zip(self.cells[1:], carry[1:], strict=True):
            state, output = cell.step(state, cell.project(output))
            following.append(state)
        return tuple(following), output


def first_state(module: nn.Module, depth: int, features: int) -> LSTMState:
    """The learned state of a layer before the first step, parameters of `module`; starts at zero.

    Source: Graves 2014, §4.6.
    """
    zeros = nn.initializers.zeros
    names = (f"first_{part}_{depth}" for part in LSTMState._fields)
    return LSTMState(*(module.param(name, zeros, (features,)) for name in names))


def repeat(state: LSTMState, batch: int) -> LSTMState:
    """The same state [features] for each sequence of a batch."""
    return LSTMState(*(jnp.broadcast_to(part, (batch, *part.shape)) for part in state))
