"""The Neural Turing Machine: a network with a tape (Graves, Wayne, Danihelka 2014).

At each step a controller sees the input x_t and what its heads read last, r_{t-1}; its output h_t
tells the heads where to look in the memory M_{t-1} and what to write, and is what the machine's
output y_t is a linear layer of. The heads read r_t, then write, which makes M_t. So the newest that
an output knows of the memory is r_{t-1}. Beside it `LSTMControl`, the paper's stacked LSTM without
a memory.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.cells import LSTM, LSTMState
from attention_jax.layers.controllers import FeedForward, StackedLSTM, first_state, repeat
from attention_jax.layers.initializers import HOUSE
from attention_jax.layers.memory import Memory, MemoryState
from attention_jax.layers.readout import Logits
from attention_jax.layers.recurrent import run
from attention_jax.typing import Array, Float, Key

CONTROLLERS = ("feed_forward", "lstm")


class Carry(NamedTuple):
    """All that passes from one step to the next; every leaf leads with the batch."""

    controller: tuple[LSTMState, ...]
    """A state a layer; none where the controller is feed-forward."""
    memory: MemoryState


class Machine(nn.Module):
    """One step of the machine without its output layer: all that waits for the step before.

    Attributes:
      controller: sees the input and what was read last.
      memory: with its heads.
    """

    controller: FeedForward | StackedLSTM
    memory: Memory

    def __call__(
        self, carry: Carry, projected: Float[Array, "batch in_features"]
    ) -> tuple[Carry, tuple[Float[Array, "batch features"], dict[str, Array]]]:
        """The next carry, and h_t with what happened in the memory (see `Memory`).

        `projected` is the controller's projection of the input.
        """
        before = carry.memory.read_vectors.reshape(projected.shape[0], -1)
        states, hidden = self.controller.step(carry.controller, projected, before)
        memory, happened = self.memory(carry.memory, hidden)
        return Carry(states, memory), (hidden, happened)


class NTM(nn.Module):
    """A vector in, scores of a binary vector out, at every step.

    Both faces give the same numbers: `__call__` runs all steps at once; `start` and `step` go one
    by one. A step depends on those before it alone: whatever follows a sequence, padding or
    another, changes nothing in it, and one compiled program serves all lengths. The defaults are
    the paper's sizes for copy: 128 slots of 20, one head of each kind, a controller of 100.

    Source: Graves 2014, §3 and §4.6; that the controller gives the output, and no head, is its
    figure 1. Departures: the memory starts at 1e-6 everywhere and the heads' first weights are
    learned (Collier & Beel 2018; the paper learns a first memory: "learned"); where the paper is
    silent see `layers.memory.Memory`.

    Attributes:
      outputs: bits of an output.
      controller: "feed_forward" or "lstm".
      hidden: units of each of the controller's layers, lowest first.
      read_heads: how many heads read.
      write_heads: how many heads write.
      slots: of the memory.
      word: numbers in a slot.
      max_shift: farthest that one step moves a head.
      shift: "softmax" over the integer shifts, or "scalar".
      initial: memory before the first step: "constant", "learned" or "random".
      dtype: of the matrix products; the memory stays float32.

    Raises UserError for a machine that cannot be.
    """

    outputs: int
    controller: str = "feed_forward"
    hidden: tuple[int, ...] = (100,)
    read_heads: int = 1
    write_heads: int = 1
    slots: int = 128
    word: int = 20
    max_shift: int = 1
    shift: str = "softmax"
    initial: str = "constant"
    dtype: Any = jnp.float32

    @property
    def samples(self) -> bool:
        """Whether `draws` are needed."""
        return self.initial == "random"

    def setup(self):
        if self.controller not in CONTROLLERS:
            raise UserError(
                f"controller {self.controller!r} is unknown: choose {' or '.join(CONTROLLERS)}"
            )
        if not self.hidden or min(self.hidden) < 1:
            raise UserError(
                f"hidden is {tuple(self.hidden)}: a controller needs at least one layer, of at "
                "least one unit"
            )
        kind = FeedForward if self.controller == "feed_forward" else StackedLSTM
        memory = Memory(
            slots=self.slots,
            word=self.word,
            read_heads=self.read_heads,
            write_heads=self.write_heads,
            max_shift=self.max_shift,
            shift=self.shift,
            initial=self.initial,
            dtype=self.dtype,
        )
        self.machine = Machine(kind(self.hidden, self.dtype), memory)
        self.logits = Logits(self.outputs, HOUSE, self.dtype)

    def __call__(
        self,
        inputs: Float[Array, "batch time channels"],
        *,
        weights: bool = False,
        draws: Key[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch time outputs"], dict[str, Array]]:
        """Scores of every step's bits.

        Args:
          inputs: what is on the input channels.
          weights: also return all that happened in the memory, see `Memory`; each array leads with
            [batch time].
          draws: for a "random" initial memory only: a random key an example, folded from its
            number in the data set, so that no other example changes it.

        Returns:
          logits in float32, and what happened (or {}).
        """
        # Time leads in the scan, which then slices without copies.
        projected = self.machine.controller.project(inputs.swapaxes(0, 1))

        def body(machine, carry, projected):
            following, (hidden, happened) = machine(carry, projected)
            return following, (hidden, happened if weights else {})

        # The backward pass makes a step again: kept are the carries only.
        scan = nn.scan(
            nn.remat(body, prevent_cse=False),
            variable_broadcast="params",
            split_rngs={"params": False},
        )
        carry = self.start(inputs.shape[0], draws=draws)
        _, (hidden, happened) = scan(self.machine, carry, projected)
        logits = self.logits(hidden.swapaxes(0, 1))
        return logits, {name: value.swapaxes(0, 1) for name, value in happened.items()}

    def start(self, batch: int, *, draws: Key[Array, " batch"] | None = None) -> Carry:
        """The state before the first step of `batch` sequences; `draws` as in `__call__`."""
        return Carry(
            self.machine.controller.start(batch), self.machine.memory.start(batch, draws=draws)
        )

    def step(
        self, carry: Carry, x: Float[Array, "batch channels"]
    ) -> tuple[Carry, Float[Array, "batch outputs"], dict[str, Array]]:
        """One step: the next carry, logits in float32, and all that happened in the memory."""
        projected = self.machine.controller.project(x)
        following, (hidden, happened) = self.machine(carry, projected)
        return following, self.logits(hidden), happened


class LSTMControl(nn.Module):
    """The paper's control: stacked LSTMs with no memory but their states.

    Every layer sees the input beside the outputs of the layer below, the output layer sees all
    layers, and first states are learned. The paper only says "three stacked hidden layers", but
    this is the wiring (Graves 2013's) that has exactly the numbers of parameters which it prints
    for copy, repeat copy, recall and N-grams.

    Source: Graves 2014, §4.6, table 3. Departure: no peepholes; as their numbers say, nor had they.

    Attributes:
      outputs: bits of an output.
      layers: how many.
      hidden: units of each.
      dtype: of the matrix products.
    """

    outputs: int
    layers: int = 3
    hidden: int = 256
    dtype: Any = jnp.float32

    def setup(self):
        self.cells = [LSTM(self.hidden, dtype=self.dtype) for _ in range(self.layers)]
        self.first = [first_state(self, depth, self.hidden) for depth in range(self.layers)]
        self.logits = Logits(self.outputs, HOUSE, self.dtype)

    def __call__(
        self, inputs: Float[Array, "batch time channels"], *, weights: bool = False
    ) -> tuple[Float[Array, "batch time outputs"], dict[str, Array]]:
        """Scores of every step's bits.

        Args:
          inputs: what is on the input channels.
          weights: accepted for the contract's sake; this model has none.

        Returns:
          logits in float32, and {}.
        """
        del weights
        outputs: list[Array] = []
        for cell, first in zip(self.cells, self.first, strict=True):
            seen = jnp.concatenate([inputs, *outputs[-1:]], axis=-1)
            carry = repeat(first, inputs.shape[0])
            outputs.append(run(cell, seen, None, carry, reverse=False)[1])
        return self.logits(jnp.concatenate(outputs, axis=-1)), {}
