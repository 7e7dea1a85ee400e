"""Measures what this house promises of every run, on tiny models, through the command line.

    python benchmarks/guarantees.py            prints the numbers, a record in JSON a line
    python benchmarks/guarantees.py --record   keeps them in docs/results/ too

devices      5 updates, a short batch among them: one device, jit over 8, pmap over 8
processes    20 updates: one device, one process of 8, two processes of 4; and the translations
sharding     20 updates: a Transformer split over 4 devices, over `model`, over `data` and over
             both, against one device; and the validation split's translations
meshes       its checkpoint after 10 updates, written by two processes of 4 devices, taken on to 20
             by one device and by 8, against one device all the way
resume       SIGKILL at a random step and the same command again, 10 times
killed_pair  two processes of 2 devices, SIGKILL of the second at a random step and both again, 3
             times
compilations of the update in a run with 4 buckets
"""

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

import attention_jax
from attention_jax import experiment, results
from attention_jax.benchmark import tell
from attention_jax.training.writers import read_rows

EXPERIMENT = "translation/rnnsearch:smoke"
DIVISIBLE = "translation/transformer:smoke"
WIDER = [
    *("--config.model.features=64", "--config.model.heads=4", "--config.model.feed_forward=256"),
    *("--config.tokenizer.size=400", "--config.batch_size=16", "--config.evaluate_every=0"),
]
"""Its matrices are large enough to be split, and 4 divides all of them."""


def start(
    workdir: Path, *options: str, devices: int = 1, config: str = EXPERIMENT
) -> subprocess.Popen:
    """`attention-jax train` of a tiny model, on that many simulated devices."""
    command = [sys.executable, "-m", "attention_jax.cli", "train", f"--config={config}"]
    command += [f"--workdir={workdir}", f"--config.devices={0 if devices > 1 else 1}", *options]
    flags = f"--xla_force_host_platform_device_count={devices}"
    if devices > 1:
        # Collectives of simulated devices wait in XLA's thread pool, which has a thread a core:
        # with more devices than cores they can wait for one another for ever.
        flags += " --xla_cpu_multi_thread_eigen=false"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def start_pair(
    workdir: Path, *options: str, devices: int = 4, config: str = EXPERIMENT
) -> list[subprocess.Popen]:
    """Two processes that train together, with so many devices each."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    meeting = (f"--coordinator={address}", "--num_processes=2")
    return [
        start(workdir, *options, *meeting, f"--process_id={n}", devices=devices, config=config)
        for n in range(2)
    ]


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
    """Largest difference of a loss over 20 updates from those of one device, of one process with
    eight and of two with four each; and how many translations differ.
    """
    options = ("--config.steps=20", "--config.batch_size=16")
    finish(start(folder / "one", *options))
    finish(start(folder / "eight", *options, devices=8))
    for process in start_pair(folder / "pair", *options):
        finish(process)
    return against_one(folder, ("eight", "pair"))


def difference(one: Path, other: Path, steps: int = 20) -> float:
    """Largest of a loss between two runs."""
    found = losses(one), losses(other)
    assert len(found[0]) == len(found[1]) == steps
    return max(abs(found[0][step] - found[1][step]) for step in found[0])


def predictions(workdir: Path) -> list[str]:
    """Of the validation split, in its order."""
    lines = (workdir / "predictions" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["prediction"] for line in lines]


def against_one(folder: Path, others: Sequence[str]) -> dict[str, float]:
    """Largest difference of a loss from that of the run "one", and translations that differ."""
    found = {f"difference_{n}": difference(folder / "one", folder / n) for n in others}
    expected = predictions(folder / "one")
    assert expected
    different = [
        a != b for n in others for a, b in zip(predictions(folder / n), expected, strict=True)
    ]
    return {"difference": max(found.values()), "translations_different": sum(different), **found}


def sharding(folder: Path) -> dict[str, float]:
    """Largest difference of a loss over 20 updates, and how many translations differ."""
    options = (*WIDER, "--config.steps=20")
    meshes: dict[str, tuple[str, ...]] = {
        "model": ("--config.mesh.model=4",),
        "fsdp": ("--config.mesh.fsdp=True",),
        "both": ("--config.mesh.model=2", "--config.mesh.fsdp=True"),
    }
    finish(start(folder / "one", *options, config=DIVISIBLE))
    for name, mesh in meshes.items():
        finish(start(folder / name, *options, *mesh, devices=4, config=DIVISIBLE))
    return against_one(folder, tuple(meshes))


def meshes(folder: Path) -> dict[str, float]:
    """Largest difference of a loss, before and after the checkpoint."""
    split = ("--config.mesh.model=2", "--config.mesh.fsdp=True")
    finish(start(folder / "whole", *WIDER, "--config.steps=20", config=DIVISIBLE))
    for process in start_pair(
        folder / "pair", *WIDER, *split, "--config.steps=10", config=DIVISIBLE
    ):
        finish(process)
    for name, count, mesh in (("one", 1, ()), ("eight", 8, ("--config.mesh.model=4",))):
        shutil.copytree(folder / "pair", folder / name)
        goes_on = (*WIDER, *mesh, "--config.steps=20")
        finish(start(folder / name, *goes_on, devices=count, config=DIVISIBLE))
    found = {n: difference(folder / "whole", folder / n) for n in ("one", "eight")}
    return {"difference": max(found.values()), **{f"difference_{n}": d for n, d in found.items()}}


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


def killed_pair(folder: Path, kills: int = 3, steps: int = 60) -> dict[str, float]:
    """Losses that differ in any bit from those of two processes that were never killed; and how
    long at most the first went on without the second.
    """
    options = [
        *(f"--config.steps={steps}", "--config.batch_size=16"),
        *("--config.checkpoint_every=7", "--config.evaluate_every=0"),
    ]
    for process in start_pair(folder / "whole", *options, devices=2):
        finish(process)
    dice, waits = random.Random(0), []
    for at in sorted(dice.sample(range(2, steps - 1), kills)):
        first, second = start_pair(folder / "killed", *options, devices=2)
        while second.poll() is None and max(losses(folder / "killed"), default=0) < at:
            time.sleep(0.005)
        second.send_signal(signal.SIGKILL)
        began = time.monotonic()
        second.communicate()
        _, said = first.communicate(timeout=600)
        waits.append(time.monotonic() - began)
        assert first.returncode, said[-2000:]
    for process in start_pair(folder / "killed", *options, devices=2):
        finish(process)
    whole, killed = losses(folder / "whole"), losses(folder / "killed")
    assert whole.keys() == killed.keys()
    different = sum(whole[n] != killed[n] for n in whole)
    return {"different": different, "kills": kills, "steps": steps, "alone_seconds": max(waits)}


def compilations(folder: Path) -> dict[str, float]:
    """Programs compiled for the update, a bucket of the run."""
    buckets = (16, 32, 48, 64)
    said = finish(start(folder, "--config.steps=60", f"--config.data.buckets={buckets}"))
    count = int(said.rpartition(" compilations")[0].split()[-1])
    return {"per_bucket": count / len(buckets), "compilations": count}


MEASURES: dict[str, Callable[[Path], dict[str, float]]] = {
    "devices": devices,
    "processes": processes,
    "sharding": sharding,
    "meshes": meshes,
    "resume": resume,
    "killed_pair": killed_pair,
    "compilations": compilations,
}


def main() -> None:
    """Measures all, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    for name in options.names or MEASURES:
        spec = DIVISIBLE if name in ("sharding", "meshes") else EXPERIMENT
        config = experiment.find(spec).config()
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
            data={"cldr_phrases": experiment.load(spec).data.hash()},
            seconds=time.monotonic() - began,
            times=["alone_seconds"] if name == "killed_pair" else [],
        )
        tell(record, keep=options.record)


if __name__ == "__main__":
    main()
