"""A row: first whether both sides compute the same, then how long each takes."""

import tempfile
from typing import Any, NamedTuple

from benchmarks import equal_work, timing
from benchmarks.workers import Worker


class Measured(NamedTuple):
    """What was found of a row."""

    times: timing.Comparison
    way: dict[str, Any]
    """Of the peer: see `peers.work.Peer.choose`."""
    prepared: "Prepared"
    first: tuple[float, float] | None = None
    """Seconds of our first step, with nothing compiled before, and in another process, with what
    that one compiled; None for a quick look."""
    memory: tuple[float, float] | None = None
    """Peak bytes of our process and of the peer's while they step; None for a quick look."""


class Prepared(NamedTuple):
    """What is known of a row before it is timed."""

    given: dict[str, Any]
    """What the peer is built from: see `ours.work.Ours.hand_over`."""
    difference: float
    """The largest between the two sides; see `equal_work`."""
    flops: int
    """Of a step, by our program."""
    first: float
    """Seconds of our first step."""

    @property
    def sizes(self) -> dict[str, Any]:
        """Of the system and its batch."""
        shapes = {name: list(x.shape) for name, x in self.given["batch"].items()}
        return self.given["sizes"] | {"batch": shapes}


def measure(row: str) -> Measured:
    """A row in full.

    Raises:
      UnequalWork: the sides compute different things; nothing was timed.
    """
    with tempfile.TemporaryDirectory() as folder:
        with Worker("ours", keeping(folder)) as ours, Worker("peer") as peer:
            prepared = prepare(row, ours, peer)
        # New processes, whose memory holds nothing of the comparison.
        with Worker("ours", keeping(folder)) as ours, Worker("peer") as peer:
            peer.tell("build", row, prepared.given)
            ours.ask("build", row)
            peer.hear()
            first = prepared.first, ours.ask("first")
            way = peer.ask("choose", True)
            times = _time(ours, peer, timing.FULL)
            memory = ours.ask("peak", 3), peer.ask("peak", 3)
    return Measured(times, way, prepared, first, memory)


def look(row: str, ours: Worker, peer: Worker) -> Measured:
    """A quarter of a row's batch, in processes that other rows have used; raises as `measure`."""
    prepared = prepare(row, ours, peer, parts=4)
    way = peer.ask("choose", False)
    return Measured(_time(ours, peer, timing.QUICK), way, prepared)


def prepare(row: str, ours: Worker, peer: Worker, parts: int = 1) -> Prepared:
    """Builds both from the same weights, takes our first step, and compares.

    The batch is the first of so many parts of the row's.

    Raises:
      UnequalWork: the sides compute different things.
    """
    ours.ask("build", row, parts)
    given = ours.ask("hand_over")
    first = ours.ask("first")
    peer.tell("build", row, given)
    computed, flops = ours.ask("computed"), ours.ask("flops")
    peer.hear()
    difference = equal_work.check(peer.ask("differences", computed))
    return Prepared(given, difference, flops, first)


def keeping(folder: str) -> dict[str, str]:
    """The environment in which JAX keeps all that it compiles there."""
    return {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def _time(ours: Worker, peer: Worker, plan: timing.Plan) -> timing.Comparison:
    turns = timing.alternate(
        lambda steps: ours.ask("run", steps), lambda steps: peer.ask("run", steps), plan
    )
    return timing.compare(*turns)
