"""Convex hulls (Vinyals 2015, §4.2)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.spatial import ConvexHull

from attention_jax.data.pointing.problem import Measured, Scored, Sized, mean

FAIL = 0.01
"""Share of polygons that are not simple above which the paper reports no area."""


@dataclasses.dataclass(frozen=True)
class Hulls(Sized):
    """Points of the plane; to be said are the corners of their convex hull, counter-clockwise from
    the one with the lowest index.
    """

    max_points: int = 50

    name = "convex_hull"
    coordinates = 2
    fewest = 3
    distinct = True
    spread = True
    main_metric = ("accuracy", "max")
    triples = False

    def least(self, points: int) -> int:
        return 3

    def longest(self, points: int) -> int:
        return points + 1

    def solve(self, sets: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [hull(points) for points in sets]

    def measure(self, points: np.ndarray, said: np.ndarray, answer: np.ndarray | None) -> Measured:
        """simple: the polygon's sides do not meet. accuracy: it is the hull, wherever it begins and
        whichever way it goes. area: the share of the hull's that a simple polygon covers.
        """
        simple = is_simple(points[said])
        measured = {"simple": float(simple)}
        if answer is not None:
            measured["accuracy"] = float(same_polygon(said, answer))
            if simple:
                # Its corners are points of the set, so all of it lies within the hull.
                measured["area"] = area(points[said]) / area(points[answer])
        return measured

    def score(self, measured: Sequence[Measured]) -> Scored:
        """accuracy; failures, the share of polygons that are not simple; area, the mean over those
        that are, and not there where more than 1 % are not (the paper's FAIL).
        """
        failures = float(np.mean([not one["simple"] for one in measured]))
        metrics = {"accuracy": mean(measured, "accuracy"), "failures": failures}
        if failures > FAIL:
            return Scored(metrics, {"area": f"FAIL: {failures:.1%} are no simple polygons"})
        return Scored(metrics | {"area": mean(measured, "area")}, {})


def hull(points: np.ndarray) -> np.ndarray:
    """The corners' indices, counter-clockwise from the lowest one; points [points, 2]."""
    corners = ConvexHull(points).vertices
    first = int(corners.argmin())
    # As np.roll, which takes a seventh of the hull's time.
    return np.concatenate([corners[first:], corners[:first]])


def same_polygon(said: np.ndarray, answer: np.ndarray) -> bool:
    """Whether two rows of indices go round the same polygon, in either direction."""
    if len(said) != len(answer) or set(said) != set(answer):
        return False
    forth = np.roll(said, -int(np.flatnonzero(said == answer[0])[0]))
    return bool((forth == answer).all() or (np.roll(forth[::-1], 1) == answer).all())


def area(polygon: np.ndarray) -> float:
    """What a simple polygon [corners, 2] encloses: |Σ x_i y_{i+1} - x_{i+1} y_i| / 2."""
    # From its first corner, lest large coordinates drown the area.
    x, y = (polygon - polygon[0]).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def is_simple(polygon: np.ndarray) -> bool:
    """Whether the sides of a polygon [corners, 2] meet nowhere but at the corners that they share.

    Two segments meet where each has ends on both sides of the other (or on its line), and the boxes
    around them overlap.
    """
    count = len(polygon)
    if count < 3 or len(np.unique(polygon, axis=0)) < count:
        return False
    start, end = polygon, np.roll(polygon, -1, axis=0)
    along = end - start
    # Of side i and the start or end of side j, [i, j].
    of_start = _cross(along[:, None], start - start[:, None])
    of_end = _cross(along[:, None], end - start[:, None])
    astride = of_start * of_end <= 0
    low, high = np.minimum(start, end), np.maximum(start, end)
    boxes = ((low[:, None] <= high) & (low <= high[:, None])).all(-1)
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    neighbours = (apart <= 1) | (apart == count - 1)
    if (astride & astride.T & boxes & ~neighbours).any():
        return False
    # Neighbours share a corner; they share more only where one turns back on the other.
    following = np.roll(along, -1, axis=0)
    back = (_cross(along, following) == 0) & ((along * following).sum(-1) < 0)
    return not back.any()


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of vectors in the plane: positive where b is to the left of a."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
