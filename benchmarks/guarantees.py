"""Measures what this house promises of every run, on a tiny RNNsearch, through the command line.

    python benchmarks/guarantees.py            prints the numbers, a record in JSON a line
    python benchmarks/guarantees.py --record   keeps them in docs/results/ too

devices      5 updates, a short batch among them: one device, jit over 8, pmap over 8
processes    20 updates: two processes of 4 devices against one process of 8
resume       SIGKILL at a random step and the same command again, 10 times
compilations of the update in a run with 4 buckets
"""

import argparse
import dataclasses
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

import attention_jax
from attention_jax import experiment, results
from attention_jax.training.writers import read_rows

EXPERIMENT = "translation/rnnsearch:smoke"


def start(workdir: Path, *options: str, devices: int = 1) -> subprocess.Popen:
    """`attention-jax train` of the tiny model, on that many simulated devices."""
    command = [sys.executable, "-m", "attention_jax.cli", "train", f"--config={EXPERIMENT}"]
    command += [f"--workdir={workdir}", f"--config.devices={0 if devices > 1 else 1}", *options]
    flags = f"--xla_force_host_platform_device_count={devices}"
    if devices > 1:
        # Collectives of simulated devices wait in XLA's thread pool, which has a thread a core:
        # with more devices than cores they can wait for one another for ever.
        flags += " --xla_cpu_multi_thread_eigen=false"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> str:
    """Waits for the end, which must be a good one; what was said on standard error."""
    _, said = process.communicate(timeout=600)
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}: {said[-2000:]}")
    return said


def losses(workdir: Path) -> dict[int, float]:
    """Step -> training loss."""
    rows = read_rows(workdir / "metrics.jsonl")
    return {row["step"]: row["loss"] for row in rows if row["split"] == "train"}


def devices(folder: Path) -> dict[str, float]:
    """Largest difference of any parameter after 5 updates, and of any loss on the way."""
    # 400 phrases are four batches of 96 and a short one, with whole devices of padding.
    options = ("--config.steps=5", "--config.batch_size=96")
    for name, count, parallel in (("one", 1, "jit"), ("jit", 8, "jit"), ("pmap", 8, "pmap")):
        finish(start(folder / name, *options, f"--config.parallel={parallel}", devices=count))
    names = ("one", "jit", "pmap")
    found = {name: attention_jax.load(folder / name, "last").params for name in names}
    differences = [
        float(np.abs(np.asarray(a) - np.asarray(b)).max())
        for other in ("jit", "pmap")
        for a, b in zip(jax.tree.leaves(found["one"]), jax.tree.leaves(found[other]), strict=True)
    ]
    return {"difference": max(differences)}


def processes(folder: Path) -> dict[str, float]:
    """Largest difference of a loss over 20 updates."""
    options = ("--config.steps=20", "--config.batch_size=16")
    finish(start(folder / "one", *options, devices=8))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    both = [
        start(
            folder / "two",
            *(*options, f"--coordinator={address}", "--num_processes=2", f"--process_id={number}"),
            devices=4,
        )
        for number in range(2)
    ]
    for process in both:
        finish(process)
    one, two = losses(folder / "one"), losses(folder / "two")
    assert len(one) == len(two) == 20
    return {"difference": max(abs(one[step] - two[step]) for step in one)}


def resume(folder: Path, kills: int = 10, steps: int = 120) -> dict[str, float]:
    """Losses that differ in any bit from those of the run that was never killed."""
    options = [
        f"--config.steps={steps}",
        "--config.checkpoint_every=7",
        "--config.evaluate_every=0",
    ]
    finish(start(folder / "whole", *options))
    dice = random.Random(0)
    for at in sorted(dice.sample(range(2, steps - 1), kills)):
        process = start(folder / "killed", *options)
        while process.poll() is None and max(losses(folder / "killed"), default=0) < at:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(folder / "killed", *options))
    whole, killed = losses(folder / "whole"), losses(folder / "killed")
    assert whole.keys() == killed.keys()
    return {"different": sum(whole[n] != killed[n] for n in whole), "kills": kills, "steps": steps}


def compilations(folder: Path) -> dict[str, float]:
    """Programs compiled for the update, a bucket of the run."""
    buckets = (16, 32, 48, 64)
    said = finish(start(folder, "--config.steps=60", f"--config.data.buckets={buckets}"))
    count = int(said.rpartition(" compilations")[0].split()[-1])
    return {"per_bucket": count / len(buckets), "compilations": count}


MEASURES: dict[str, Callable[[Path], dict[str, float]]] = {
    "devices": devices,
    "processes": processes,
    "resume": resume,
    "compilations": compilations,
}


def main() -> None:
    """Measures all four, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    source = experiment.find(EXPERIMENT)
    config = source.config()
    for name in options.names or MEASURES:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            metrics = MEASURES[name](Path(folder))
        record = results.make_record(
            Path(),
            name,
            [f"python benchmarks/guarantees.py {name} --record"],
            metrics,
            config_hash=experiment.config_hash(config),
            seeds=[config.seed],
            data={"cldr_phrases": experiment.load(EXPERIMENT).data.hash()},
            seconds=time.monotonic() - began,
        )
        print(json.dumps(dataclasses.asdict(record)), flush=True)
        if options.record:
            results.write_record(Path(), record)


if __name__ == "__main__":
    main()
