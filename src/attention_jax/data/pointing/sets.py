"""Sets of points and their answers as flat arrays: a million of them are four arrays."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from attention_jax.data.memory_sequences import dice
from attention_jax.data.pointing.problem import Problem

BLOCK = 1000
"""Sets that are drawn and answered together."""


class Sets(NamedTuple):
    """Sets one after another; set n is between the sums of the sizes before and up to it."""

    points: np.ndarray
    """float32 [all points, coordinates]."""
    sizes: np.ndarray
    """Points of each set, int32 [sets]."""
    answers: np.ndarray
    """Positions, from 1, the end left out; int32 [all positions]. Empty where nobody knows."""
    lengths: np.ndarray
    """Positions of each answer, int32 [sets]."""

    @classmethod
    def pack(cls, points: Sequence[np.ndarray], answers: Sequence[np.ndarray] = ()) -> Self:
        """Of a list of sets, and of their answers as indices, from 0."""
        lengths = [len(answer) for answer in answers] or [0] * len(points)
        flat = np.concatenate([np.zeros(0, np.int64), *answers]) + 1
        return cls(
            np.concatenate(points).astype(np.float32),
            np.array([len(each) for each in points], np.int32),
            flat.astype(np.int32),
            np.array(lengths, np.int32),
        )

    @classmethod
    def join(cls, parts: Sequence["Sets"]) -> Self:
        """All sets of several."""
        return cls(*map(np.concatenate, zip(*parts, strict=True)))


def draw(
    problem: Problem, seed: int, stream: str, first: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sets first .. first + count - 1: points [count, max_points, coordinates], and their sizes.

    A set follows from the seed, the name of its stream, the most points there may be and its number
    alone. Coordinates are uniform in [0, 1); points beyond a set's size are 0.
    """
    most, coordinates = problem.max_points, problem.coordinates
    words = dice.random_words(
        seed, zlib.crc32(stream.encode()), first, count, 1 + most * coordinates
    )
    sizes = _sizes(problem, words[:, 0])
    points = dice.uniform(words[:, 1:]).astype(np.float32).reshape(count, most, coordinates)
    points[np.arange(most) >= sizes[:, None]] = 0
    return points, sizes


def _sizes(problem: Problem, words: np.ndarray) -> np.ndarray:
    low, high = problem.min_points, problem.max_points
    if not problem.log_uniform:
        return dice.integers(words, low, high)
    # Rounding may lift the largest draw to high + 1.
    drawn = low * ((high + 1) / low) ** dice.uniform(words)
    return np.minimum(drawn.astype(np.int64), high)


def answered(problem: Problem, seed: int, stream: str, first: int, count: int) -> Sets:
    """As `draw`, with the answer of each."""
    drawn, sizes = draw(problem, seed, stream, first, count)
    points = [each[:size] for each, size in zip(drawn, sizes, strict=True)]
    return Sets.pack(points, problem.solve(points))
