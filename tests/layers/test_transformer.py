"""Blocks against the paper's equations, in both orders of normalisation."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.transformer import Block, Residual, Sizes, Stack

BATCH, TIME, KEYS, FEATURES = 2, 3, 4, 6
POST = Sizes(FEATURES, heads=2, feed_forward=8, dropout=0.0, norm="post", dtype=jnp.float32)
PRE = POST._replace(norm="pre")
RNG = np.random.default_rng(0)
X = jnp.array(RNG.normal(size=(BATCH, TIME, FEATURES)), jnp.float32)
MEMORY = jnp.array(RNG.normal(size=(BATCH, KEYS, FEATURES)), jnp.float32)
MASK = jnp.arange(KEYS) < jnp.array([4, 2])[:, None, None]


def decode(stack, x, memory, memory_mask, weights=False):
    return stack(x, None, stack.project(memory), memory_mask, weights=weights)


def layer_norm(p, x):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-6) * p["scale"] + p["bias"]


def attention(q, k, v, output, mask):
    """[time, heads, head_dim] each: heads one by one."""
    contexts = []
    for head in range(q.shape[1]):
        powers = np.exp(q[:, head] @ k[:, head].T / np.sqrt(q.shape[2])) * mask
        contexts.append(powers / powers.sum(-1, keepdims=True) @ v[:, head])
    return np.concatenate(contexts, -1) @ output


def paper(p, x, memory, norm):
    """A decoder block for one example without padding: Vaswani 2017, §3.1 to §3.3."""

    def over_itself(x):
        own = p["self_attention"]
        q, k, v = np.einsum("tf,fphd->pthd", x, own["query_key_value"]["kernel"])
        return attention(q, k, v, own["output"]["kernel"], np.tri(len(x)))

    def over_memory(x):
        cross = p["cross_attention"]
        (q,) = np.einsum("tf,fphd->pthd", x, cross["query"]["kernel"])
        k, v = np.einsum("tf,fphd->pthd", memory, cross["key_value"]["kernel"])
        return attention(q, k, v, cross["output"]["kernel"], 1.0)

    def feed_forward(x):
        first, second = p["feed_forward"]["Dense_0"], p["feed_forward"]["Dense_1"]
        hidden = np.maximum(0, x @ first["kernel"] + first["bias"])
        return hidden @ second["kernel"] + second["bias"]

    for name, sublayer in (
        ("around_self", over_itself),
        ("around_cross", over_memory),
        ("around_feed_forward", feed_forward),
    ):
        normalize = partial(layer_norm, p[name]["normalize"])
        x = normalize(x + sublayer(x)) if norm == "post" else x + sublayer(normalize(x))
    return x


@pytest.mark.parametrize("sizes", [POST, PRE], ids=["post", "pre"])
def test_a_block_never_differs_from_the_papers_equations(sizes, parameters):
    stack = Stack(2, sizes, causal=True, cross=True)
    variables = parameters(stack, X, MEMORY, MASK, method=decode)
    output, none = jax.jit(partial(stack.apply, method=decode))(variables, X, MEMORY, MASK)
    assert none == {}
    params = jax.tree.map(np.asarray, variables["params"])
    for row, keys in enumerate((4, 2)):
        expected, memory = np.asarray(X[row]), np.asarray(MEMORY[row, :keys])
        for layer in range(2):
            expected = paper(params[f"blocks_{layer}"], expected, memory, sizes.norm)
        if sizes.norm == "pre":
            expected = layer_norm(params["last"], expected)
        np.testing.assert_allclose(output[row], expected, atol=1e-4)


@pytest.mark.parametrize("sizes", [POST, PRE], ids=["post", "pre"])
def test_no_block_ever_sees_padding_or_the_future(sizes, parameters):
    stack = Stack(2, sizes, causal=True, cross=True)
    variables = parameters(stack, X, MEMORY, MASK, method=decode)
    apply = jax.jit(partial(stack.apply, method=decode))
    output, _ = apply(variables, X, MEMORY, MASK)
    junk = jnp.where(MASK.swapaxes(1, 2), MEMORY, 1e3)
    np.testing.assert_array_equal(apply(variables, X, junk, MASK)[0], output)
    changed, _ = apply(variables, X.at[:, 2].add(1.0), MEMORY, MASK)
    np.testing.assert_array_equal(changed[:, :2], output[:, :2])
    assert np.any(changed[:, 2] != output[:, 2])


def test_an_encoder_never_reads_padding_and_knows_every_block_and_head(parameters):
    stack = Stack(3, POST)
    real = jnp.arange(TIME) < jnp.array([3, 1])[:, None, None]
    variables = parameters(stack, X, real)
    apply = jax.jit(partial(stack.apply, weights=True))
    output, weights = apply(variables, X, real)
    assert set(weights) == {"self"}
    assert weights["self"].shape == (BATCH, 3, 2, TIME, TIME)
    assert not np.any(weights["self"][1, ..., 1:])
    np.testing.assert_allclose(weights["self"].sum(-1), 1, atol=1e-6)
    junk, _ = apply(variables, jnp.where(real.swapaxes(1, 2), X, 7.0), real)
    np.testing.assert_array_equal(junk[1, 0], output[1, 0])


def test_a_residual_drops_what_the_sublayer_says_and_never_what_it_was_given():
    residual = Residual(PRE._replace(dropout=0.5))
    ones = jnp.ones((50, FEATURES))

    def leave(residual, x, result, train):
        residual.enter(x)
        return residual.leave(x, result, train=train)

    variables = residual.init(jax.random.key(0), ones, ones, False, method=leave)
    rngs = {"dropout": jax.random.key(1)}
    found = residual.apply(variables, 10 * ones, ones, True, method=leave, rngs=rngs)
    assert set(np.unique(found)) == {10.0, 12.0}
    assert np.all(residual.apply(variables, 10 * ones, ones, False, method=leave) == 11)


def test_a_feature_far_from_zero_never_spoils_the_variance():
    residual = Residual(POST)
    x = 3000 + jnp.arange(FEATURES, dtype=jnp.float32)[None]

    def leave(residual, x):
        return residual.leave(x, jnp.zeros_like(x))

    found, _ = residual.init_with_output(jax.random.key(0), x, method=leave)
    expected = (np.arange(FEATURES) - 2.5) / np.std(np.arange(FEATURES))
    np.testing.assert_allclose(found[0], expected, atol=1e-3)


def test_an_unknown_norm_is_named():
    with pytest.raises(UserError, match="norm 'rms' is unknown: choose post or pre"):
        Block(POST._replace(norm="rms")).init(jax.random.key(0), X)


def test_a_cache_without_a_length_is_refused():
    with pytest.raises(UserError, match="a cache for 0 steps was asked for: give `start` the most"):
        Stack(1, POST, causal=True).apply({}, 2, 0, method="start")
