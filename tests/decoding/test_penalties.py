"""The coverage penalty: its value, and a search under it against every sequence there is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.decoding.toy import (
    EOS,
    TOKENS,
    exhaustive,
    pairs,
    sequence,
    sequences,
    start,
    step,
    tables,
)

from attention_jax.decoding import Coverage, beam_search, coverage_penalty, length_penalty
from attention_jax.errors import UserError

BETA, ALPHA = 0.4, 0.6
POSITIONS = 3


def attended(sums):
    """Weights on three positions from numbers [..., 3]: some exactly 0, not all rows sum to one."""
    weights = jax.nn.softmax(3 * sums)
    return jnp.where(weights > 0.1, weights, 0.0)


def attentive(source, carry, token, time):
    """The toy, with attention that depends on the example and on the last two tokens."""
    rows = token.shape[0]
    example = jnp.arange(rows) // (rows // source.shape[0])
    carry_after, log_probs, extras = step(source, carry, token, time)
    weights = attended(source[example, token, carry.last, :POSITIONS])
    return carry_after, log_probs, {**extras, "cross": weights}


def mask(batch):
    """Sources of 3, 2, 1 and 0 positions."""
    return jnp.arange(POSITIONS) < (POSITIONS - jnp.arange(batch) % 4)[:, None]


@functools.partial(jax.jit, static_argnames=("beams", "n_best", "max_length"))
def search(table, beams, n_best, max_length):
    return beam_search(
        attentive,
        table,
        start(table.shape[0], beams, max_length),
        beams=beams,
        n_best=n_best,
        max_length=max_length,
        alpha=ALPHA,
        coverage=Coverage(BETA, lambda extras: extras["cross"], lambda table: mask(len(table))),
        **TOKENS,
    )


def penalty(weights, real):
    """Eq. 14 in NumPy, of the weights [time, positions] under which the tokens were chosen."""
    covered = np.clip(np.asarray(weights, np.float64).sum(0), 1e-6, 1.0)
    return BETA * np.log(covered)[np.asarray(real)].sum()


def read(table, tokens):
    """The weights of one sequence in one example."""
    table = np.asarray(attended(table[..., :POSITIONS]))
    return np.stack([table[last, before] for before, last in pairs(tokens)])


@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_never_misses_the_best_under_coverage(seed):
    table = tables(seed, batch=4, vocab=4)
    found = search(table, beams=120, n_best=5, max_length=4)
    moved = 0
    for example in range(4):
        one, real = np.asarray(table[example]), mask(4)[example]
        bonus = {s: penalty(read(one, s), real) for s in sequences(4, 4)}
        best = exhaustive(one, 4, ALPHA, 5, bonus=bonus.__getitem__)
        for place, (score, total, tokens) in enumerate(best):
            assert sequence(found, example, place) == tokens
            np.testing.assert_allclose(found.scores[example, place], score, rtol=1e-4)
            np.testing.assert_allclose(found.log_probs[example, place], total, rtol=1e-4)
        moved += best[0][2] != exhaustive(one, 4, ALPHA, 1)[0][2]
    assert moved, "the penalty changed no winner: the test shows nothing"


@pytest.mark.parametrize("ends", [True, False])
def test_coverage_never_belongs_to_another_hypothesis(ends):
    """Nor do the extras it is made of, whether a sequence ended or was cut at max_length."""
    table = tables(7)
    table = table if ends else table.at[..., EOS].set(-jnp.inf)
    found = search(table, beams=5, n_best=5, max_length=6)
    for example in range(6):
        for place in range(5):
            said = sequence(found, example, place)
            weights = read(table[example], said)
            given = np.asarray(found.extras["cross"])[example, place, : len(said)]
            np.testing.assert_allclose(given, weights, atol=1e-6)
            score = float(found.log_probs[example, place]) / ((5 + len(said)) / 6) ** ALPHA
            score += penalty(weights, mask(6)[example])
            np.testing.assert_allclose(found.scores[example, place], score, rtol=1e-4)
    ended = np.asarray(found.tokens == EOS).any(-1)
    assert (ended[:, :-1] >= ended[:, 1:]).all()
    falling = np.diff(np.asarray(found.scores)) <= 0
    assert (falling | (ended[:, :-1] != ended[:, 1:])).all()
    assert ended.any() == ends


def test_search_never_stops_before_a_longer_sequence_that_looks_everywhere():
    """EOS at once has probability 0.6 but reads a third of the source; 3, 4, 0, EOS reads it all.

    The long one's coverage is as bad at first: a bound made of it would stop the search.
    """
    table = np.full((1, 5, 5, 5), -40.0, np.float32)
    table[0, 0, 1, EOS], table[0, 0, 1, 3] = np.log(0.6), np.log(0.4)
    table[0, 1, 3, 4] = table[0, 3, 4, 0] = table[0, 4, 0, EOS] = 0
    looks_at = jnp.array([2, 0, 0, 0, 1])  # when this token was the last one

    def looking(source, carry, token, time):
        carry, log_probs, _ = step(source, carry, token, time)
        return carry, log_probs, jax.nn.one_hot(looks_at[token], 3)

    @jax.jit
    def run(table):
        everything = Coverage(0.2, lambda extras: extras, lambda table: jnp.ones((1, 3), bool))
        options = {"beams": 2, "max_length": 8, "coverage": everything}
        return beam_search(looking, table, start(1, 2), **options, **TOKENS)

    found = run(jnp.asarray(table))
    assert sequence(found, 0) == (3, 4, 0, EOS)
    np.testing.assert_allclose(found.scores[0, 0], np.log(0.4), rtol=1e-5)


def test_coverage_penalty_is_the_published_one():
    covered = jnp.array([[1.0, 0.5, 0.0], [3.0, 0.25, 0.5], [0.0, 0.0, 0.0]])
    real = jnp.array([[True, True, False], [True, True, True], [True, True, False]])
    found = coverage_penalty(covered, real, 0.2)
    expected = [0.2 * np.log(0.5), 0.2 * (np.log(0.25) + np.log(0.5)), 0.4 * np.log(1e-6)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert coverage_penalty(covered[:1], real[:1] & False, 0.2) == 0


def test_length_penalty_is_the_published_one():
    np.testing.assert_allclose(length_penalty(jnp.array([1, 7]), 0.6), [1.0, 2.0**0.6], rtol=1e-6)
    np.testing.assert_array_equal(length_penalty(jnp.array([1, 50]), 0.0), [1.0, 1.0])


def test_a_negative_coverage_penalty_is_refused():
    coverage = Coverage(-0.2, lambda extras: extras["cross"], lambda table: mask(6))
    options = {"beams": 2, "max_length": 4, "coverage": coverage}
    with pytest.raises(UserError, match=r"coverage penalty is -0\.2 but must be at least 0"):
        beam_search(attentive, tables(0), start(6, 2), **options, **TOKENS)
