"""Measures what this house promises of every sweep: killed workers lose and repeat nothing.

    python benchmarks/sweeps.py            prints the numbers, a record in JSON
    python benchmarks/sweeps.py --record   keeps them in docs/results/ too

journal    20 trials by two processes that share a workdir; one is killed (SIGKILL) half-way in the
           middle of a trial and its command given again
postgres   the same with the study in PostgreSQL, a server of its own on this machine
"""

import argparse
import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
from optuna.trial import TrialState

from attention_jax import experiment, results, workdir
from attention_jax.sweep import Sweep
from attention_jax.sweep_study import Search
from attention_jax.training.writers import read_rows

TRIALS = 20
MINE = '''"""A space of a tiny translator."""

from attention_jax import experiment
from attention_jax.benchmark import tell

_rnnsearch = experiment.find("translation/rnnsearch").module
build = _rnnsearch.build


def get_config(arg=""):
    config = _rnnsearch.get_config("smoke").unlock()
    config.steps = config.evaluate_every = 60
    config.checkpoint_every = 20
    return config.lock()


def sweep(trial):
    return {"optimizer.learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)}
'''


def search(storage: str) -> Search:
    """Random, in this storage."""
    return Search(sampler="random", storage=storage)


def start(folder: Path, storage: str) -> subprocess.Popen:
    """One worker: the sweep's command."""
    command = [sys.executable, "-m", "attention_jax.cli", "sweep", f"--config={folder}/mine.py"]
    command += [f"--workdir={folder}/W", f"--trials={TRIALS}", "--sampler=random"]
    command += [f"--storage={storage}"] if storage else []
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def killed(folder: Path, storage: str) -> dict[str, float]:
    """How many trials finished, were lost, or were trained by two, after a kill half-way."""
    (folder / "mine.py").write_text(MINE)
    first = start(folder, storage)
    while not (folder / "W" / workdir.SWEEP).exists():
        time.sleep(0.1)
    sweep = Sweep(f"{folder}/mine.py", [], folder / "W", search=search(storage))
    victim = start(folder, storage)
    while len(sweep.finished) < TRIALS // 2 or not _in_the_middle(sweep):
        time.sleep(0.05)
    # Which of the two holds the trial does not matter: both are alike.
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    workers = [first, start(folder, storage)]
    for worker in workers:
        _, said = worker.communicate(timeout=1800)
        if worker.returncode:
            raise RuntimeError(f"exit status {worker.returncode}: {said[-2000:]}")
    states = [trial.state for trial in sweep.trials]
    return {
        "finished": len(sweep.finished),
        "lost": len(states) - states.count(TrialState.COMPLETE),
        "twice": sum(_steps_repeated(sweep.trial_folder(n)) for n in range(len(states))),
    }


def _in_the_middle(sweep: Sweep) -> bool:
    """Whether two trials have saved a checkpoint and go on."""
    running = sweep.study.get_trials(states=[TrialState.RUNNING])
    return len(running) == 2 and all(
        any((sweep.trial_folder(trial.number) / "checkpoints").glob("[0-9]*")) for trial in running
    )


def _steps_repeated(folder: Path) -> int:
    """Rows of metrics.jsonl for a step that had one: two processes in one trial leave such."""
    rows = read_rows(folder / "metrics.jsonl")
    steps = [(row["split"], row["step"]) for row in rows]
    return len(steps) - len(set(steps))


def journal(folder: Path) -> dict[str, float]:
    """The study in a file of the workdir."""
    return killed(folder, "")


def postgres(folder: Path) -> dict[str, float]:
    """The study in PostgreSQL."""
    with server() as url:
        return killed(folder, url)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A PostgreSQL server on this machine's loopback, and the URL of its database.

    Raises:
      FileNotFoundError: when the system has none.
    """
    programs = [shutil.which("initdb") or "", *glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    found = [program for program in programs if program]
    if not found:
        raise FileNotFoundError("no PostgreSQL server here: install the package postgresql")
    tools = Path(found[-1]).parent
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as place, socket.socket() as free:
        if user:
            os.chown(place, pwd.getpwnam(user).pw_uid, -1)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()

        def run(*command: str) -> None:
            subprocess.run(command, user=user, cwd=place, check=True, stdout=subprocess.DEVNULL)

        data = ("-D", f"{place}/data")
        run(f"{tools}/initdb", *data, "-A", "trust", "-U", "postgres")
        options = f"-p {port} -k {place} -h 127.0.0.1"
        run(f"{tools}/pg_ctl", *data, "-w", "-l", f"{place}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(f"{tools}/pg_ctl", *data, "-m", "fast", "stop")


MEASURES: dict[str, Callable[[Path], dict[str, float]]] = {"journal": journal, "postgres": postgres}


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began, metrics = time.monotonic(), {}
    for name, measure in MEASURES.items():
        with tempfile.TemporaryDirectory() as folder:
            found = measure(Path(folder))
        metrics |= {f"{name}_{what}": value for what, value in found.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.py"
        path.write_text(MINE)
        config_hash = experiment.config_hash(experiment.find(str(path)).config())
    record = results.make_record(
        Path(),
        "sweeps",
        ["python benchmarks/sweeps.py --record"],
        metrics,
        config_hash=config_hash,
        seeds=[0],
        data={},
        seconds=time.monotonic() - began,
        times=[],
    )
    tell(record, keep=options.record)


if __name__ == "__main__":
    main()
