"""Sampling against the distribution it draws from; the filters against NumPy."""

import functools
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.decoding.toy import (
    BOS,
    DEAD_END,
    EOS,
    PAD,
    TOKENS,
    assert_equal,
    log_prob,
    sequence,
    start,
    step,
    tables,
)

from attention_jax.decoding import greedy, keep_top_k, keep_top_p, sample
from attention_jax.errors import UserError

STATIC = ("samples", "temperature", "top_k", "top_p", "max_length", "constraint")


@functools.partial(jax.jit, static_argnames=STATIC)
def draw(table, keys, samples=1, max_length=6, **options):
    carry = start(table.shape[0], samples, max_length)
    limits = {"max_length": max_length, **TOKENS}
    return sample(step, table, carry, keys, samples=samples, **options, **limits)


@jax.jit
def walk(table):
    return greedy(step, table, start(table.shape[0], 1, 6), max_length=6, **TOKENS)


def keys(batch, seed=0):
    return jax.random.split(jax.random.key(seed), batch)


def likely(probabilities, k):
    """Where one is at least as large as the k-th largest."""
    return probabilities >= np.sort(probabilities)[::-1][min(k, len(probabilities)) - 1]


def nucleus(probabilities, p):
    """Where one is at least as large as the last that the largest need to reach the share p."""
    descending = np.sort(probabilities)[::-1]
    enough = np.searchsorted(np.cumsum(descending / descending.sum()), p)
    return probabilities >= descending[enough]


def filtered(log_probs, temperature, top_k, top_p):
    weights = np.exp(np.asarray(log_probs, np.float64) / temperature)
    weights = weights * likely(weights, top_k or len(weights))
    weights = weights * nucleus(weights, top_p) if top_p < 1 else weights
    return weights / weights.sum()


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 0, 1.0), (0.7, 2, 1.0), (2.0, 0, 0.7), (1.5, 3, 0.8)]
)
def test_sequences_come_as_often_as_the_distribution_says(temperature, top_k, top_p):
    """Of two tokens, so that a second draw that hung on the first one's noise would show."""
    count, table = 20_000, tables(2, batch=1, vocab=4)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    found = draw(table, keys(1), samples=count, max_length=2, **options)
    lengths, tokens = np.asarray(found.lengths[0]), np.asarray(found.tokens[0])
    seen = Counter(tuple(row[:n].tolist()) for row, n in zip(tokens, lengths, strict=True))
    expected = {}
    for first, chance in enumerate(filtered(table[0, 0, BOS], **options)):
        if first == EOS:
            expected[(EOS,)] = chance
            continue
        for second, then in enumerate(filtered(table[0, BOS, first], **options)):
            expected[first, second] = chance * then
    assert sum(seen.values()) == count
    for tokens, chance in expected.items():
        deviation = np.sqrt(chance * (1 - chance) / count)
        assert abs(seen[tokens] / count - chance) <= 4 * deviation, tokens


def test_log_probs_are_never_those_of_the_filtered_distribution():
    table = tables(3, batch=4)
    options = {"temperature": 0.5, "top_k": 3, "top_p": 0.9}
    found = draw(table, keys(4), samples=5, **options)
    assert_equal(found.scores, found.log_probs)
    for example in range(4):
        for place in range(5):
            total = log_prob(np.asarray(table[example]), sequence(found, example, place))
            np.testing.assert_allclose(found.log_probs[example, place], total, rtol=1e-5)


def test_samples_are_ranked_and_an_unfinished_one_never_stands_before_one_that_ended():
    found = jax.tree.map(np.asarray, draw(tables(4), keys(6), samples=12, max_length=3))
    ended = (found.tokens == EOS).any(-1)
    assert (ended[:, :-1] >= ended[:, 1:]).all()
    assert {True, False} == set(ended.ravel().tolist())
    falling = found.log_probs[:, :-1] >= found.log_probs[:, 1:]
    assert (falling | (ended[:, :-1] != ended[:, 1:])).all()
    after = np.arange(3) >= found.lengths[..., None]
    assert (found.tokens[after] == PAD).all()
    assert all((x[after] == 0).all() for x in jax.tree.leaves(found.extras))


def test_neither_the_batch_nor_more_samples_ever_change_a_draw():
    table = tables(5, batch=64)
    together = draw(table, keys(64))
    for example in (0, 31, 63):
        place = slice(example, example + 1)
        alone = draw(table[place], keys(64)[place])
        assert_equal(jax.tree.map(lambda x, p=place: x[p], together), alone)
    more = draw(table, keys(64), samples=3)
    for example in range(64):
        drawn = {sequence(more, example, number) for number in range(3)}
        assert sequence(together, example) in drawn
    assert len({sequence(together, example) for example in range(64)}) > 20


def test_extras_never_belong_to_another_sample():
    found = jax.tree.map(np.asarray, draw(tables(6), keys(6), samples=4))
    tape = found.extras["tape"]
    for example in range(6):
        for place in range(4):
            said = sequence(found, example, place)
            for time in range(len(said)):
                assert tape[example, place, time, : time + 1].tolist() == [BOS, *said[:time]]


def test_a_temperature_near_zero_never_differs_from_greedy():
    table = tables(7, batch=40)
    plain = walk(table)
    cold = draw(table, keys(40), temperature=1e-4)
    assert_equal(cold.tokens, plain.tokens)
    np.testing.assert_allclose(cold.log_probs, plain.log_probs, rtol=1e-6)


def test_a_dead_end_is_never_returned_as_a_sequence():
    found = draw(tables(9), keys(6), samples=2, top_k=3, top_p=0.5, constraint=DEAD_END)
    assert (found.tokens == PAD).all()
    assert (found.lengths == 0).all()
    assert (found.log_probs == -jnp.inf).all()


WEIGHTS = st.lists(st.integers(0, 6), min_size=9, max_size=9).filter(any)
keep_k, keep_p = jax.jit(keep_top_k, static_argnums=1), jax.jit(keep_top_p)


def logarithms(weights):
    """[1, n], -inf for none."""
    found = np.where(weights, np.log(np.maximum(weights, 1)), -np.inf)
    return found[None].astype(np.float32)


@given(WEIGHTS, st.sampled_from([1, 3, 12]))
def test_top_k_never_keeps_less_or_more_than_the_k_likeliest_and_their_equals(weights, k):
    log_probs = logarithms(weights)
    kept = np.asarray(keep_k(log_probs, k))[0]
    wanted = likely(np.array(weights), k)
    np.testing.assert_array_equal(kept, np.where(wanted, log_probs[0], -np.inf))


@given(WEIGHTS, st.integers(0, 53))
def test_top_p_never_keeps_less_or_more_than_the_nucleus_and_its_equals(weights, part):
    total = sum(weights)
    p = (part % total + 0.5) / total  # never where rounding would decide
    log_probs = logarithms(weights)
    kept = np.asarray(keep_p(log_probs, p))[0]
    wanted = nucleus(np.array(weights), p)
    np.testing.assert_array_equal(kept, np.where(wanted, log_probs[0], -np.inf))


def test_filters_as_the_papers_have_them():
    log_probs = jnp.log(jnp.array([[0.1, 0.5, 0.25, 0.15]]))

    def kept(x):
        return np.isfinite(x[0]).tolist()

    assert kept(keep_top_k(log_probs, 2)) == [False, True, True, False]
    assert kept(keep_top_p(log_probs, 0.7)) == [False, True, True, False]
    assert kept(keep_top_p(log_probs, 0.8)) == [False, True, True, True]
    assert kept(keep_top_p(log_probs, 1e-9)) == [False, True, False, False]
    # Of two that are equally likely, one alone would be an arbitrary choice.
    assert kept(keep_top_k(jnp.zeros((1, 4)), 1)) == [True] * 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"temperature": 0.0}, "decode greedily instead of sampling"),
        ({"temperature": -1.0}, "temperature is -1.0 but must be above 0"),
        ({"top_k": -1}, "top_k is -1 but must be at least 1, or 0 for all tokens"),
        ({"top_p": 0.0}, "top_p is 0.0 but must be above 0"),
        ({"top_p": 1.5}, "top_p is 1.5 but must be above 0 and at most 1"),
        ({"samples": 0}, "samples is 0 but must be at least 1"),
        ({"samples": 3}, "start the model with beams=3"),
    ],
)
def test_mistakes_are_told_in_one_sentence(options, says):
    table = tables(0)
    with pytest.raises(UserError, match=says):
        sample(step, table, start(6), keys(6), max_length=4, **options, **TOKENS)
