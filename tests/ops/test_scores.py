"""Every score against a loop over pairs, and what no score may do at the extremes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.ops import scores

FEATURES, MAX_SOURCE = 3, 7
WEIGHT = np.random.default_rng(1).normal(size=(FEATURES, FEATURES)).astype(np.float32)
V = np.random.default_rng(2).normal(size=FEATURES).astype(np.float32)
POSITIONS = np.random.default_rng(3).normal(size=(MAX_SOURCE, FEATURES)).astype(np.float32)

SCORES = {
    "dot": scores.dot,
    "scaled_dot": scores.scaled_dot,
    "general": lambda query, keys: scores.general(query, keys, jnp.asarray(WEIGHT, query.dtype)),
    "cosine": scores.cosine,
    "additive": lambda query, keys: scores.additive(query, keys, jnp.asarray(V, query.dtype)),
    "location": lambda query, keys: scores.location(
        query, jnp.asarray(POSITIONS, query.dtype), keys.shape[-2]
    ),
}

# One query, one key and the key's position.
ORACLES = {
    "dot": lambda s, h, i: np.dot(s, h),
    "scaled_dot": lambda s, h, i: np.dot(s, h) / np.sqrt(len(h)),
    "general": lambda s, h, i: s @ WEIGHT @ h,
    "cosine": lambda s, h, i: np.dot(s, h) / (np.linalg.norm(s) * np.linalg.norm(h)),
    "additive": lambda s, h, i: np.dot(V, np.tanh(s + h)),
    "location": lambda s, h, i: np.dot(POSITIONS[i], s),
}


def arrays(batch=(), queries=4, keys=5, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return (
        scale * rng.normal(size=(*batch, queries, FEATURES)).astype(np.float32),
        scale * rng.normal(size=(*batch, keys, FEATURES)).astype(np.float32),
    )


def loop(name, query, keys):
    batch = query.shape[:-2]
    result = np.empty((*batch, query.shape[-2], keys.shape[-2]), np.float32)
    for place in np.ndindex(*result.shape):
        *example, q, k = place
        result[place] = ORACLES[name](query[(*example, q)], keys[(*example, k)], k)
    return result


def gradients(name, query, keys):
    return jax.jit(jax.grad(lambda q, k: SCORES[name](q, k).sum(), (0, 1)))(query, keys)


@pytest.mark.parametrize("batch", [(), (2, 3)])
@pytest.mark.parametrize("name", SCORES)
def test_a_score_is_never_other_than_the_loop_over_pairs(name, batch):
    query, keys = arrays(batch)
    np.testing.assert_allclose(
        jax.jit(SCORES[name])(query, keys), loop(name, query, keys), atol=1e-5
    )


def test_closed_forms_on_literal_matrices():
    query = jnp.array([[3.0, 4.0], [0.0, 2.0]])
    keys = jnp.array([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    np.testing.assert_allclose(scores.dot(query, keys), [[3, 4, 25], [0, 2, 8]])
    np.testing.assert_allclose(
        scores.scaled_dot(query, keys), np.array([[3, 4, 25], [0, 2, 8]]) / 2**0.5, rtol=1e-6
    )
    np.testing.assert_allclose(
        scores.cosine(query, keys), [[0.6, 0.8, 1.0], [0.0, 1.0, 0.8]], rtol=1e-6
    )
    swap = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(scores.general(query, keys, swap), [[4, 3, 24], [2, 0, 6]])
    np.testing.assert_allclose(
        scores.additive(query, -query, jnp.array([1.0, 1.0])),
        [[0, np.tanh(3) + np.tanh(2)], [-np.tanh(3) - np.tanh(2), 0]],
        atol=1e-6,
    )


def test_location_never_looks_at_what_a_key_says():
    query, keys = map(jnp.array, arrays())
    np.testing.assert_array_equal(
        SCORES["location"](query, keys), SCORES["location"](query, keys + 1)
    )


def test_general_never_differs_from_dot_with_projected_keys():
    query, keys = map(jnp.array, arrays())
    np.testing.assert_allclose(
        scores.general(query, keys, jnp.array(WEIGHT)),
        scores.dot(query, keys @ jnp.array(WEIGHT).T),
        atol=1e-5,
    )


def test_cosine_is_never_nan_for_a_zero_vector():
    query, keys = map(jnp.array, arrays())
    query, keys = query.at[1].set(0), keys.at[2].set(0)
    result = scores.cosine(query, keys)
    assert np.all(np.isfinite(result))
    assert not np.any(result[1])
    assert not np.any(result[:, 2])
    for gradient in gradients("cosine", query, keys):
        assert np.all(np.isfinite(gradient))


cosine = jax.jit(scores.cosine)


@given(seed=st.integers(0, 2**16), scale=st.floats(0.01, 100))
def test_cosine_never_leaves_its_range_nor_feels_the_scale(seed, scale):
    query, keys = arrays(seed=seed)
    result = cosine(query, keys)
    assert np.all(np.abs(result) <= 1 + 1e-6)
    np.testing.assert_allclose(cosine(np.float32(scale) * query, keys), result, atol=1e-5)


@pytest.mark.parametrize("name", SCORES)
def test_gradients_are_never_infinite_at_the_extremes(name):
    query, keys = map(jnp.array, arrays(scale=1e4))
    for gradient in gradients(name, query, keys):
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("name", SCORES)
def test_bfloat16_never_strays_far_from_float32(name):
    query, keys = arrays((2,))
    half = jax.jit(SCORES[name])(query.astype(jnp.bfloat16), keys.astype(jnp.bfloat16))
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, loop(name, query, keys), atol=0.1)


@pytest.mark.parametrize("name", SCORES)
def test_jit_and_vmap_never_change_a_score(name):
    query, keys = map(jnp.array, arrays((2,)))
    eager = SCORES[name](query, keys)
    np.testing.assert_allclose(jax.jit(SCORES[name])(query, keys), eager, atol=1e-6)
    np.testing.assert_allclose(jax.vmap(SCORES[name])(query, keys), eager, atol=1e-6)
