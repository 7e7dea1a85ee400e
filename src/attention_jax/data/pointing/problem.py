"""What a problem about points is: sets of them, the answer of each, and how an answer is judged."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol, Self

import numpy as np

from attention_jax.errors import UserError

Measured = dict[str, float]
"""What is known of one answer, by name; what cannot be said of it is left out."""


class Scored(NamedTuple):
    """A split as people read it."""

    metrics: dict[str, float]
    notes: dict[str, str]
    """Metric -> how it came about, or why it is not there."""


class Problem(Protocol):
    """Sets of points of a kind, and their answers.

    An answer is a row of indices of points, from 0. In batches it is one of positions, where 0 is
    the end and index i is position i + 1.
    """

    @property
    def name(self) -> str: ...

    @property
    def coordinates(self) -> int:
        """Of a point."""
        ...

    @property
    def fewest(self) -> int:
        """Points that a set must have for there to be an answer."""
        ...

    @property
    def distinct(self) -> bool:
        """Whether equal points have no answer."""
        ...

    @property
    def spread(self) -> bool:
        """Whether points on one line have no answer."""
        ...

    @property
    def triples(self) -> bool:
        """Whether an answer is ascending triples, whose points recur; else no point comes twice."""
        ...

    @property
    def main_metric(self) -> tuple[str, str]:
        """Its name, and "max" or "min"."""
        ...

    @property
    def min_points(self) -> int: ...

    @property
    def max_points(self) -> int: ...

    @property
    def log_uniform(self) -> bool:
        """Whether small sets are drawn more often than large ones; see `Sized`."""
        ...

    def of_size(self, points: int) -> Self:
        """The same with sets of so many points."""
        ...

    def least(self, points: int) -> int:
        """Points that an answer has at least."""
        ...

    def longest(self, points: int) -> int:
        """Positions of the longest answer there can be, the end included."""
        ...

    def solve(self, sets: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The answer of each set [points, coordinates]."""
        ...

    def measure(self, points: np.ndarray, said: np.ndarray, answer: np.ndarray | None) -> Measured:
        """What is to be said of one answer.

        Args:
          points: [points, coordinates] in float64.
          said: indices.
          answer: the right ones; None where nobody knows them.
        """
        ...

    def score(self, measured: Sequence[Measured]) -> Scored:
        """Metrics of a split, whose answers were known."""
        ...


@dataclasses.dataclass(frozen=True)
class Sized:
    """How many points the sets of a problem have.

    Attributes:
      min_points: of a set.
      max_points: likewise; all numbers between are alike often.
      log_uniform: rather ranges in a ratio are, 5 to 9 as often as 10 to 19: a number of points n
        has the chance log((n + 1) / n) / log((max_points + 1) / min_points).

    Raises:
      UserError: for sizes that cannot be.
    """

    min_points: int = 5
    max_points: int = 5
    log_uniform: bool = False

    fewest: ClassVar[int]

    def __post_init__(self):
        if not self.fewest <= self.min_points <= self.max_points:
            raise UserError(
                f"config.problem.min_points is {self.min_points} and max_points is "
                f"{self.max_points}: give {self.fewest} or more, and no more at least than at most"
            )

    def of_size(self, points: int) -> Self:
        """The same with sets of so many points."""
        return dataclasses.replace(self, min_points=points, max_points=points, log_uniform=False)


def mean(measured: Sequence[Measured], name: str) -> float:
    """Of those that have it; there is one."""
    return float(np.mean([one[name] for one in measured if name in one]))
