"""Measures what WaveNet's ring buffers save: drawing a sound with them, and without.

    python benchmarks/audio_sampling.py            prints the numbers, a record in JSON
    python benchmarks/audio_sampling.py --record   keeps them in docs/results/ too
    python benchmarks/audio_sampling.py --small    a trial, in seconds

One sound of 4,000 samples by the model of `audio/wavenet`: by its steps, against reading the whole
receptive field anew for every sample. Both draw in the same loop with the same random keys, so that
they draw the same sound. Parameters are random: they cost the same as trained ones.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
from flax import linen as nn

from attention_jax import benchmark, experiment
from attention_jax.decoding import sample
from attention_jax.models.wavenet import WaveNet

TIMES = ["sampling_speedup", "samples_per_second"]


def sizes(small: bool) -> ml_collections.ConfigDict:
    """What is measured; the hash of it goes with the record."""
    arg = ":smoke" if small else ""
    model = experiment.find(f"audio/wavenet{arg}").config().model
    config = {"seed": 0, "samples": 40 if small else 4000, "repeats": 2, "model": model}
    return ml_collections.ConfigDict(config)


def sampler(model: WaveNet, config: ml_collections.ConfigDict, cached: bool) -> Callable:
    """Variables -> a drawn sound [samples] and the log-probabilities before each of its samples."""
    samples, reach = config.samples, model.receptive_field

    def by_ring(variables, carry, token, now):
        return model.apply(variables, carry, token, now, method="step")

    def by_reading(variables, said, token, now):
        said = said.at[:, now].set(token)
        # No earlier sample counts; before that many stand, what is later does not.
        first = jnp.maximum(now + 1 - reach, 0)
        window = jax.lax.dynamic_slice_in_dim(said, first, min(reach, samples), axis=1)
        return said, model.apply(variables, window, now - first, method=_after)

    @jax.jit
    def draw(variables):
        way = by_ring if cached else by_reading

        def step(_, carry, token, now):
            carry, log_probs = way(variables, carry, token, now)
            return carry, log_probs, log_probs

        rings = model.apply(variables, 1, method="start")
        carry = rings if cached else jnp.zeros((1, samples), jnp.int32)
        key = jax.random.key(config.seed)[None]
        # A level that there is not: no sound ends early.
        ends = {"max_length": samples, "bos": model.levels, "eos": model.levels}
        found = sample(step, (), carry, key, **ends)
        return found.tokens[0, 0], found.extras[0, 0]

    return draw


def _after(model: WaveNet, window: jax.Array, at: jax.Array) -> jax.Array:
    """Log-probabilities of what follows the sample at `at`; the output layers see one sample."""
    x, skips = model.first(model.embed(window)), 0.0
    for layer in model.layers:
        x, skip = layer(x)
        skips = skips + skip[:, at]
    return jax.nn.log_softmax(model.logits(nn.relu(model.hidden(nn.relu(skips)))))


def measure(config: ml_collections.ConfigDict) -> dict[str, float]:
    """How many times faster the rings make it, and what they change."""
    model = WaveNet(**config.model)
    shape = jnp.zeros((1, 4), jnp.int32)
    variables = jax.jit(model.init)(jax.random.key(config.seed), shape)
    best, drawn = {}, {}
    for cached in (True, False):
        draw, taken = sampler(model, config, cached), []
        for _ in range(config.repeats + 1):  # The first one compiles.
            began = time.perf_counter()
            drawn[cached] = jax.block_until_ready(draw(variables))
            taken.append(time.perf_counter() - began)
        best[cached] = min(taken[1:])
    (ours, scores), (theirs, again) = drawn[True], drawn[False]
    return {
        "sampling_speedup": best[False] / best[True],
        "samples_per_second": config.samples / best[True],
        "samples_equal": float((ours == theirs).mean()),
        "logits_difference": float(jnp.abs(scores - again).max()),
    }


if __name__ == "__main__":
    benchmark.main(
        __doc__, "audio_sampling", "audio_sampling.py", sizes, measure, TIMES.__contains__
    )
