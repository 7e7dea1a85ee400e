"""Measures what the training loop costs beside the updates, and how long a run takes to begin.

    python benchmarks/overheads.py             all experiments: a table and a record in JSON
    python benchmarks/overheads.py --only memory/copy ...
    python benchmarks/overheads.py --record    keeps the record in docs/results/ too

loop     input, logging and checkpoints, of the time that a run's steps take; compiling and
         evaluation are not counted. The input's is what the steps wait for it
reading  the time in which batches were read, on the same scale: on a CPU the updates miss a part
cold     seconds from the command to the first step's line in the metrics: data are prepared,
         nothing is compiled
cached   the same again: what was compiled is kept

Experiments whose data a user has to bring are left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attention_jax import experiment, results
from attention_jax.benchmark import tell
from attention_jax.errors import UserError
from attention_jax.training.timesheet import OVERHEAD, READING

STEPS = 200
"""Of an experiment that keeps no checkpoint but its last."""


def loop(name: str, folder: Path) -> dict[str, float]:
    """Parts, 0 to 1, that the loop takes of the steps from one checkpoint to the next.

    Raises:
      UserError: the data are not to be had.
    """
    from attention_jax import runs

    config = experiment.find(name).config()
    steps = min(config.checkpoint_every or STEPS, config.steps)
    overrides = {"steps": steps, "evaluate_every": 0}
    workdir = folder / "run"
    built = experiment.load(name, overrides, experiment.Folders(workdir=workdir))
    trained = runs.train(built, workdir, verbose=False)
    spent = trained.done.duties
    beside = sum(spent[duty] for duty in OVERHEAD)
    total = spent["training"] - trained.compiling + beside
    return {"loop": beside / total, "reading": spent[READING] / total}


def start_up(name: str, folder: Path, cache: Path) -> float:
    """Seconds from the command to the first step."""
    command = [sys.executable, "-m", "attention_jax.cli", "train", f"--config={name}"]
    command += [f"--workdir={folder}", "--config.log_every=1"]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    metrics = folder / "metrics.jsonl"
    try:
        while not (metrics.exists() and metrics.stat().st_size):
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended before its first step")
            time.sleep(0.01)
        return time.monotonic() - began
    finally:
        process.kill()
        process.wait()


def measure(name: str) -> dict[str, float] | None:
    """All of an experiment; None where its data are not here."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        # In a process of its own: a run leaves threads and memory behind.
        done = subprocess.run(
            [sys.executable, __file__, f"--loop={name}", f"--folder={folder}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode == 2:
            return None
        done.check_returncode()
        found = json.loads(done.stdout.splitlines()[-1])
        for start in ("cold", "cached"):
            found[start] = start_up(name, folder / start, folder / "compiled")
        return found


def table(found: dict[str, dict[str, float]]) -> str:
    """In Markdown."""
    lines = ["| experiment | loop | reading | cold s | cached s |", "|---|---|---|---|---|"]
    for name, one in found.items():
        parts = f"{one['loop']:.1%} | {one['reading']:.1%}"
        lines.append(f"| {name} | {parts} | {one['cold']:.1f} | {one['cached']:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measures each experiment in processes of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--only", nargs="+", choices=experiment.names(), metavar="EXPERIMENT")
    parser.add_argument("--loop", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.loop:
        try:
            print(json.dumps(loop(options.loop, options.folder)))
        except UserError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        return
    if options.record and options.only:
        parser.error("a record has all experiments: leave out --record or --only")
    began, found = time.monotonic(), {}
    for name in options.only or experiment.names():
        one = measure(name)
        print(f"{name}: {one or 'left out'}", flush=True)
        if one:
            found[name] = one
    print(table(found))
    metrics = {f"{part}/{name}": v for name, one in found.items() for part, v in one.items()}
    metrics["loop"] = max(one["loop"] for one in found.values())
    configs = {name: experiment.find(name).hash() for name in found}
    record = results.make_record(
        Path(),
        "overheads",
        ["python benchmarks/overheads.py --record"],
        metrics,
        config_hash=experiment.config_hash(experiment.default_config()),
        seeds=[0],
        data=configs,
        seconds=time.monotonic() - began,
        times=list(metrics),
    )
    tell(record, keep=options.record)


if __name__ == "__main__":
    main()
