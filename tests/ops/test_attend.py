"""Attention as one function: context and weights."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.ops import masks
from attention_jax.ops.attend import attend, read

BATCH, QUERIES, KEYS, FEATURES = 2, 3, 5, 4


def case(seed=0, keys=KEYS):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(BATCH, QUERIES, keys)).astype(np.float32)
    values = rng.normal(size=(BATCH, keys, FEATURES)).astype(np.float32)
    return scores, values


attention = jax.jit(attend)


def test_the_context_is_never_other_than_the_loop():
    scores, values = case()
    context, weights = attention(scores, values)
    for b in range(BATCH):
        for q in range(QUERIES):
            powers = np.exp(scores[b, q])
            np.testing.assert_allclose(weights[b, q], powers / powers.sum(), rtol=1e-5)
            summed = sum(powers[k] / powers.sum() * values[b, k] for k in range(KEYS))
            np.testing.assert_allclose(context[b, q], summed, rtol=1e-4, atol=1e-6)


@given(st.integers(0, 2**16), st.integers(0, KEYS), st.sampled_from([0.0, 1e4, -1e4]))
def test_padding_never_changes_the_context(seed, length, junk):
    scores, values = case(seed)
    mask = np.arange(KEYS) < np.full((BATCH, 1, 1), length)
    context, weights = attention(scores, values, mask)
    padded = np.where(mask, scores, junk), np.where(mask.swapaxes(1, 2), values, junk)
    other = attention(*map(np.float32, padded), mask)
    np.testing.assert_array_equal(other[0], context)
    np.testing.assert_array_equal(other[1], weights)
    if length:
        cut = attention(scores[..., :length], values[:, :length], mask[..., :length])
        np.testing.assert_allclose(cut[0], context, atol=1e-5)


@given(st.integers(0, 2**16))
def test_the_batch_never_changes_an_example(seed):
    scores, values = case(seed)
    context, weights = attention(scores, values)
    for b in range(BATCH):
        alone = attention(scores[b : b + 1], values[b : b + 1])
        np.testing.assert_allclose(alone[0][0], context[b], atol=1e-6)
        np.testing.assert_allclose(alone[1][0], weights[b], atol=1e-6)


@jax.jit
@partial(jax.grad, argnums=(0, 1))
def slopes(scores, values, mask):
    return (attend(scores, values, mask)[0] ** 2).sum()


def test_a_fully_masked_query_reads_nothing_with_finite_gradients():
    scores, values = case()
    mask = np.ones(scores.shape, bool)
    mask[1, 2] = False
    context, weights = attention(scores, values, mask)
    assert not np.any(context[1, 2])
    assert not np.any(weights[1, 2])
    gradients = slopes(scores, values, mask)
    assert all(np.all(np.isfinite(g)) for g in gradients)


def test_gradients_are_never_infinite_for_scores_of_ten_thousand():
    scores, values = case()
    gradients = slopes(1e4 * scores, values, masks.causal(QUERIES, KEYS))
    assert all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize("mask", [None, masks.causal(QUERIES, KEYS)])
def test_jit_and_vmap_never_change_attention(mask):
    scores, values = map(jnp.array, case())
    eager = attend(scores, values, mask)
    for other in (
        jax.jit(attend)(scores, values, mask),
        jax.vmap(attend, in_axes=(0, 0, None))(scores, values, mask),
    ):
        np.testing.assert_allclose(other[0], eager[0], atol=1e-6)
        np.testing.assert_allclose(other[1], eager[1], atol=1e-6)


def test_bfloat16_values_never_stray_far_and_weights_stay_float32():
    scores, values = case()
    context, weights = attention(scores.astype(jnp.bfloat16), values.astype(jnp.bfloat16))
    assert (context.dtype, weights.dtype) == (jnp.bfloat16, jnp.float32)
    np.testing.assert_allclose(context.astype(jnp.float32), attention(scores, values)[0], atol=0.05)


def test_reading_with_one_weight_gives_that_value():
    _, values = map(jnp.array, case())
    weights = jnp.zeros((BATCH, 1, KEYS)).at[:, :, 3].set(1)
    np.testing.assert_array_equal(read(weights, values)[:, 0], values[:, 3])
