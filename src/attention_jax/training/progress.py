"""Progress on standard error: a bar with rate and time left; plain lines where no terminal is."""

import sys
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as RichProgress,
)

_LINE_EVERY_SECONDS = 10.0


class Progress:
    """Shows how far a run is.

    Args:
      total: the last step.
      start: the step it goes on from.
      shown: False prints nothing (processes other than the first).
    """

    def __init__(self, total: int, start: int = 0, shown: bool = True):
        self._total, self._start, self._shown = total, start, shown
        self._began = self._spoke = time.monotonic()
        self._step = start
        self._marks: list[tuple[float, int]] = []
        self._bar: RichProgress | None = None
        console = Console(stderr=True)
        if shown and console.is_terminal:
            self._bar = RichProgress(
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]:.4f}"),
                TextColumn("{task.fields[rate]:.1f} steps/s"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task(
                "", total=total, completed=start, loss=float("nan"), rate=0.0
            )

    def __enter__(self) -> "Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def rate(self) -> float:
        """Steps a second over the last ones (the first one's compilation passes out of sight)."""
        if len(self._marks) < 2:
            return 0.0
        (then, first), (now, last) = self._marks[0], self._marks[-1]
        return (last - first) / max(now - then, 1e-9)

    def advance(self, step: int, loss: float) -> None:
        """A step is done."""
        now = time.monotonic()
        self._marks = [*self._marks[-100:], (now, step)]
        if self._bar is not None:
            self._bar.update(self._task, completed=step, loss=loss, rate=self.rate)
        elif self._shown and (now - self._spoke > _LINE_EVERY_SECONDS or step == self._total):
            self._spoke = now
            line = f"step {step}/{self._total}  loss {loss:.4f}  {now - self._began:.0f} s gone"
            if self.rate:
                left = (self._total - step) / self.rate
                line += f"  {self.rate:.1f} steps/s  {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """A line of its own, above the bar where there is one."""
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
        elif self._shown:
            print(line, file=sys.stderr, flush=True)
