"""Several workers on one sweep: processes of the same command, each with its share of the cores.

Small models leave cores idle when they share them: two runs side by side on a core each finish
sooner than one after the other on both.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence


def run(arguments: Sequence[str], workers: int, say: Callable[[int, str], None]) -> int:
    """Runs `attention-jax ARGUMENTS` in so many processes and waits for all of them.

    Ctrl-C and SIGTERM are passed on, so that every worker saves its trial.

    Args:
      arguments: of the command, the same for all.
      workers: how many.
      say: takes a worker's number and each line that it says on standard error.

    Returns:
      Their exit status; of different ones the largest.
    """
    processes = [_start(arguments, worker, workers) for worker in range(workers)]
    relays = [
        threading.Thread(target=_relay, args=(number, process, say), daemon=True)
        for number, process in enumerate(processes)
    ]

    def pass_on(signal_number: int, _frame) -> None:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal_number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for relay in relays:
            relay.start()
        statuses = [process.wait() for process in processes]
        for relay in relays:
            relay.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for worker, status in enumerate(statuses):
        if status < 0:
            killed = signal.Signals(-status).name
            print(f"worker {worker} was ended by {killed}: run the same command", file=sys.stderr)
    return max(status if status >= 0 else 1 for status in statuses)


def _start(arguments: Sequence[str], worker: int, workers: int) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-m", "attention_jax.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C reaches the terminal's whole group; a worker that hears it twice would not save.
        start_new_session=True,
    )
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        share = cores[worker % len(cores) :: workers]
        os.sched_setaffinity(process.pid, share)
    return process


def _relay(number: int, process: subprocess.Popen, say: Callable[[int, str], None]) -> None:
    assert process.stderr is not None
    with process.stderr as said:
        for line in said:
            say(number, line.rstrip("\n"))
