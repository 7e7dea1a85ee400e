"""The Markov model of sound, by counting and on a chain whose cost is known."""

import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax import experiment
from attention_jax.baselines import markov
from attention_jax.ops import mu_law

LEVELS = 4


def batch(levels, length=None, mask=None):
    levels = np.asarray(levels)
    rows = len(levels)
    return {
        "samples": np.asarray(mu_law.decode(jnp.asarray(levels), LEVELS)),
        "length": np.full(rows, levels.shape[1]) if length is None else np.array(length),
        "mask": np.ones(rows, bool) if mask is None else np.array(mask),
    }


def test_transitions_are_counted_where_samples_are_real_and_nowhere_else():
    counts = markov.transitions(
        [batch([[0, 1, 1, 2], [3, 3, 0, 0], [2, 2, 2, 2]], [4, 2, 4], [True, True, False])], LEVELS
    )
    expected = np.zeros((LEVELS + 1, LEVELS), int)
    for before, level in [(LEVELS, 0), (0, 1), (1, 1), (1, 2), (LEVELS, 3), (3, 3)]:
        expected[before, level] += 1
    np.testing.assert_array_equal(counts, expected)


def test_bits_are_those_of_the_counted_chances():
    counts = np.zeros((LEVELS + 1, LEVELS), int)
    counts[LEVELS, 0], counts[0, 1], counts[0, 2] = 6, 3, 1
    found = markov.bits_per_sample(counts, [batch([[0, 1], [0, 3]])])
    chances = [6.5 / 8, 3.5 / 6, 6.5 / 8, 0.5 / 6]
    assert found == pytest.approx(-np.log2(chances).mean())


def test_a_chain_costs_its_entropy():
    table = np.random.default_rng(0).dirichlet(np.ones(LEVELS), size=LEVELS)
    throws = np.random.default_rng(1).random((200, 300))
    levels = np.zeros((200, 300), int)
    for step in range(1, 300):
        below = np.cumsum(table[levels[:, step - 1]], axis=1) < throws[:, step, None]
        levels[:, step] = np.minimum(below.sum(1), LEVELS - 1)
    counts = markov.transitions([batch(levels[:100])], LEVELS)
    before = np.bincount(levels[100:, :-1].ravel(), minlength=LEVELS) / levels[100:, :-1].size
    entropy = -(before[:, None] * table * np.log2(table)).sum()
    assert markov.bits_per_sample(counts, [batch(levels[100:])]) == pytest.approx(entropy, rel=0.02)


def test_it_is_a_baseline_of_the_experiment():
    built = experiment.load("audio/wavenet:smoke")
    assert 0 < built.baselines["markov"]("test")["bits_per_sample"] < 4.5
