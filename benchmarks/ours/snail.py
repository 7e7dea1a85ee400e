"""SNAIL, `meta_learning/glyphs:paper` on 8 episodes of 5 classes with 5 images each."""

import itertools

from attention_jax import experiment
from benchmarks.ours.work import Training

WAYS, SHOTS, BATCH = 5, 5, 8


def build(row: str) -> Training:
    """The update on the first batch of the experiment's own whose episodes are the longest."""
    found = experiment.load(
        f"meta_learning/glyphs:paper,ways={WAYS},shots={SHOTS}", {"batch_size": BATCH}
    )
    drawn = map(found.data.train().__getitem__, itertools.count())
    longest = next(batch for batch in drawn if batch["support"].shape[1] == WAYS * SHOTS)
    kept = ("support", "labels", "queries", "targets", "index", "mask")
    batch = {name: longest[name] for name in kept}
    names = ("ways", "shots", "filters", "embedding", "sizes")
    sizes = {name: getattr(found.task.model, name) for name in names}
    return Training(found, batch, sizes | {"channels": batch["support"].shape[-1]})
