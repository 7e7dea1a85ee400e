"""Copy and repeat copy (Graves 2014, §4.1 and §4.2)."""

import dataclasses
from typing import Any, Self

import numpy as np

from attention_jax.data.memory_sequences import dice, written
from attention_jax.data.memory_sequences.tape import (
    Sequences,
    Tape,
    answered,
    check_range,
    put_vectors,
)
from attention_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class Copy:
    """Vectors of random bits, a delimiter; then the same vectors are to be said.

    Attributes:
      bits: of a vector.
      min_length, max_length: vectors of a sequence, all lengths alike often.
    """

    bits: int = 8
    min_length: int = 1
    max_length: int = 20

    digits = 0

    def __post_init__(self):
        check_range("length", self.min_length, self.max_length)

    @property
    def channels(self) -> int:
        return self.bits + 1

    @property
    def outputs(self) -> int:
        return self.bits

    @property
    def words(self) -> int:
        return 1 + dice.words_for(self.max_length * self.bits)

    @property
    def longest(self) -> int:
        return self.max_length

    def draw(self, words: np.ndarray, level: float = 1.0) -> Tape:
        lengths = dice.integers(words[:, 0], self.min_length, self.max_length, level)
        return self._lay_out(dice.bits(words[:, 1:], self.max_length, self.bits), lengths)

    def longer(self) -> dict[str, Sequences]:
        return {"test_long": self.of_length(2 * self.max_length)}

    def of_length(self, length: int) -> Self:
        return dataclasses.replace(self, min_length=length, max_length=length)

    def read(self, value: Any, name: str, limit: int) -> Tape:
        """A list of vectors."""
        form = f"a list of vectors of {self.bits} bits, as in [[0, 1], [1, 1]]"
        vectors = written.vectors(value, self.bits, name, form)
        written.check_steps(2 * len(vectors) + 1, name, limit)
        return self._lay_out(vectors[None], np.array([len(vectors)]))

    def _lay_out(self, vectors: np.ndarray, lengths: np.ndarray) -> Tape:
        batch, longest = vectors.shape[:2]
        inputs = np.zeros((batch, 2 * longest + 1, self.channels), np.float32)
        put_vectors(inputs, vectors, lengths)
        inputs[np.arange(batch), lengths, self.bits] = 1
        place = np.arange(inputs.shape[1]) - lengths[:, None] - 1
        source = np.where((place >= 0) & (place < lengths[:, None]), place, -1)
        return answered(inputs, source, self.bits, lengths)


@dataclasses.dataclass(frozen=True)
class RepeatCopy:
    """Vectors, and how often to say them; after that an end marker is to be said.

    The number stands on a channel of its own, with mean 0 and variance 1 over the trained range. A
    delimiter comes with it, which the paper does not mention: a number may well be 0.

    Attributes:
      bits: of a vector; the end marker is one more bit of the output.
      min_length, max_length: vectors of a sequence.
      min_repeats, max_repeats: how often they are to be said.
      normalised_over: the range of repeats that mean and variance are of; None: this one.
    """

    bits: int = 6
    min_length: int = 1
    max_length: int = 10
    min_repeats: int = 1
    max_repeats: int = 10
    normalised_over: tuple[int, int] | None = None

    digits = 0

    def __post_init__(self):
        check_range("length", self.min_length, self.max_length)
        check_range("repeats", self.min_repeats, self.max_repeats)

    @property
    def channels(self) -> int:
        return self.bits + 2

    @property
    def outputs(self) -> int:
        return self.bits + 1

    @property
    def words(self) -> int:
        return 2 + dice.words_for(self.max_length * self.bits)

    @property
    def longest(self) -> int:
        return self.max_length

    def draw(self, words: np.ndarray, level: float = 1.0) -> Tape:
        lengths = dice.integers(words[:, 0], self.min_length, self.max_length, level)
        repeats = dice.integers(words[:, 1], self.min_repeats, self.max_repeats, level)
        vectors = dice.bits(words[:, 2:], self.max_length, self.bits)
        return self._lay_out(vectors, lengths, repeats, self.max_repeats)

    def longer(self) -> dict[str, Sequences]:
        """Twice as long, or twice as often, and as often or as long as trained at most."""
        often = 2 * self.max_repeats
        known = self.of_length(self.max_length)
        return {
            "test_long": self.of_length(2 * self.max_length),
            "test_repeats": dataclasses.replace(known, min_repeats=often, max_repeats=often),
        }

    def of_length(self, length: int) -> Self:
        """Said as often as was trained at most."""
        return dataclasses.replace(
            self,
            min_length=length,
            max_length=length,
            min_repeats=self.max_repeats,
            normalised_over=self._range,
        )

    def read(self, value: Any, name: str, limit: int) -> Tape:
        """Vectors and a number."""
        form = (
            f"vectors of {self.bits} bits and a number, as in "
            '{"vectors": [[0, 1], [1, 1]], "repeats": 2}'
        )
        if not isinstance(value, dict) or value.keys() != {"vectors", "repeats"}:
            raise UserError(f"{name} cannot be used: give {form}")
        vectors = written.vectors(value["vectors"], self.bits, name, form)
        repeats = value["repeats"]
        if not isinstance(repeats, int) or repeats < 1:
            raise UserError(f"{name} is to be said {repeats!r} times: give a number from 1 on")
        written.check_steps(len(vectors) * (1 + repeats) + 2, name, limit)
        return self._lay_out(vectors[None], np.array([len(vectors)]), np.array([repeats]), repeats)

    @property
    def _range(self) -> tuple[int, int]:
        return self.normalised_over or (self.min_repeats, self.max_repeats)

    def _lay_out(
        self, vectors: np.ndarray, lengths: np.ndarray, repeats: np.ndarray, most: int
    ) -> Tape:
        batch, longest = vectors.shape[:2]
        inputs = np.zeros((batch, longest * (1 + most) + 2, self.channels), np.float32)
        put_vectors(inputs, vectors, lengths)
        low, high = self._range
        # The variance of a uniform variable over n integers is (n² - 1) / 12.
        deviation = (((high - low + 1) ** 2 - 1) / 12) ** 0.5 or 1.0
        rows = np.arange(batch)
        inputs[rows, lengths, self.bits] = 1
        inputs[rows, lengths, self.bits + 1] = (repeats - (low + high) / 2) / deviation
        place = np.arange(inputs.shape[1]) - lengths[:, None] - 1
        end = (lengths * repeats)[:, None]
        source = np.where((place >= 0) & (place < end), place % lengths[:, None], -1)
        tape = answered(inputs, source, self.bits, lengths)
        marker = (place == end)[..., None].astype(np.float32)
        return tape._replace(
            targets=np.concatenate([tape.targets, marker], axis=-1),
            scored=tape.scored | (place == end),
        )
