"""The optimum on dynamic N-grams: counting by hand, and the number that is known."""

import numpy as np
import pytest

from attention_jax import experiment
from attention_jax.baselines import ngrams


def test_counting_starts_at_a_half_and_never_looks_ahead():
    bits = np.random.default_rng(0).integers(0, 2, (3, 40))
    found = ngrams.optimum(bits, order=3)
    for row, chances in zip(bits, found, strict=True):
        np.testing.assert_array_equal(chances[:2], 0.5)
        for step, chance in enumerate(chances[2:], start=2):
            context = tuple(row[step - 2 : step])
            before = [row[n] for n in range(2, step) if tuple(row[n - 2 : n]) == context]
            assert chance == pytest.approx((sum(before) + 0.5) / (len(before) + 1))


def test_the_optimum_of_the_paper_is_what_it_costs_to_learn_its_tables():
    built = experiment.load("memory/ngrams:paper", {"data.test_size": 512})
    found = built.baselines["optimum"]("test")
    assert found["bits_per_sequence"] == pytest.approx(132.5, abs=2)
    assert 0 < found["error"] < 60


def test_other_tasks_have_no_optimum():
    assert experiment.load("memory/copy").baselines == {}
