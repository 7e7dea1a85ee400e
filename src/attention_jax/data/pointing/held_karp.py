"""Optimal tours of a few cities, many sets at once (Held & Karp 1962).

Let C(S, j) be the length of the shortest path that begins at city 0, visits the cities S and ends
at one of them, j. Then C({j}, j) = d(0, j),

    C(S, j) = min_{i in S without j} C(S without j, i) + d(i, j),

and the shortest tour is min_j C(all, j) + d(j, 0). That is n² 2^n steps in place of n! tours; each
is done here for hundreds of sets together.
"""

import numpy as np

MOST = 12
"""Cities of a set: each more takes more than twice the time and the memory."""

_AT_ONCE = 512


def held_karp(points: np.ndarray) -> np.ndarray:
    """The shortest tour of each set: indices [sets, cities] that begin with 0.

    Of the two directions the one in which the tables were read back; see `tours.told`.

    Args:
      points: [sets, cities, coordinates], 3 to `MOST` cities.
    """
    cities = points.shape[1] - 1
    # C of what is not in a subset stays infinite, so that it is never a minimum.
    table = np.full((2**cities, cities, min(_AT_ONCE, len(points))), np.inf)
    parts = [points[n : n + _AT_ONCE] for n in range(0, len(points), _AT_ONCE)]
    return np.concatenate([_tours(part, table[..., : len(part)]) for part in parts])


def _tours(points: np.ndarray, table: np.ndarray) -> np.ndarray:
    points = np.asarray(points, np.float64)
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    distances = np.ascontiguousarray(np.moveaxis(apart, 0, -1))
    home, between = distances[0, 1:], np.ascontiguousarray(distances[1:, 1:])
    cities = len(home)
    for j in range(cities):
        table[1 << j, j] = home[j]
    lengths = np.empty_like(between[0])
    # A subset is a number whose bits are cities, and larger than each of its parts.
    for subset in range(1, 2**cities):
        for j in range(cities):
            before = subset & ~(1 << j)
            if before and before != subset:
                np.add(table[before], between[j], out=lengths)
                np.min(lengths, axis=0, out=table[subset, j])
    return _read_back(table, home, between)


def _read_back(table: np.ndarray, home: np.ndarray, between: np.ndarray) -> np.ndarray:
    """The tours whose lengths the table holds, from their last cities to city 0."""
    cities, sets = home.shape
    row = np.arange(sets)
    left = np.full(sets, 2**cities - 1)
    last = (table[-1] + home).argmin(0)
    tours = np.zeros((sets, cities + 1), np.int64)
    for place in range(cities, 0, -1):
        tours[:, place] = last + 1
        left &= ~(1 << last)
        if place > 1:
            last = (table[left, :, row] + between[last, :, row]).argmin(-1)
    return tours
