"""Stopping cleanly: on a signal or at a time limit, and in all processes at the same step."""

import enum
import signal
import time

import jax
import numpy as np
from jax.experimental import multihost_utils


class Stop(enum.IntEnum):
    """Why a run ends before its last step; the larger wins where processes differ."""

    NO = 0
    TIME_LIMIT = 1
    INTERRUPTED = 2
    TERMINATED = 3

    @property
    def status(self) -> int:
        """The command's exit status."""
        return (0, 0, 130, 143)[self]


_SIGNALS: dict[int, Stop] = {signal.SIGTERM: Stop.TERMINATED, signal.SIGINT: Stop.INTERRUPTED}


class Interruption:
    """A context in which SIGTERM and Ctrl-C ask for a stop instead of ending the process at once.

    A second signal ends it at once: the checkpoint that was being written is then left to the
    next start to clear away.

    Args:
      time_limit: seconds after which to stop; 0 for none.
      agree_every: steps between the moments at which processes compare notes.
    """

    def __init__(self, time_limit: float = 0, agree_every: int = 10):
        self._deadline = time.monotonic() + time_limit if time_limit else float("inf")
        self._agree_every = agree_every
        self._asked = Stop.NO

    def __enter__(self) -> "Interruption":
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame) -> None:
        self._asked = _SIGNALS[number]
        signal.signal(number, self._before[number])

    @property
    def asked(self) -> bool:
        """Whether this process was asked to stop; alone in a run, it may act on it at once."""
        return self._asked is not Stop.NO and jax.process_count() == 1

    def wanted(self, step: int) -> Stop:
        """Whether to stop after this step, the same answer in every process."""
        mine = self._asked
        if mine is Stop.NO and time.monotonic() > self._deadline:
            mine = Stop.TIME_LIMIT
        if jax.process_count() == 1:
            return mine
        if step % self._agree_every:
            return Stop.NO
        return Stop(int(multihost_utils.process_allgather(np.int32(mine)).max()))
