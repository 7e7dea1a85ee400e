"""Good tours of more cities, by a solver: PyVRP's iterated local search (Wouda 2024).

Nobody proves that its tours are optimal. Of 50 sets of 20 cities none had a shorter one after ten
times as many iterations.
"""

import functools
from typing import Any

import numpy as np

from attention_jax.errors import UserError

_UNIT = 1_000_000  # The solver's distances are whole numbers.


def solve(points: np.ndarray) -> np.ndarray:
    """A short tour through points [cities, 2]: their indices, beginning with 0.

    Always the same for the same points and version of the solver.

    Raises:
      UserError: the solver is not installed.
    """
    pyvrp = _pyvrp(len(points))
    points = np.asarray(points, np.float64)
    size = np.ptp(points, axis=0).max()
    apart = np.linalg.norm(points[:, None] - points, axis=-1) / size * _UNIT
    model = pyvrp.Model()
    # Where a place lies means nothing to the search but the distances.
    places = [model.add_location(0, 0) for _ in points]
    model.add_depot(places[0])
    for place in places[1:]:
        model.add_client(place)
    model.add_vehicle_type()
    for start, row in zip(places, np.rint(apart).astype(np.int64).tolist(), strict=True):
        for end, distance in zip(places, row, strict=True):
            if start is not end:
                model.add_edge(start, end, distance=distance)
    stop = pyvrp.stop.MaxIterations(max(100, len(points) ** 2 // 4))
    found = model.solve(stop, seed=0, collect_stats=False, display=False)
    (route,) = found.best.routes()
    return np.array([0, *(visit.idx + 1 for visit in route if visit.is_client())])


@functools.cache
def version() -> str:
    """Of the solver; empty where there is none."""
    from importlib import metadata

    try:
        return metadata.version("pyvrp")
    except metadata.PackageNotFoundError:
        return ""


def _pyvrp(cities: int) -> Any:
    try:
        import pyvrp
        import pyvrp.stop
    except ImportError:
        raise UserError(
            f"tours of {cities} cities need a solver, which is not installed: "
            "pip install attention-jax[tsp], or take up to 12 cities"
        ) from None
    return pyvrp
