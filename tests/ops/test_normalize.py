"""The masked softmax, at its ordinary and at its worst; and hard selection from its weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.ops.normalize import hard, masked_softmax, posterior

BATCH, QUERIES, KEYS = 2, 3, 5
softmax = jax.jit(masked_softmax)


def loop(scores, mask):
    weights = np.zeros_like(scores)
    for row in np.ndindex(*scores.shape[:-1]):
        allowed = [k for k in range(scores.shape[-1]) if mask[(*row, k)]]
        powers = [np.exp(scores[(*row, k)]) for k in allowed]
        for k, power in zip(allowed, powers, strict=True):
            weights[(*row, k)] = power / sum(powers)
    return weights


def case(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    scores = scale * rng.normal(size=(BATCH, QUERIES, KEYS)).astype(np.float32)
    return scores, rng.random(scores.shape) < 0.6


@given(st.integers(0, 2**16))
def test_weights_are_never_other_than_the_loop(seed):
    scores, mask = case(seed)
    weights = softmax(scores, mask)
    np.testing.assert_allclose(weights, loop(scores, mask), atol=1e-6)


@given(st.integers(0, 2**16), st.sampled_from([1e-4, 1.0, 1e4]))
def test_rows_always_sum_to_one_over_keys_or_are_zero(seed, scale):
    scores, mask = case(seed, scale)
    weights = softmax(scores, mask)
    np.testing.assert_allclose(weights.sum(-1), mask.any(-1), atol=1e-6)
    assert not np.any(np.asarray(weights)[~mask])


def test_closed_form():
    scores = jnp.log(jnp.array([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]]))
    mask = jnp.array([[True, True, True], [True, True, False]])
    np.testing.assert_allclose(
        masked_softmax(scores, mask), [[1 / 8, 2 / 8, 5 / 8], [1 / 3, 2 / 3, 0]], rtol=1e-6
    )
    np.testing.assert_allclose(masked_softmax(scores)[1], [1 / 8, 2 / 8, 5 / 8], rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30])
def test_a_fully_masked_row_is_zero_and_its_gradient_never_nan(scale):
    scores, mask = case(0, scale)
    scores, mask = jnp.array(scores), jnp.array(mask).at[0, 1].set(False)

    @jax.jit
    @jax.grad
    def gradient(scores):
        return (masked_softmax(scores, mask) * jnp.arange(KEYS)).sum()

    assert not np.any(softmax(scores, mask)[0, 1])
    gradient = gradient(scores)
    assert np.all(np.isfinite(gradient))
    assert not np.any(gradient[0, 1])


def test_a_row_of_one_key_has_weight_one_and_no_gradient():
    scores, _ = case(0)
    mask = jnp.broadcast_to(jnp.arange(KEYS) == 2, scores.shape)
    np.testing.assert_array_equal(softmax(scores, mask), np.float32(mask))
    assert not np.any(jax.jit(jax.grad(lambda s: masked_softmax(s, mask)[..., 2].sum()))(scores))


CHOSEN, PULL = np.array([0, 2, 3]), np.array([0.0, 1.0, 4.0], np.float32)


@jax.jit
@jax.grad
def masked_gradient(scores):
    mask = jnp.zeros(scores.shape, bool).at[..., CHOSEN].set(True)
    return (masked_softmax(scores, mask)[..., CHOSEN] * PULL).sum()


@jax.jit
@jax.grad
def chosen_gradient(scores):
    return (jax.nn.softmax(scores[..., CHOSEN]) * PULL).sum()


@given(st.integers(0, 2**16))
def test_the_gradient_is_that_of_a_softmax_over_the_allowed_keys(seed):
    scores, _ = case(seed)
    np.testing.assert_allclose(masked_gradient(scores), chosen_gradient(scores), atol=1e-6)


def test_bfloat16_scores_are_normalised_in_float32():
    scores, mask = case(0)
    half = masked_softmax(jnp.array(scores, jnp.bfloat16), jnp.array(mask))
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half.sum(-1), mask.any(-1), atol=1e-6)
    np.testing.assert_allclose(half, loop(scores, mask), atol=0.02)


def test_jit_and_vmap_never_change_a_weight():
    scores, mask = map(jnp.array, case(0))
    eager = masked_softmax(scores, mask)
    np.testing.assert_allclose(jax.jit(masked_softmax)(scores, mask), eager, atol=1e-6)
    np.testing.assert_allclose(jax.vmap(masked_softmax)(scores, mask), eager, atol=1e-6)


def rows_of_keys(seed):
    return jax.random.split(jax.random.key(seed), (BATCH, QUERIES))


chosen = jax.jit(hard)


def hard_loop(weights, chances):
    """One position a row: where the weights up to it first exceed the chance, or the likeliest."""
    one_hot = np.zeros_like(weights)
    for row in np.ndindex(*weights.shape[:-1]):
        if not weights[row].any():
            continue
        here = int(np.argmax(weights[row]))
        if chances is not None:
            upto = np.cumsum(weights[row].astype(np.float64))
            here = int(np.argmax(upto > chances[row] * upto[-1]))
        one_hot[(*row, here)] = 1
    return one_hot


@given(st.integers(0, 2**16))
def test_hard_selection_is_never_other_than_the_loop(seed):
    scores, mask = case(seed)
    mask[0, 0] = False
    weights, keys = np.asarray(softmax(scores, mask)), rows_of_keys(seed)
    chances = np.asarray(jax.vmap(jax.vmap(jax.random.uniform))(keys))
    np.testing.assert_array_equal(chosen(weights), hard_loop(weights, None))
    np.testing.assert_array_equal(chosen(weights, keys), hard_loop(weights, chances))


def test_draws_follow_the_weights_and_never_take_a_key_without_any():
    weights = jnp.broadcast_to(jnp.array([0.0, 0.1, 0.0, 0.6, 0.3, 0.0]), (4000, 1, 6))
    drawn = np.asarray(chosen(weights, jax.random.split(jax.random.key(0), (4000, 1))))
    np.testing.assert_allclose(drawn.mean((0, 1)), weights[0, 0], atol=0.03)
    assert not np.any(drawn[..., [0, 2, 5]])


def test_padding_never_changes_a_draw():
    weights, keys = softmax(*case(3)), rows_of_keys(3)
    longer = jnp.pad(weights, ((0, 0), (0, 0), (0, 7)))
    np.testing.assert_array_equal(chosen(longer, keys)[..., :KEYS], chosen(weights, keys))


@pytest.mark.parametrize("drawn", [False, True])
def test_the_straight_through_gradient_is_the_soft_one(drawn):
    keys = rows_of_keys(1) if drawn else None
    scores, mask = map(jnp.array, case(1))
    mask = mask.at[0, 1].set(False)
    pull = jnp.arange(KEYS) ** 2.0

    @jax.jit
    @jax.grad
    def soft(scores):
        return (masked_softmax(scores, mask) * pull).sum()

    @jax.jit
    @jax.grad
    def through(scores):
        return (hard(masked_softmax(scores, mask), keys) * pull).sum()

    assert np.any(soft(scores))
    np.testing.assert_allclose(through(scores), soft(scores), atol=1e-6)


@given(st.integers(0, 2**16), st.sampled_from([0.1, 1.0, 30.0]))
def test_posterior_is_never_other_than_the_loop(seed, scale):
    scores, mask = case(seed)
    weights = np.asarray(softmax(scores, mask))
    likelihoods = scale * np.random.default_rng(seed).normal(size=scores.shape)
    expected = np.zeros_like(scores)
    for row in np.ndindex(BATCH, QUERIES):
        joint = weights[row] * np.exp(likelihoods[row])
        expected[row] = joint / joint.sum() if joint.any() else 0
    found = jax.jit(posterior)(weights, likelihoods.astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.any(np.asarray(found)[~mask])


def test_what_tells_nothing_never_changes_the_weights_and_what_is_impossible_gives_no_nan():
    weights = jnp.array([[0.2, 0.8, 0.0], [0.1, 0.3, 0.0], [0.0, 0.0, 0.0]])
    alike = posterior(weights, jnp.full(weights.shape, -1e4))
    np.testing.assert_allclose(alike, [[0.2, 0.8, 0], [0.25, 0.75, 0], [0, 0, 0]], atol=1e-6)
    found = posterior(weights, jnp.tile(jnp.array([0.0, -1e30, 0.0]), (3, 1)))
    np.testing.assert_allclose(found, [[1, 0, 0], [1, 0, 0], [0, 0, 0]])
