"""Each side of a row in a process of its own.

So neither finds the other's threads spinning or memory taken, and its peak memory is its own. One
works at a time; the other waits for its next order.
"""

import importlib
import multiprocessing
import os
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.equal_work import UnequalWork

SIDES = {"ours": ("benchmarks.ours.work", "Ours"), "peer": ("benchmarks.peers.work", "Peer")}


class Worker:
    """A process that holds one of `SIDES` and calls its methods when told to.

    Args:
      side: "ours" or "peer".
      environment: variables that are set before its first import.
    """

    def __init__(self, side: str, environment: Mapping[str, str] | None = None):
        # A fork would inherit our threads' locks.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(side, theirs, dict(environment or {})), daemon=True
        )
        self._process.start()
        theirs.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def tell(self, method: str, *args: Any) -> None:
        """Begins a call; `hear` waits for what it gives back."""
        self._pipe.send((method, args))

    def hear(self) -> Any:
        """What the last call gave back.

        Raises:
          UnequalWork: as it was raised there.
          RuntimeError: something else failed there; the message has its traceback.
        """
        try:
            done, result = self._pipe.recv()
        except EOFError:
            raise RuntimeError("a worker ended without a word: out of memory?") from None
        if not done:
            raise result
        return result

    def ask(self, method: str, *args: Any) -> Any:
        """Calls and waits."""
        self.tell(method, *args)
        return self.hear()


def _serve(side: str, pipe: Connection, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    module, name = SIDES[side]
    # Before it is asked for anything: both sides import at the same time.
    served = getattr(importlib.import_module(module), name)()
    while True:
        try:
            method, args = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((True, getattr(served, method)(*args)))
        except UnequalWork as error:
            pipe.send((False, error))
        except Exception:
            pipe.send((False, RuntimeError(traceback.format_exc())))
