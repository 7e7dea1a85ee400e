"""Measures what hard attention saves over soft when captions are decoded, as the grid grows.

    python benchmarks/hard_looking.py            prints the numbers, a record in JSON
    python benchmarks/hard_looking.py --record   keeps them in docs/results/ too
    python benchmarks/hard_looking.py --small    a trial, in seconds

Greedy captions by the model of `captioning/show_attend_tell:folder` over features, 196 of which are
the paper's grid. Both kinds score every place; then soft reads all of them, hard one. What is
encoded once an image is not timed: it is the same. Parameters are random: they cost the same as
trained ones.
"""

from functools import partial

import jax
import jax.numpy as jnp
import ml_collections

from attention_jax import benchmark, experiment
from attention_jax.decoding import greedy
from attention_jax.models.show_attend_tell import ShowAttendTell

KINDS = ("soft", "hard")


def sizes(small: bool) -> ml_collections.ConfigDict:
    """What is measured; the hash of it goes with the record."""
    arg = ":smoke" if small else ":folder"
    model = experiment.find(f"captioning/show_attend_tell{arg}").config().model
    model = {name: model[name] for name in ("embedding", "hidden", "alignment")}
    config = {
        "seed": 0,
        "vocab": 20 if small else 2_000,
        "places": (4, 9) if small else (25, 196, 784, 3136),
        "features": 6 if small else 512,
        "batch": 2 if small else 16,
        "words": 3 if small else 16,
        "repeats": 2 if small else 9,
        "model": model,
    }
    return ml_collections.ConfigDict(config)


def measure(config: ml_collections.ConfigDict) -> dict[str, float]:
    """Milliseconds a word of all images, and hard's share of soft's time."""
    metrics: dict[str, float] = {}
    for places in config.places:
        shape = (config.batch, places, config.features)
        features = jax.random.uniform(jax.random.key(config.seed), shape)
        best = benchmark.fastest(
            config.repeats, **{kind: _decoder(config, kind, features) for kind in KINDS}
        )
        for kind in KINDS:
            metrics[f"milliseconds/{kind}_{places}"] = 1000 * best[kind] / config.words
        metrics[f"hard_over_soft/{places}"] = best["hard"] / best["soft"]
    return metrics


def _decoder(config: ml_collections.ConfigDict, kind: str, features: jax.Array):
    """The loop over words, of all images."""
    model = ShowAttendTell(config.vocab, (), attention=kind, **config.model)
    inputs = jnp.zeros((1, 1), jnp.int32)
    variables = jax.jit(model.init)(jax.random.key(config.seed), features[:1], inputs)
    memory = jax.jit(partial(model.apply, method="encode"))(variables, features)

    def step(memory, carry, token, now):
        return model.apply(variables, memory, carry, token, now, method="step")

    # A word that there is not: no caption ends early.
    limits = {"max_length": config.words, "bos": 0, "eos": config.vocab}

    @jax.jit
    def decode(memory):
        return greedy(step, memory, memory.first, **limits).tokens

    return lambda: decode(memory)


if __name__ == "__main__":
    benchmark.main(__doc__, "hard_looking", "hard_looking.py", sizes, measure, lambda metric: True)
