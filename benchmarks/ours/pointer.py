"""The Pointer Network, `pointing/convex_hull:paper` on sets of 20 points."""

import tempfile
from pathlib import Path

from attention_jax import experiment
from attention_jax.experiment import Folders
from benchmarks.ours.work import Training

POINTS = 20


def build(row: str) -> Training:
    """The update on a batch of the experiment's own sets, all of one size."""
    few = {"data.train_size": 256, "data.validation_size": 8, "data.test_size": 8}
    with tempfile.TemporaryDirectory() as folder:
        folders = Folders(data_dir=Path(folder))
        found = experiment.load(f"pointing/convex_hull:paper,points={POINTS}", few, folders)
        batch = found.data.train()[0]
    kept = ("points", "points_mask", "targets", "targets_mask", "index", "mask")
    batch = {name: batch[name] for name in kept}
    return Training(found, batch, {"hidden": found.task.model.hidden, "coordinates": 2})
