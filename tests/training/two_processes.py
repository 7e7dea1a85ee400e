"""One of the two processes of `test_processes.py`: trains toys and prints their losses as JSON."""

import json
import sys
from pathlib import Path

import jax
from tests.training.test_loop import make
from tests.training.toys import ToyData, ToyReinforce, ToySplit

from attention_jax import runs
from attention_jax.training.writers import read_rows

# The second on a mesh whose devices share one copy of the model, whatever process they are of.
RUNS = {"whole": (ToyReinforce, {}), "split": (ToySplit, {"model": 8})}


def losses(toy, workdir: Path, steps: int, *, devices: int = 0, **mesh) -> list[float]:
    """Of each step of a training on devices of all processes, this one among them."""
    data = ToyData(jax.process_index(), jax.process_count())
    config = {"devices": devices, "steps": steps, "checkpoint_every": 5, "mesh": mesh}
    runs.train(make(toy(), data, **config), workdir, verbose=False)
    rows = read_rows(workdir / "metrics.jsonl")
    return [row["loss"] for row in rows if row["split"] == "train"]


def main(address: str, number: int, folder: Path, steps: int, *names: str) -> None:
    """Process `number` of two; each simulates as many devices as XLA_FLAGS says."""
    jax.distributed.initialize(address, 2, number)
    found = {}
    for name in names:
        toy, mesh = RUNS[name]
        found[name] = losses(toy, folder / name, steps, **mesh)
    if jax.process_index() == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])
