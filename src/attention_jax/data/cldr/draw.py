"""What a template is: a way of drawing clauses."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from attention_jax.data.cldr.pieces import Piece

Item = TypeVar("Item")


class Dice:
    """Random choices that are the same under every version of Python.

    Only `random.Random.random` promises its sequence for good; choices are made from it.
    """

    def __init__(self, seed: int):
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random() < probability

    def below(self, end: int) -> int:
        """An integer from 0 to end - 1."""
        return int(self._random() * end)

    def between(self, first: int, last: int) -> int:
        """An integer from first to last."""
        return first + int(self._random() * (last + 1 - first))

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[int(self._random() * len(items))]

    def fraction(self) -> float:
        """A number from 0 to 1, 1 excluded."""
        return self._random()

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Different items, in the order drawn; there must be enough of them."""
        taken: list[int] = []
        while len(taken) < count:
            number = self.below(len(items))
            if number not in taken:
                taken.append(number)
        return [items[number] for number in taken]


class Clause(NamedTuple):
    """A piece, and the numbers and dates in it that can be held out of training."""

    piece: Piece
    keys: tuple[tuple[str, str], ...] = ()
    """(kind, value): ("number", "105"), ("date", "11-22")."""


Draw = Callable[[Dice], Clause]


class Template(NamedTuple):
    """A kind of clause."""

    name: str
    draw: Draw
    weight: float = 1.0
