"""Heads side by side against a loop over them; a cache against all steps at once."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.multi_head import MultiHeadAttention, MultiHeadSelfAttention
from attention_jax.ops import masks

BATCH, TIME, KEYS, FEATURES, HEADS = 2, 4, 3, 6, 2
HEAD_DIM = FEATURES // HEADS
RNG = np.random.default_rng(0)
X = jnp.array(RNG.normal(size=(BATCH, TIME, FEATURES)), jnp.float32)
MEMORY = jnp.array(RNG.normal(size=(BATCH, KEYS, 5)), jnp.float32)
# Nothing of the second memory may be read.
PADDING = masks.padding(jnp.array([2, 0]), KEYS)

CROSS = MultiHeadAttention(FEATURES, HEADS)
SELF = MultiHeadSelfAttention(FEATURES, HEADS)


def over_memory(layer, x, memory, mask=None, weights=False):
    return layer(x, layer.project(memory), mask, weights=weights)


@pytest.fixture(scope="module")
def cross(parameters):
    variables = parameters(CROSS, X, MEMORY, method=over_memory)
    return variables, jax.jit(partial(CROSS.apply, method=over_memory), static_argnames="weights")


@pytest.fixture(scope="module")
def over_itself(parameters):
    return parameters(SELF, X), jax.jit(SELF.apply, static_argnames=("causal", "weights"))


def loop(query, key, value, output, x, memory, mask):
    """One head after the other; matrices [in, heads, head_dim] and [heads x head_dim, features]."""
    contexts, weights = [], []
    for head in range(HEADS):
        q, k, v = x @ query[:, head], memory @ key[:, head], memory @ value[:, head]
        powers = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(HEAD_DIM)) * mask
        total = powers.sum(-1, keepdims=True)
        weights.append(powers / np.where(total, total, 1))
        contexts.append(weights[-1] @ v)
    return np.concatenate(contexts, -1) @ output, np.stack(weights, axis=1)


def matrices(variables, *names):
    """W_q, W_k, W_v of every head, and W_o."""
    params = jax.tree.map(np.asarray, variables["params"])
    parts = [part for name in names for part in np.moveaxis(params[name]["kernel"], 1, 0)]
    return *parts, params["output"]["kernel"]


def test_attention_over_a_memory_never_differs_from_the_loop(cross):
    variables, apply = cross
    read, weights = apply(variables, X, MEMORY, PADDING, weights=True)
    found = matrices(variables, "query", "key_value")
    expected = loop(*found, np.asarray(X), np.asarray(MEMORY), np.asarray(PADDING))
    np.testing.assert_allclose(read, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights, expected[1], atol=1e-6)
    assert not np.any(read[1])


def test_self_attention_never_differs_from_the_loop(over_itself):
    variables, apply = over_itself
    read, weights = apply(variables, X, causal=True, weights=True)
    x, past = np.asarray(X), np.tri(TIME)
    expected = loop(*matrices(variables, "query_key_value"), x, x, past)
    np.testing.assert_allclose(read, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights, expected[1], atol=1e-6)


def test_asking_for_weights_never_changes_what_is_read(cross, over_itself):
    variables, apply = cross
    plain, none = apply(variables, X, MEMORY, PADDING)
    assert none is None
    read, _ = apply(variables, X, MEMORY, PADDING, weights=True)
    np.testing.assert_allclose(plain, read, atol=1e-6)
    variables, apply = over_itself
    plain, _ = apply(variables, X, causal=True)
    np.testing.assert_allclose(plain, apply(variables, X, causal=True, weights=True)[0], atol=1e-6)


def test_junk_in_padding_is_never_read(cross):
    variables, apply = cross
    junk = jnp.where(PADDING.swapaxes(1, 2), MEMORY, 1e3)
    read, _ = apply(variables, X, MEMORY, PADDING)
    np.testing.assert_array_equal(apply(variables, X, junk, PADDING)[0], read)


def test_later_positions_are_never_read(over_itself):
    variables, apply = over_itself
    read, _ = apply(variables, X, causal=True)
    for time in range(1, TIME):
        changed, _ = apply(variables, X.at[:, time:].add(1.0), causal=True)
        np.testing.assert_array_equal(changed[:, :time], read[:, :time])
        assert np.any(changed[:, time] != read[:, time])


def stepped(variables, max_length, steps):
    """What every step reads, from a cache for `max_length` of them."""

    def step(cache, now):
        return SELF.apply(variables, cache, *now, method="step")

    cache = SELF.apply(variables, BATCH, max_length, method="start")
    return jax.jit(partial(jax.lax.scan, step))(
        cache, (X.swapaxes(0, 1)[:steps], jnp.arange(steps))
    )


def test_a_cache_never_changes_what_is_read(over_itself):
    variables, apply = over_itself
    cache, read = stepped(variables, TIME + 2, TIME)
    assert cache.keys.shape == cache.values.shape == (BATCH, HEADS, TIME + 2, HEAD_DIM)
    expected, _ = apply(variables, X, causal=True)
    np.testing.assert_allclose(read.swapaxes(0, 1), expected, atol=1e-5)


def test_a_step_past_the_cache_is_never_mistaken_for_a_number(over_itself):
    _, read = stepped(over_itself[0], 2, 3)
    assert np.all(np.isfinite(read[:2]))
    assert np.all(np.isnan(read[2]))


def test_every_projection_starts_as_a_matrix_of_its_own():
    wide = SELF.clone(features=64, heads=4)
    variables = jax.jit(wide.init)(jax.random.key(0), jnp.zeros((1, 1, 64)))
    bound = np.sqrt(6 / (64 + 64))
    for matrix in matrices(variables, "query_key_value"):
        assert 0.98 * bound < np.abs(matrix).max() <= bound


def test_heads_that_do_not_share_the_features_are_named():
    with pytest.raises(UserError, match="6 features cannot be shared by 4 heads: set"):
        SELF.clone(heads=4).init(jax.random.key(0), X)


def test_bfloat16_never_strays_far_and_keeps_its_type(over_itself):
    variables, apply = over_itself
    half = SELF.clone(dtype=jnp.bfloat16)
    for weights in (False, True):
        read, _ = jax.jit(partial(half.apply, causal=True, weights=weights))(variables, X)
        assert read.dtype == jnp.bfloat16
        expected = apply(variables, X, causal=True)[0]
        np.testing.assert_allclose(read.astype(jnp.float32), expected, atol=0.1)
