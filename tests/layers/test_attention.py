"""The attention layer around a scorer."""

import jax
import jax.numpy as jnp
import numpy as np

from attention_jax.layers.attention import Attention
from attention_jax.layers.scorers import Additive, ScaledDot
from attention_jax.ops import scores
from attention_jax.ops.attend import attend

BATCH, QUERIES, KEYS, FEATURES = 2, 3, 5, 4
RNG = np.random.default_rng(0)
QUERY = jnp.array(RNG.normal(size=(BATCH, QUERIES, FEATURES)), jnp.float32)
SOURCE = jnp.array(RNG.normal(size=(BATCH, KEYS, FEATURES)), jnp.float32)
MASK = jnp.arange(KEYS) < jnp.array([5, 2])[:, None, None]


def whole(attention, query, source, mask):
    return attention(query, source, attention.project_keys(source), mask)


def test_the_layer_is_score_then_attend():
    context, weights = Attention(ScaledDot()).apply({}, QUERY, SOURCE, SOURCE, MASK)
    expected = attend(scores.scaled_dot(QUERY, SOURCE), SOURCE, MASK)
    np.testing.assert_allclose(context, expected[0], atol=1e-6)
    np.testing.assert_allclose(weights, expected[1], atol=1e-6)


def test_padding_and_other_queries_never_change_a_context(parameters):
    attention = Attention(Additive(6))
    params = parameters(attention, QUERY, SOURCE, MASK, method=whole)
    apply = jax.jit(lambda *arrays: attention.apply(params, *arrays, method=whole))
    context, weights = apply(QUERY, SOURCE, MASK)
    junk = np.where(np.swapaxes(MASK, 1, 2), SOURCE, np.float32(1e3))
    np.testing.assert_allclose(apply(QUERY, junk, MASK)[0], context, atol=1e-6)
    alone = apply(QUERY[:, 1:2], SOURCE, MASK)
    np.testing.assert_allclose(alone[0][:, 0], context[:, 1], atol=1e-6)
    np.testing.assert_allclose(alone[1][:, 0], weights[:, 1], atol=1e-6)
