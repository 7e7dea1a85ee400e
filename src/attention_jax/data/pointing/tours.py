"""The travelling salesman in the plane (Vinyals 2015, §4.4)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from attention_jax.data.pointing import held_karp, solver
from attention_jax.data.pointing.problem import Measured, Scored, Sized, mean


@dataclasses.dataclass(frozen=True)
class Tours(Sized):
    """Cities of the plane; to be said is the shortest closed tour through all of them.

    It begins with city 0 and goes round counter-clockwise: a shortest tour never crosses itself, so
    it has an inside. (The paper begins with the first city too, and does not say which way it
    goes.) Up to 12 cities it is optimal, by Held and Karp's algorithm; of more, what a solver
    finds.
    """

    name = "tours"
    coordinates = 2
    fewest = 3
    distinct = True
    spread = False
    main_metric = ("tour_length", "min")
    triples = False

    def least(self, points: int) -> int:
        return points

    def longest(self, points: int) -> int:
        return points + 1

    def solve(self, sets: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Raises UserError for more cities than 12 where no solver is installed."""
        answers: list[np.ndarray] = [np.zeros(0, np.int64)] * len(sets)
        sizes = np.array([len(points) for points in sets])
        for size in np.unique(sizes):
            alike = np.flatnonzero(sizes == size).tolist()
            points = np.stack([sets[n] for n in alike])
            if size > held_karp.MOST:
                found = np.stack([solver.solve(each) for each in points])
            else:
                found = held_karp.held_karp(points)
            for n, tour in zip(alike, told(points, found), strict=True):
                answers[n] = tour
        return answers

    def measure(self, points: np.ndarray, said: np.ndarray, answer: np.ndarray | None) -> Measured:
        """validity: every city once. tour_length: of a valid tour. optimal: of the right one."""
        valid = np.array_equal(np.sort(said), np.arange(len(points)))
        measured = {"validity": float(valid)}
        if valid:
            measured["tour_length"] = tour_length(points, said)
        if answer is not None:
            measured["optimal"] = tour_length(points, answer)
        return measured

    def score(self, measured: Sequence[Measured]) -> Scored:
        """validity; of the valid tours the mean tour_length, and the gap, what that is above the
        mean of the right answers to the same sets, as a share of it: 0.01 is 1 %.

        Without a valid tour there is neither.
        """
        metrics = {"validity": mean(measured, "validity")}
        valid = [one for one in measured if one["validity"]]
        if valid:
            metrics["tour_length"] = mean(valid, "tour_length")
        known = [one for one in valid if "optimal" in one]
        if known:
            metrics["tour_length/optimal"] = mean(known, "optimal")
            metrics["gap"] = mean(known, "tour_length") / metrics["tour_length/optimal"] - 1
        return Scored(metrics, {})


def tour_length(points: np.ndarray, tour: np.ndarray) -> float:
    """Σ_i |p_{i+1} - p_i| along the tour and back to its beginning; points [points, 2]."""
    stops = np.asarray(points, np.float64)[tour]
    return float(np.linalg.norm(stops - np.roll(stops, -1, axis=0), axis=-1).sum())


def told(points: np.ndarray, tours: np.ndarray) -> np.ndarray:
    """The same tours as they are to be said: from city 0, counter-clockwise.

    Cities on one line have no inside; their tour goes on as it came.

    Args:
      points: [*sets, cities, 2].
      tours: indices of all of them, [*sets, cities].
    """
    cities = np.arange(tours.shape[-1])
    turned = (tours.argmin(-1)[..., None] + cities) % len(cities)
    tours = np.take_along_axis(tours, turned, axis=-1)
    stops = np.take_along_axis(np.asarray(points, np.float64), tours[..., None], axis=-2)
    x, y = np.moveaxis(stops - stops[..., :1, :], -1, 0)
    twice_area = (x * np.roll(y, -1, axis=-1) - y * np.roll(x, -1, axis=-1)).sum(-1)
    back = np.concatenate([tours[..., :1], tours[..., :0:-1]], axis=-1)
    return np.where(twice_area[..., None] < 0, back, tours)


def varied(
    points: np.ndarray, tour: np.ndarray, words: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Another set with the same shortest tour: turned, reflected, and in another order.

    One of the eight symmetries of the unit square (quarter turns and reflections), and the cities
    in a random order, so that the tour begins elsewhere. It is told counter-clockwise again, and so
    in the other direction where the square was reflected.

    Args:
      points: [cities, 2] in the unit square.
      tour: indices of all of them.
      words: random ones, uint64 [1 + cities].

    Returns:
      points and tour.
    """
    which = int(words[0] >> np.uint64(61))
    turned = points[:, ::-1] if which & 1 else points
    turned = np.where([which & 2, which & 4], 1 - turned, turned).astype(points.dtype)
    order = np.argsort(words[1:], kind="stable")
    turned, tour = turned[order], np.argsort(order)[tour]
    return turned, told(turned, tour)
