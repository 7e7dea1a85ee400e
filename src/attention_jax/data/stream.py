"""Batches read ahead by threads, from any position, through grain."""

import sys
from typing import Any, Protocol

import grain


class Batches(Protocol):
    """What can be streamed: batches by position, for as many positions as will be asked for."""

    def __getitem__(self, position: int) -> Any: ...


class Stream:
    """An iterator over `batches[start], batches[start + 1], ...` with threads that read ahead.

    `position` counts what was handed out, not what was read ahead: kept in a checkpoint and given
    as `start`, it continues exactly. To be closed, or used as a context manager; both stop the
    threads.

        with Stream(batches, start=position) as stream:
            for batch in stream:
                ...
    """

    def __init__(
        self,
        batches: Batches,
        start: int = 0,
        stop: int | None = None,
        *,
        threads: int = 2,
        ahead: int = 8,
    ):
        """Starts nothing yet: the threads begin with the first batch asked for.

        Args:
          batches: random access by position, safe to be read by several threads.
          start: position of the first batch.
          stop: position after the last batch; None for no end.
          threads: number of reading threads; 0 reads in the caller's, nothing ahead.
          ahead: batches read ahead at most.
        """
        self.position = start
        stop = sys.maxsize if stop is None else stop
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=ahead)
        # A range rather than a source over the batches: a source wraps around at its length,
        # where an endless run goes on to another epoch.
        positions = grain.MapDataset.range(start, max(start, stop))
        self._iterator = iter(positions.map(batches.__getitem__).to_iter_dataset(options))

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Any:
        batch = next(self._iterator)
        self.position += 1
        return batch

    def close(self) -> None:
        """Stops the threads; what they have read ahead is dropped. May be called twice."""
        self._iterator.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
