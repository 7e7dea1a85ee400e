"""Measures how fast decoding is: what the cache saves, and what a beam costs.

    python benchmarks/decoding.py            prints the numbers, a record in JSON
    python benchmarks/decoding.py --record   keeps them in docs/results/ too
    python benchmarks/decoding.py --small    a trial, in seconds

cached   60 steps of a Transformer with its cache, against reading the whole prefix at every step
beam     a beam of 5 against greedy, RNNsearch and Transformer: their rates of target tokens

No sentence ends, so that both ways take the same number of steps; a token of a beam is one of the
sentence that is given back. Parameters are random: they cost the same as trained ones.
"""

from functools import partial

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import linen as nn

from attention_jax import benchmark
from attention_jax.decoding import beam_search, greedy
from attention_jax.models.rnnsearch import RNNsearch
from attention_jax.models.transformer import Transformer

BOS = 1
TIMES = ["cached_speedup", "beam_rate_rnnsearch", "beam_rate_transformer"]


def sizes(small: bool) -> ml_collections.ConfigDict:
    """What is measured; the hash of it goes with the record."""
    transformer = {"features": 256, "heads": 8, "layers": 4, "feed_forward": 1024}
    rnnsearch = {"embedding": 256, "hidden": 256, "alignment": 256, "maxout": 256}
    config = {
        "seed": 0,
        "vocab": 8_000,
        "cached": {"batch": 16, "source_time": 60, "steps": 60},
        "beam": {"batch": 128, "source_time": 30, "steps": 30, "beams": 5},
        "transformer": transformer,
        "rnnsearch": rnnsearch,
        "repeats": 5,
    }
    if small:
        config |= {
            "vocab": 100,
            "cached": {"batch": 2, "source_time": 8, "steps": 8},
            "beam": {"batch": 4, "source_time": 8, "steps": 6, "beams": 5},
            "transformer": transformer | {"features": 16, "layers": 2, "feed_forward": 32},
            "rnnsearch": dict.fromkeys(rnnsearch, 16),
            "repeats": 2,
        }
    return ml_collections.ConfigDict(config)


def prepared(model: nn.Module, config: ml_collections.ConfigDict, batch: int, length: int):
    """Parameters and random sources."""
    source = jax.random.randint(jax.random.key(config.seed), (batch, length), 3, config.vocab)
    mask = jnp.ones_like(source, bool)
    variables = jax.jit(model.init)(jax.random.key(config.seed), source, mask, source)
    return variables, source, mask


def cached(config: ml_collections.ConfigDict) -> dict[str, float]:
    """How many times faster the cache makes decoding, and what it changes."""
    model = Transformer(config.vocab, config.vocab, **config.transformer)
    batch, steps = config.cached.batch, config.cached.steps
    variables, source, mask = prepared(model, config, batch, config.cached.source_time)
    tokens = jax.random.randint(jax.random.key(1), (steps, batch), 3, config.vocab)

    @jax.jit
    def with_cache(variables):
        memory = model.apply(variables, source, mask, method="encode")
        carry = model.apply(variables, memory, 1, steps, method="start")

        def step(carry, now):
            return model.apply(variables, memory, carry, *now, method="step")[:2]

        return jax.lax.scan(step, carry, (tokens, jnp.arange(steps)))[1]

    @jax.jit
    def without(variables):
        memory = model.apply(variables, source, mask, method="encode")

        # As long as the whole sentence at every step: what one compiled loop can do without one.
        def step(said, now):
            token, at = now
            said = said.at[:, at].set(token)
            logits = model.apply(variables, memory, said, at, method=_last_of_prefix)
            return said, jax.nn.log_softmax(logits)

        said = jnp.zeros((batch, steps), jnp.int32)
        return jax.lax.scan(step, said, (tokens, jnp.arange(steps)))[1]

    found = benchmark.fastest(
        config.repeats, cached=lambda: with_cache(variables), again=lambda: without(variables)
    )
    difference = jnp.abs(with_cache(variables) - without(variables)).max()
    return {
        "cached_speedup": found["again"] / found["cached"],
        "logits_difference": float(difference),
    }


def _last_of_prefix(model: Transformer, memory, said, at):
    """Scores after the token at `at`; the output layer sees one step."""
    read = memory.mask[:, None]
    hidden, _ = model.decoder(model.target(said), None, memory.layers, read)
    return model.target.logits(hidden[:, at])


def beam(model: nn.Module, config: ml_collections.ConfigDict) -> float:
    """The beam's rate of target tokens over greedy's."""
    batch, steps = config.beam.batch, config.beam.steps
    variables, source, mask = prepared(model, config, batch, config.beam.source_time)
    # A token that no vocabulary has: nothing ends.
    limits = {"max_length": steps, "bos": BOS, "eos": config.vocab}

    def decode(search, beams, variables):
        memory = model.apply(variables, source, mask, method="encode")
        carry = model.apply(variables, memory, beams, steps, method="start")
        return search(partial(model.apply, variables, method="step"), memory, carry, **limits)

    alone = jax.jit(partial(decode, greedy, 1))
    several = jax.jit(
        partial(decode, partial(beam_search, beams=config.beam.beams), config.beam.beams)
    )
    found = benchmark.fastest(
        config.repeats, greedy=lambda: alone(variables), beam=lambda: several(variables)
    )
    assert np.all(several(variables).lengths == steps)
    return found["greedy"] / found["beam"]


def measure(config: ml_collections.ConfigDict) -> dict[str, float]:
    """Both."""
    vocab = config.vocab
    return cached(config) | {
        "beam_rate_rnnsearch": beam(RNNsearch(vocab, vocab, **config.rnnsearch), config),
        "beam_rate_transformer": beam(Transformer(vocab, vocab, **config.transformer), config),
    }


if __name__ == "__main__":
    benchmark.main(__doc__, "decoding_speed", "decoding.py", sizes, measure, TIMES.__contains__)
