import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_jax.decoding.top_k import top_k


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (3, 100), (2, 1009), (1, 5000)])
# The last is nearly all of a few hundred.
@pytest.mark.parametrize("k", [1, 2, 10, 700])
def test_equals_a_full_sort(shape, k):
    k = min(k, shape[1])
    x = jax.random.normal(jax.random.key(0), shape)
    for found, expected in zip(top_k(x, k), jax.lax.top_k(x, k), strict=True):
        np.testing.assert_array_equal(found, expected)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, -np.inf]), min_size=60, max_size=60), st.integers(1, 6)
)
def test_of_equals_the_first_is_never_passed_over(values, k):
    x = jnp.array([values], jnp.float32)
    found, expected = top_k(x, k), jax.lax.top_k(x, k)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_padding_is_never_chosen_while_there_are_numbers():
    x = jnp.full((1, 101), -jnp.inf)
    values, places = top_k(x, 4)
    assert places.max() < 101
    np.testing.assert_array_equal(values, -jnp.inf)
