"""Sorting: the order of numbers (Vinyals 2016, "Order Matters", §5.1)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from attention_jax.data.pointing.problem import Measured, Scored, Sized, mean


@dataclasses.dataclass(frozen=True)
class Sorting(Sized):
    """Numbers, uniform in [0, 1); to be said are their indices from the smallest to the largest."""

    name = "sorting"
    coordinates = 1
    fewest = 1
    distinct = False
    spread = False
    main_metric = ("exact_match", "max")
    triples = False

    def least(self, points: int) -> int:
        return points

    def longest(self, points: int) -> int:
        return points + 1

    def solve(self, sets: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.argsort(points[:, 0], kind="stable") for points in sets]

    def measure(self, points: np.ndarray, said: np.ndarray, answer: np.ndarray | None) -> Measured:
        """exact_match: every number is said once, and none before a smaller one."""
        each_once = np.array_equal(np.sort(said), np.arange(len(points)))
        return {"exact_match": float(each_once and bool((np.diff(points[said, 0]) >= 0).all()))}

    def score(self, measured: Sequence[Measured]) -> Scored:
        return Scored({"exact_match": mean(measured, "exact_match")}, {})
