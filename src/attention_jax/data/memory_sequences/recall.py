"""Associative recall (Graves 2014, §4.3)."""

import dataclasses
from typing import Any, Self

import numpy as np

from attention_jax.data.memory_sequences import dice, written
from attention_jax.data.memory_sequences.tape import Sequences, Tape, answered, check_range
from attention_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class AssociativeRecall:
    """Items of a few vectors, each behind a delimiter; one of them again, between two query
    delimiters; then the item that came after it is to be said.

    Attributes:
      bits: of a vector.
      item: vectors of an item.
      min_items, max_items: of a sequence; what is asked for is any but the last.
    """

    bits: int = 6
    item: int = 3
    min_items: int = 2
    max_items: int = 6

    digits = 0

    def __post_init__(self):
        check_range("items", self.min_items, self.max_items, least=2)
        if self.item < 1:
            raise UserError(f"config.sequences.item is {self.item}: an item has a vector or more")

    @property
    def channels(self) -> int:
        return self.bits + 2

    @property
    def outputs(self) -> int:
        return self.bits

    @property
    def words(self) -> int:
        return 2 + dice.words_for(self.max_items * self.item * self.bits)

    @property
    def longest(self) -> int:
        return self.max_items

    def draw(self, words: np.ndarray, level: float = 1.0) -> Tape:
        counts = dice.integers(words[:, 0], self.min_items, self.max_items, level)
        query = (dice.uniform(words[:, 1]) * (counts - 1)).astype(np.int64)
        vectors = dice.bits(words[:, 2:], self.max_items * self.item, self.bits)
        items = vectors.reshape(len(words), self.max_items, self.item, self.bits)
        return self._lay_out(items, counts, query)

    def longer(self) -> dict[str, Sequences]:
        return {"test_long": self.of_length(2 * self.max_items)}

    def of_length(self, length: int) -> Self:
        """So many items."""
        return dataclasses.replace(self, min_items=length, max_items=length)

    def read(self, value: Any, name: str, limit: int) -> Tape:
        """A list of the vectors of all items and, behind them, of the query."""
        form = (
            f"a list of vectors of {self.bits} bits, {self.item} to an item, of which the last "
            "is the one asked for"
        )
        vectors = written.vectors(value, self.bits, name, form)
        if len(vectors) % self.item or len(vectors) < 3 * self.item:
            raise UserError(f"{name} has {len(vectors)} vectors: give {form}, three items or more")
        *items, query = vectors.reshape(-1, self.item, self.bits)
        written.check_steps(self._steps(len(items)), name, limit)
        found = [place for place, item in enumerate(items[:-1]) if (item == query).all()]
        if not found:
            raise UserError(
                f"{name} asks what follows an item that is not there, or is the last: end it with "
                "one of the items before the last"
            )
        return self._lay_out(np.array(items)[None], np.array([len(items)]), np.array(found[:1]))

    def _steps(self, count: int) -> int:
        return (1 + self.item) * count + 2 + 2 * self.item

    def _lay_out(self, items: np.ndarray, counts: np.ndarray, query: np.ndarray) -> Tape:
        batch, most = items.shape[:2]
        inputs = np.zeros((batch, self._steps(most), self.channels), np.float32)
        each = 1 + self.item
        real = np.arange(most) < counts[:, None]
        inputs[:, : each * most : each, self.bits] = real
        for place in range(self.item):
            seen = items[:, :, place] * real[..., None]
            inputs[:, 1 + place : each * most : each, : self.bits] = seen
        rows, asked = np.arange(batch), each * counts
        inputs[rows, asked, self.bits + 1] = 1
        inputs[rows, asked + each, self.bits + 1] = 1
        steps = asked[:, None] + 1 + np.arange(self.item)
        inputs[rows[:, None], steps, : self.bits] = items[rows, query]
        place = np.arange(inputs.shape[1]) - (asked + each + 1)[:, None]
        first = (each * (query + 1) + 1)[:, None]
        source = np.where((place >= 0) & (place < self.item), first + place, -1)
        return answered(inputs, source, self.bits, counts)
