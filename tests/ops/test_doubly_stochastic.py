"""The penalty on places that are never looked at."""

import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.ops.doubly_stochastic import doubly_stochastic

RNG = np.random.default_rng(0)
WEIGHTS = jnp.array(RNG.dirichlet(np.ones(5), size=(2, 4)), jnp.float32)
MASK = jnp.array([[True, True, True, True], [True, True, False, False]])


@pytest.mark.parametrize("target", [None, 1.0])
def test_the_penalty_never_differs_from_its_sums(target):
    for row, penalty in enumerate(doubly_stochastic(WEIGHTS, MASK, target)):
        real = MASK[row].sum()
        tau = real / 5 if target is None else target
        expected = sum((tau - sum(WEIGHTS[row, t, i] for t in range(real))) ** 2 for i in range(5))
        np.testing.assert_allclose(penalty, expected, rtol=1e-5)


def test_what_an_even_reader_reaches_is_never_punished():
    even = jnp.full((2, 4, 5), 0.2)
    np.testing.assert_allclose(doubly_stochastic(even, MASK), 0, atol=1e-6)
    assert np.all(doubly_stochastic(even, MASK, 1.0) > 0.1)


def test_steps_that_are_only_padding_never_count():
    other = jnp.where(MASK[..., None], WEIGHTS, 0.7)
    np.testing.assert_array_equal(doubly_stochastic(WEIGHTS, MASK), doubly_stochastic(other, MASK))
