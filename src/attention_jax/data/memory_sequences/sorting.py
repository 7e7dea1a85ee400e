"""Priority sort (Graves 2014, §4.5)."""

import dataclasses
from typing import Any, Self

import numpy as np

from attention_jax.data.memory_sequences import dice, written
from attention_jax.data.memory_sequences.tape import Sequences, Tape, answered
from attention_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class PrioritySort:
    """Vectors with priorities, and a delimiter; then those of highest priority are to be said, from
    the highest down.

    Priorities are uniform in [-1, 1], on a channel of their own.

    Attributes:
      bits: of a vector.
      length: vectors of a sequence.
      answers: how many of them are to be said.
    """

    bits: int = 8
    length: int = 20
    answers: int = 16

    digits = 0

    def __post_init__(self):
        if not 1 <= self.answers <= self.length:
            raise UserError(
                f"config.sequences.answers is {self.answers} and length is {self.length}: ask for "
                "1 vector or more, and for no more than there are"
            )

    @property
    def channels(self) -> int:
        return self.bits + 2

    @property
    def outputs(self) -> int:
        return self.bits

    @property
    def words(self) -> int:
        return self.length + dice.words_for(self.length * self.bits)

    @property
    def longest(self) -> int:
        return self.length

    def draw(self, words: np.ndarray, level: float = 1.0) -> Tape:
        priorities = 2 * dice.uniform(words[:, : self.length]) - 1
        vectors = dice.bits(words[:, self.length :], self.length, self.bits)
        return self._lay_out(vectors, priorities, self.answers)

    def longer(self) -> dict[str, Sequences]:
        return {"test_long": self.of_length(2 * self.length)}

    def of_length(self, length: int) -> Self:
        """The same share of the vectors is to be said."""
        answers = max(1, round(length * self.answers / self.length))
        return dataclasses.replace(self, length=length, answers=answers)

    def read(self, value: Any, name: str, limit: int) -> Tape:
        """A list of vectors, each with its priority behind its bits."""
        form = f"vectors of {self.bits} bits and a priority, as in [[0, 1, 0.5], [1, 1, -1]]"
        rows = written.vectors(value, self.bits + 1, name, form, numbers=1)
        answers = min(self.answers, len(rows))
        written.check_steps(len(rows) + 1 + answers, name, limit)
        return self._lay_out(rows[None, :, :-1], rows[None, :, -1], answers)

    def _lay_out(self, vectors: np.ndarray, priorities: np.ndarray, answers: int) -> Tape:
        batch, length = vectors.shape[:2]
        inputs = np.zeros((batch, length + 1 + answers, self.channels), np.float32)
        inputs[:, :length, : self.bits] = vectors
        inputs[:, :length, self.bits] = priorities
        inputs[:, length, self.bits + 1] = 1
        source = np.full(inputs.shape[:2], -1)
        source[:, length + 1 :] = np.argsort(-priorities, axis=-1, kind="stable")[:, :answers]
        return answered(inputs, source, self.bits, np.full(batch, length))
