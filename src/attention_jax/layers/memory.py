"""A memory with heads that read and write it: the Neural Turing Machine without its controller."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.initializers import HOUSE, Initializer, Initializers
from attention_jax.layers.readout import Logits
from attention_jax.ops import addressing
from attention_jax.typing import Array, Float, Key

SHIFTS = ("softmax", "scalar")
INITIALS = ("constant", "learned", "random")
_EMPTY = 1e-6
_scattered: Initializer = nn.initializers.truncated_normal(0.5)


def _on_the_first_slot(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Scores whose softmax is 0.9 on the first slot.

    Even weights on equal slots would stay even for ever: no gradient tells slots apart. And a head
    that begins at two places goes on at both, until a long sequence from one runs into the other.
    """
    return jnp.zeros(shape, dtype).at[..., 0].set(jnp.log(9.0 * shape[-1]))


def _one_more(initializer: Initializer, places: slice) -> Initializer:
    """The initialiser's numbers, and 1 more at some places."""

    def init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        return initializer(key, shape, dtype).at[places].add(1.0)

    return init


class MemoryState(NamedTuple):
    """What passes from one step to the next; float32. Reading heads come before writing ones."""

    memory: Float[Array, "batch word slots"]
    weights: Float[Array, "batch heads slots"]
    read_vectors: Float[Array, "batch read_heads word"]


class HeadParameters(NamedTuple):
    """What the controller tells the heads, each value within its range; float32."""

    key: Float[Array, "batch heads word"]
    """tanh: the cosine feels its direction only."""
    strength: Float[Array, "batch heads"]
    """softplus: at least 0."""
    gate: Float[Array, "batch heads"]
    """sigmoid."""
    shifts: Float[Array, "batch heads shifts"]
    """A distribution over -max_shift .. max_shift."""
    sharpening: Float[Array, "batch heads"]
    """1 + softplus: at least 1."""
    erase: Float[Array, "batch write_heads word"]
    """sigmoid."""
    add: Float[Array, "batch write_heads word"]
    """tanh: what one step writes is of order one."""


class Memory(nn.Module):
    """One step: all heads look at M_{t-1}, reading ones read it, writing ones make M_t of it.

    One matrix product of the controller's output gives the parameters of all heads; each head has
    its own columns. `Memory(state, hidden)` is the step, `start` the state before the first.

    Source: Graves 2014, §3. Where the paper leaves it open: what is read is M_{t-1}, the memory
    before this step's writing, so that all heads compare their keys with one memory; the ranges are
    those of `HeadParameters`, as in Collier & Beel 2018; a scalar shift is max_shift · tanh, where
    the paper bounds it nowhere; all heads begin with a bias of 1 for going on by one slot. Without
    it each begins in a direction of its own, and some seeds do not learn to copy.

    Attributes:
      slots: how many there are (the paper's N).
      word: numbers in a slot (M).
      read_heads: how many read.
      write_heads: how many write.
      max_shift: farthest that one step moves a head along the slots, in either direction.
      shift: "softmax" over the 2 max_shift + 1 integer shifts, or "scalar".
      initial: the memory before the first step is "constant" (1e-6 everywhere), "learned", or
        "random", drawn anew for every sequence from N(0, 0.5²), cut off at two standard deviations
        (Collier & Beel 2018). The heads' first weights, which begin with nine tenths on the first
        slot, and first read vectors are learned in any case.
      initializers: `kernel` and `bias` of the product.
      dtype: of the product; the memory and all weights are float32.

    Raises UserError for a memory or heads that cannot be, for another `shift` or `initial`.
    """

    slots: int = 128
    word: int = 20
    read_heads: int = 1
    write_heads: int = 1
    max_shift: int = 1
    shift: str = "softmax"
    initial: str = "constant"
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        self._check()
        heads, each = self.read_heads + self.write_heads, sum(self._widths())
        width = heads * each + self.write_heads * 2 * self.word
        onward = sum(self._widths()[:3]) + (self.max_shift + 1 if self.shift == "softmax" else 0)
        places = slice(onward, heads * each if self.max_shift else 0, each)
        bias = _one_more(self.initializers.bias, places)
        self.heads = Logits(width, self.initializers._replace(bias=bias), self.dtype)
        self.first_weights = self.param("first_weights", _on_the_first_slot, (heads, self.slots))
        self.first_read_vectors = self.param(
            "first_read_vectors", nn.initializers.zeros, (self.read_heads, self.word)
        )
        if self.initial == "learned":
            self.first_memory = self.param("first_memory", _scattered, (self.word, self.slots))

    def _check(self) -> None:
        for name in ("slots", "word", "read_heads", "write_heads"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}: a memory needs at least one")
        if self.max_shift < 0:
            raise UserError(f"max_shift is {self.max_shift}: set it to 0 (no shift) or more")
        if 2 * self.max_shift + 1 > self.slots:
            raise UserError(
                f"shifts of -{self.max_shift} to {self.max_shift} need "
                f"{2 * self.max_shift + 1} slots and the memory has {self.slots}: lower max_shift "
                "or raise slots"
            )
        if self.shift not in SHIFTS:
            raise UserError(f"shift {self.shift!r} is unknown: choose {' or '.join(SHIFTS)}")
        if self.initial not in INITIALS:
            raise UserError(f"initial {self.initial!r} is unknown: choose {', '.join(INITIALS)}")

    def _widths(self) -> tuple[int, ...]:
        """Of key, strength, gate, shifts and sharpening."""
        shifts = 1 if self.shift == "scalar" else 2 * self.max_shift + 1
        return self.word, 1, 1, shifts, 1

    def start(self, batch: int, draws: Key[Array, " batch"] | None = None) -> MemoryState:
        """The state before the first step; `draws`, a random key a sequence, for "random" only.

        Raises UserError for "random" without draws.
        """
        shape = (self.word, self.slots)
        if self.initial == "random":
            if draws is None:
                raise UserError(
                    "initial 'random' draws every sequence its memory: pass draws, a random key "
                    "for each"
                )
            memory = jax.vmap(lambda key: _scattered(key, shape))(draws)
        elif self.initial == "learned":
            memory = jnp.broadcast_to(self.first_memory, (batch, *shape))
        else:
            memory = jnp.full((batch, *shape), _EMPTY)
        weights = jax.nn.softmax(self.first_weights)
        return MemoryState(
            memory,
            jnp.broadcast_to(weights, (batch, *weights.shape)),
            jnp.broadcast_to(self.first_read_vectors, (batch, self.read_heads, self.word)),
        )

    def __call__(
        self, state: MemoryState, hidden: Float[Array, "batch features"]
    ) -> tuple[MemoryState, dict[str, Array]]:
        """The state after one step, and all that happened in it.

        Returns:
          the state, and by name: "read" [batch read_heads slots] and "write" weights,
          "read_vectors" [batch read_heads word], "erase" and "add" [batch write_heads word]; of all
          heads, reading ones first, the weights after each stage, "content", "gated", "shifted" and
          "sharpened" [batch heads slots], "key_strength", "gate" and "sharpening" [batch heads],
          "shift" [batch heads shifts].
        """
        told = self.tell(hidden)
        stages = addressing.address(
            state.memory,
            state.weights,
            key=told.key,
            strength=told.strength,
            gate=told.gate,
            shifts=told.shifts,
            sharpening=told.sharpening,
        )
        reading, writing = jnp.split(stages.sharpened, [self.read_heads], axis=-2)
        read_vectors = addressing.read(reading, state.memory)
        memory = addressing.erase(state.memory, writing, told.erase)
        memory = addressing.add(memory, writing, told.add)
        happened = {
            "read": reading,
            "write": writing,
            "read_vectors": read_vectors,
            "erase": told.erase,
            "add": told.add,
            **stages._asdict(),
            "key_strength": told.strength,
            "gate": told.gate,
            "shift": told.shifts,
            "sharpening": told.sharpening,
        }
        return MemoryState(memory, stages.sharpened, read_vectors), happened

    def tell(self, hidden: Float[Array, "batch features"]) -> HeadParameters:
        """Every head's parameters, from one product."""
        raw = self.heads(hidden)
        batch, heads = raw.shape[0], self.read_heads + self.write_heads
        widths = self._widths()
        addresses, writes = jnp.split(raw, [heads * sum(widths)], axis=-1)
        ends = [sum(widths[:n]) for n in range(1, len(widths))]
        parts = jnp.split(addresses.reshape(batch, heads, -1), ends, axis=-1)
        key, strength, gate, shifts, sharpening = parts
        writes = writes.reshape(batch, self.write_heads, 2, self.word)
        if self.shift == "scalar":
            amount = self.max_shift * jnp.tanh(shifts[..., 0])
            shifts = addressing.shifts_from_scalar(amount, self.max_shift)
        else:
            shifts = addressing.shifts_from_scores(shifts)
        return HeadParameters(
            key=jnp.tanh(key),
            strength=jax.nn.softplus(strength[..., 0]),
            gate=jax.nn.sigmoid(gate[..., 0]),
            shifts=shifts,
            sharpening=1 + jax.nn.softplus(sharpening[..., 0]),
            erase=jax.nn.sigmoid(writes[:, :, 0]),
            add=jnp.tanh(writes[:, :, 1]),
        )
