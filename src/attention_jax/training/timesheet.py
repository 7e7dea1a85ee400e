"""What a run's time goes into."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

DUTIES = ("training", "input", "logging", "checkpoints", "evaluation")
OVERHEAD = ("input", "logging", "checkpoints")
READING = "reading"


class _Indexed(Protocol):
    def __getitem__(self, position: int) -> Any: ...


class Timesheet:
    """Books every second of the main thread to one duty, the innermost where they nest.

    input        waiting for the next batch and handing it to the devices
    logging      the metric files and the progress display
    checkpoints  handing the state over to be written, and waiting for an earlier write to end
    evaluation   measuring, predicting and drawing
    training     all the rest: dispatching updates and waiting for their results

    Threads beside the main one are in none of these. `reading` stands apart: the seconds in which
    batches were read, of the CPU in other threads, of the clock in the main one, which is then in
    no duty: an update runs beside it. On an accelerator they cost a run nothing; on a CPU they are
    taken from the update's cores, and input + reading bounds the input's cost from above. What is
    counted nowhere: the threads in which tensorstore compresses and writes checkpoints and
    TensorBoard's events are written, and all that comes before the first step (preparing data, the
    first parameters).

    Args:
      seconds: duty -> seconds so far, over all starts of a run; changed in place.
    """

    def __init__(self, seconds: dict[str, float]):
        self.seconds = seconds
        # All at once: another thread must not add a key while a checkpoint copies them.
        for duty in (*DUTIES, READING):
            seconds.setdefault(duty, 0.0)
        self._duty: str | None = None
        self._since = 0.0
        self._lock = threading.Lock()
        self._thread = threading.get_ident()

    @contextlib.contextmanager
    def on(self, duty: str) -> Iterator[None]:
        """Books what happens inside to a duty; what came before is then booked already."""
        outer = self._duty
        self._turn_to(duty)
        try:
            yield
        finally:
            self._turn_to(outer)

    def _turn_to(self, duty: str | None) -> None:
        now = time.monotonic()
        if self._duty is not None:
            self.seconds[self._duty] += now - self._since
        self._duty, self._since = duty, now

    def reading(self, batches: _Indexed) -> _Indexed:
        """The same batches, the time in which whichever thread reads them booked as reading."""
        return _Timed(batches, self._read)

    @contextlib.contextmanager
    def _read(self) -> Iterator[None]:
        if threading.get_ident() == self._thread:
            with self.on(READING):
                yield
            return
        began = time.thread_time()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[READING] += time.thread_time() - began


class _Timed:
    def __init__(
        self, batches: _Indexed, booked: Callable[[], contextlib.AbstractContextManager[None]]
    ):
        self._batches, self._booked = batches, booked

    def __getitem__(self, position: int) -> Any:
        with self._booked():
            return self._batches[position]


def shares(seconds: dict[str, float]) -> dict[str, float]:
    """Duty -> its part, 0 to 1, of the main thread's time; `reading` on the same scale."""
    total = sum(seconds[duty] for duty in DUTIES) or 1.0
    return {duty: spent / total for duty, spent in seconds.items()}


def overhead(seconds: dict[str, float]) -> float:
    """The part, 0 to 1, that input, logging and checkpoints have in the main thread's time."""
    part = shares(seconds)
    return sum(part[duty] for duty in OVERHEAD)
