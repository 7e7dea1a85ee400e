"""One of the processes of `test_processes.py`: trains a toy and prints its losses as JSON."""

import json
import sys
from pathlib import Path

import jax
from tests.training.test_loop import make
from tests.training.toys import ToyData, ToyReinforce

from attention_jax import runs
from attention_jax.training.writers import read_rows


def main(address: str, count: int, number: int, workdir: Path, steps: int) -> None:
    """Process `number` of `count`; each simulates as many devices as XLA_FLAGS says."""
    if count > 1:
        jax.distributed.initialize(address, count, number)
    data = ToyData(jax.process_index(), jax.process_count())
    config = {"devices": 0, "steps": steps, "checkpoint_every": 5}
    runs.train(make(ToyReinforce(), data, **config), workdir, verbose=False)
    if jax.process_index() == 0:
        rows = read_rows(workdir / "metrics.jsonl")
        print(json.dumps([row["loss"] for row in rows if row["split"] == "train"]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
