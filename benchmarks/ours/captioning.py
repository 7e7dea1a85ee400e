"""Show, Attend and Tell, `captioning/show_attend_tell` with a finer grid and wider layers."""

from attention_jax import experiment
from benchmarks.ours.work import Training

DIGITS = 4
MODEL = {
    "stages": ((32,), (64,), (128,)),
    "glimpse": True,
    "embedding": 256,
    "hidden": 512,
    "alignment": 256,
}


def build(row: str) -> Training:
    """The update on a batch of the experiment's own scenes."""
    overrides = {"data.min_digits": DIGITS, "data.max_digits": DIGITS}
    overrides |= {f"model.{name}": size for name, size in MODEL.items()}
    found = experiment.load("captioning/show_attend_tell", overrides)
    kept = ("images", "inputs", "targets", "targets_mask", "index", "mask")
    drawn = found.data.train()[0]
    batch = {name: drawn[name] for name in kept}
    sizes = {**MODEL, "vocab": found.task.model.vocab, "channels": batch["images"].shape[-1]}
    return Training(found, batch, sizes)
