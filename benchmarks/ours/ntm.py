"""The Neural Turing Machine's copy, `memory/copy:paper` at its longest: 20 vectors, 41 steps."""

from attention_jax import experiment
from benchmarks.ours.work import Training

VECTORS = 20


def build(row: str) -> Training:
    """The update on the experiment's own sequences, all of one length: none is padded."""
    overrides = {
        "sequences.min_length": VECTORS,
        "sequences.max_length": VECTORS,
        "data.curriculum": 0,
    }
    found = experiment.load("memory/copy:paper", overrides)
    batch, model = found.data.train()[0], found.task.model
    names = ("outputs", "hidden", "slots", "word", "max_shift")
    sizes = {name: getattr(model, name) for name in names}
    sizes["channels"] = batch["inputs"].shape[-1]
    return Training(found, batch, sizes)
