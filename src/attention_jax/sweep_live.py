"""A sweep while it runs: a table of its trials in the terminal; plain lines where there is none."""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from attention_jax.sweep import Sweep

STATES = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "done",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
"""Of a trial, in a word."""
_ROWS = 20  # Of the table, at most: what a terminal shows without scrolling.
_READ_EVERY_SECONDS = 2.0
_PROGRESS = re.compile(r"step \d+/\d+ ")
_SAID = re.compile(r"attention-jax: |trial \d+  the loss is ")


@contextlib.contextmanager
def show(sweep: Sweep) -> Iterator[Callable[[int, str], None]]:
    """Shows the sweep on standard error for as long as the context lasts.

    Yields:
      What takes a worker's number and each line that it says.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda worker, line: print(f"{worker}: {line}", file=sys.stderr, flush=True)
        return
    screen = _Screen(sweep)
    with Live(get_renderable=screen.drawn, console=console, refresh_per_second=2) as live:

        def say(worker: int, line: str) -> None:
            if _PROGRESS.match(line):
                screen.progress[worker] = line
            elif _SAID.match(line):
                live.console.print(f"{worker}: {line}", highlight=False, markup=False)

        yield say


class _Screen:
    """The table, and below it what each worker said last of its progress."""

    def __init__(self, sweep: Sweep):
        self.progress: dict[int, str] = {}
        self._sweep = sweep
        self._table = table(sweep)
        self._read = time.monotonic()

    def drawn(self) -> Group:
        if time.monotonic() - self._read > _READ_EVERY_SECONDS:
            self._table, self._read = table(self._sweep), time.monotonic()
        lines = (f"worker {n}  {line}" for n, line in sorted(self.progress.items()))
        return Group(self._table, *(Text(line, no_wrap=True) for line in lines))


def told(value: object) -> str:
    """A choice as a table shows it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(sweep: Sweep) -> Table:
    """The trials: what runs first, then the best, at most as many as a terminal shows."""
    metric, trials = sweep.goal[0], sweep.trials

    def place(trial: FrozenTrial) -> tuple[bool, float]:
        return trial.state is not TrialState.RUNNING, sweep.rank(sweep.best(trial))

    choices = {trial.number: sweep.choices(trial.params) for trial in trials}
    keys = list(dict.fromkeys(key for chosen in choices.values() for key in chosen))
    shown = Table("trial", "state", "step", metric, box=None)
    for key in keys:
        shown.add_column(key.rpartition(".")[2])
    for trial in sorted(trials, key=place)[:_ROWS]:
        value = sweep.best(trial)
        shown.add_row(
            str(trial.number),
            STATES[trial.state],
            str(trial.last_step or ""),
            "" if value is None else f"{value:.4g}",
            *(told(choices[trial.number].get(key, "")) for key in keys),
        )
    if len(trials) > _ROWS:
        shown.caption = f"and {len(trials) - _ROWS} more"
    return shown
