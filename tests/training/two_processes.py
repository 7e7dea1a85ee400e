"""One of the two processes of `test_processes.py`: trains a toy and prints its losses as JSON."""

import json
import sys
from pathlib import Path

import jax
from tests.training.test_loop import make
from tests.training.toys import ToyData, ToyReinforce

from attention_jax import runs
from attention_jax.training.writers import read_rows


def losses(workdir: Path, steps: int) -> list[float]:
    """Of each step of a training on all devices of all processes, this one among them."""
    data = ToyData(jax.process_index(), jax.process_count())
    config = {"devices": 0, "steps": steps, "checkpoint_every": 5}
    runs.train(make(ToyReinforce(), data, **config), workdir, verbose=False)
    rows = read_rows(workdir / "metrics.jsonl")
    return [row["loss"] for row in rows if row["split"] == "train"]


def main(address: str, number: int, workdir: Path, steps: int) -> None:
    """Process `number` of two; each simulates as many devices as XLA_FLAGS says."""
    jax.distributed.initialize(address, 2, number)
    found = losses(workdir, steps)
    if jax.process_index() == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
