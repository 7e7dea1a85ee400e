"""Two programs timed in turn, and what is said of the times.

A B A B: what else the machine does, or how warm it is, changes slowly, and so for both alike.
"""

import statistics
from collections.abc import Callable
from typing import NamedTuple

Run = Callable[[int], list[float]]
"""So many steps -> the seconds of each."""


class Plan(NamedTuple):
    """How long to measure."""

    turns: int
    """Of each program."""
    seconds: float
    """That a turn should take, about."""


FULL, QUICK = Plan(5, 1.0), Plan(2, 0.2)


class Comparison(NamedTuple):
    """The times of two programs; a ratio above 1 says that ours is ahead."""

    ours: float
    """Seconds a step: the median over turns of each turn's median."""
    peer: float
    ratio: float
    """The peer's seconds over ours."""
    low: float
    """The smallest ratio of two turns beside each other."""
    high: float


def alternate(ours: Run, peer: Run, plan: Plan) -> tuple[list[float], list[float]]:
    """Median seconds a step of each turn of both, measured A B A B; a first step is not counted."""
    counts = [_steps(run, plan.seconds) for run in (ours, peer)]
    turns: tuple[list[float], list[float]] = ([], [])
    for _ in range(plan.turns):
        for run, count, medians in zip((ours, peer), counts, turns, strict=True):
            # The first after a pause finds the caches full of the other's arrays.
            medians.append(statistics.median(run(count + 1)[1:]))
    return turns


def compare(ours: list[float], peer: list[float]) -> Comparison:
    """What the turns of both say; see `Comparison`."""
    ratios = [theirs / own for own, theirs in zip(ours, peer, strict=True)]
    middle = statistics.median(ours), statistics.median(peer)
    return Comparison(*middle, middle[1] / middle[0], min(ratios), max(ratios))


def _steps(run: Run, seconds: float) -> int:
    """Steps that take so long, at least one."""
    return max(1, round(seconds / run(2)[-1]))
