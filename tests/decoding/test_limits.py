"""Lengths within limits, whichever way of decoding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.decoding.toy import EOS, ONCE, TOKENS, exhaustive, sequence, start, step, tables

from attention_jax.decoding import beam_search, both, greedy, sample, within

WAYS = ("greedy", "sample", "beam")


@functools.partial(jax.jit, static_argnames=("minimum", "once"))
def decode(table, maximum, minimum=3, once=False):
    """All three ways, 6 tokens at most."""
    limits = within(minimum, maximum, eos=EOS, vocab=5)
    options = {"max_length": 6, "constraint": both(ONCE, limits) if once else limits, **TOKENS}
    keys = jax.random.split(jax.random.key(0), 6)
    several = start(6, 4, 6)
    return {
        "greedy": greedy(step, table, start(6, 1, 6), **options),
        "sample": sample(step, table, several, keys, samples=4, top_k=4, **options),
        "beam": beam_search(step, table, several, beams=4, n_best=4, alpha=0.6, **options),
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("once", "bounded"), [(False, True), (True, False)])
def test_no_sequence_is_ever_shorter_or_longer_than_its_limits(way, once, bounded):
    # The first collides with the minimum, the last with max_length.
    maximum = jnp.array([1, 3, 4, 5, 6, 9]) if bounded else None
    found = jax.tree.map(np.asarray, decode(tables(3), maximum, once=once)[way])
    highest = np.minimum(maximum, 6) if bounded else np.full(6, 6)
    lowest = np.minimum(3, highest)
    for example in range(6):
        exists = found.log_probs[example] > -np.inf
        assert exists[0]
        for place in np.flatnonzero(exists):
            said = sequence(found, example, place)
            assert lowest[example] <= len(said) <= highest[example]
            assert said[-1] == EOS or (len(said) == 6 and not (bounded and example < 5))
            assert EOS not in said[:-1]
            assert not once or len(set(said)) == len(said)


def test_search_under_limits_never_misses_the_best_sequence_within():
    table = tables(1, batch=3, vocab=4)
    maximum = (2, 3, 4)

    @jax.jit
    def search(table):
        limits = within(2, jnp.array(maximum), eos=EOS, vocab=4)
        options = {"beams": 60, "n_best": 4, "max_length": 4, "alpha": 0.6, "constraint": limits}
        return beam_search(step, table, start(3, 60), **options, **TOKENS)

    found = search(table)
    for example in range(3):
        allowed = functools.partial(_of_length, 2, maximum[example])
        best = exhaustive(table[example], 4, 0.6, 4, allowed)
        said = [sequence(found, example, place) for place in range(len(best))]
        assert said == [tokens for _, _, tokens in best]


def _of_length(lowest, highest, tokens):
    return lowest <= len(tokens) <= highest
