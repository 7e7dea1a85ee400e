"""Measures how long sets of points take with their exact answers, on one core.

    python benchmarks/point_sets.py            prints the numbers, a record in JSON
    python benchmarks/point_sets.py --record   keeps them in docs/results/ too
    python benchmarks/point_sets.py --small    a trial, in seconds

Drawn, answered and packed, as they are prepared for training; not written. Nothing here runs in
more than one thread, so seconds are the processor's: other work on the machine is not in them.
"""

import time

import ml_collections

from attention_jax import benchmark
from attention_jax.data.pointing import Hulls, Problem, Sorting, Tours, Triangulations, sets
from attention_jax.data.pointing.sets import BLOCK


def sizes(small: bool) -> ml_collections.ConfigDict:
    """What is measured; the hash of it goes with the record."""
    return ml_collections.ConfigDict({"seed": 0, "sets": 1_000 if small else 100_000})


def problems() -> dict[str, Problem]:
    """Name of a metric -> whose sets."""
    return {
        "sorting_10": Sorting(10, 10),
        "hulls_5": Hulls(5, 5),
        "hulls_5_50": Hulls(5, 50),
        "triangulations_5": Triangulations(5, 5),
        "tours_5": Tours(5, 5),
        "tours_10": Tours(10, 10),
    }


def measure(config: ml_collections.ConfigDict) -> dict[str, float]:
    """Seconds of so many sets of each."""
    found = {}
    for name, problem in problems().items():
        began = time.process_time()
        for first in range(0, config.sets, BLOCK):
            sets.answered(problem, config.seed, "benchmark", first, BLOCK)
        found[f"seconds/{name}"] = time.process_time() - began
    return found


if __name__ == "__main__":
    benchmark.main(__doc__, "point_sets", "point_sets.py", sizes, measure, lambda metric: True)
