"""Dynamic N-grams (Graves 2014, §4.4)."""

import dataclasses
from typing import Any, Self

import numpy as np

from attention_jax.data.memory_sequences import dice, written
from attention_jax.data.memory_sequences.tape import Sequences, Tape
from attention_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class NGrams:
    """Bits by a table of chances that is drawn anew for each sequence; predict the next one.

    A bit is 1 with a chance that depends on the order - 1 bits before it; the chances come from
    Beta(1/2, 1/2). The first ones, which have fewer before them, are fair. A step sees the bit
    before (the first a 0) and is to say its own: every bit of the sequence is scored.

    Attributes:
      length: bits of a sequence.
      order: of the table; one of order 6 has 32 chances.
    """

    length: int = 200
    order: int = 6

    channels = 1
    outputs = 1
    digits = 3

    def __post_init__(self):
        if not 2 <= self.order <= self.length:
            raise UserError(
                f"config.sequences.order is {self.order} and length is {self.length}: choose an "
                "order from 2 on and no fewer bits than that"
            )

    @property
    def contexts(self) -> int:
        """Chances in the table."""
        return 2 ** (self.order - 1)

    @property
    def words(self) -> int:
        return self.contexts + self.length

    @property
    def longest(self) -> int:
        return self.length

    def draw(self, words: np.ndarray, level: float = 1.0) -> Tape:
        # The inverse of Beta(1/2, 1/2)'s distribution function.
        table = np.sin(np.pi / 2 * dice.uniform(words[:, : self.contexts])) ** 2
        throws = np.ascontiguousarray(dice.uniform(words[:, self.contexts :]).T)
        bits = throws < 0.5
        first = np.arange(len(words)) * self.contexts
        context = np.zeros(len(words), np.int64)
        for step in range(self.length):
            if step >= self.order - 1:
                np.less(throws[step], table.take(first + context), out=bits[step])
            context = (2 * context + bits[step]) % self.contexts
        return self._lay_out(bits.T)

    def longer(self) -> dict[str, Sequences]:
        return {"test_long": self.of_length(2 * self.length)}

    def of_length(self, length: int) -> Self:
        return dataclasses.replace(self, length=length)

    def read(self, value: Any, name: str, limit: int) -> Tape:
        """A list of bits; the one that comes after them is predicted too."""
        if not isinstance(value, list) or any(bit not in (0, 1) for bit in value):
            raise UserError(f"{name} cannot be used: give a list of bits, as in [0, 1, 1, 0, 1]")
        written.check_steps(len(value) + 1, name, limit)
        # Nobody knows the last one.
        return self._lay_out(np.array([*value, 0], bool)[None])

    def _lay_out(self, bits: np.ndarray) -> Tape:
        targets = bits[..., None].astype(np.float32)
        inputs = np.zeros_like(targets)
        inputs[:, 1:] = targets[:, :-1]
        length = np.full(len(bits), bits.shape[1], np.int32)
        source = np.full(bits.shape, -1, np.int32)
        return Tape(inputs, targets, np.ones(bits.shape, bool), source, length)
