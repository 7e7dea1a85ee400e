"""Delaunay triangulations (Vinyals 2015, §4.3)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial import Delaunay

from attention_jax.data.pointing.problem import Measured, Scored, Sized, mean


@dataclasses.dataclass(frozen=True)
class Triangulations(Sized):
    """Points of the plane; to be said are the triangles of their Delaunay triangulation, no
    circumcircle of which has a point inside.

    A triangle is its three indices, ascending; triangles are ordered by their incentres, from left
    to right (and where that is equal from below), one after the other.
    """

    name = "delaunay"
    coordinates = 2
    fewest = 3
    distinct = True
    spread = True
    main_metric = ("coverage", "max")
    triples = True

    def least(self, points: int) -> int:
        return 3

    def longest(self, points: int) -> int:
        """Of n points of which h are corners of the hull there are 2n - 2 - h triangles."""
        return 3 * (2 * points - 5) + 1

    def solve(self, sets: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [triangles(points).reshape(-1) for points in sets]

    def measure(self, points: np.ndarray, said: np.ndarray, answer: np.ndarray | None) -> Measured:
        """accuracy: the triangles are the right ones, in whatever order, each once. coverage: the
        share of the right ones that were said.
        """
        if answer is None:
            return {}
        told, right = _sets(said), set(_sets(answer))
        whole = len(said) == 3 * len(told) and len(told) == len(right)
        found = len(right & set(told))
        return {
            "accuracy": float(whole and found == len(right)),
            "coverage": found / len(right),
        }

    def score(self, measured: Sequence[Measured]) -> Scored:
        return Scored({name: mean(measured, name) for name in ("accuracy", "coverage")}, {})


def triangles(points: np.ndarray) -> np.ndarray:
    """Indices [triangles, 3] of the Delaunay triangulation of points [points, 2].

    The incentre is the mean of the corners, each weighted by the length of the side opposite.
    """
    found = np.sort(Delaunay(points).simplices, axis=1)
    corners = np.asarray(points, np.float64)[found]
    opposite = np.linalg.norm(corners[:, [1, 2, 0]] - corners[:, [2, 0, 1]], axis=-1)
    weighted = (opposite[..., None] * corners).sum(1)
    x, y = (weighted / opposite.sum(-1, keepdims=True)).T
    return found[np.lexsort((y, x))]


def _sets(said: np.ndarray) -> list[frozenset[int]]:
    """The triangles of a row of indices; what is left over at its end is none."""
    whole = len(said) // 3 * 3
    return [frozenset(map(int, triple)) for triple in np.reshape(said[:whole], (-1, 3))]
