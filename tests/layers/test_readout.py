"""Maxout and logits."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from attention_jax.layers.readout import Logits, MaxoutReadout, maxout

RNG = np.random.default_rng(0)


def test_maxout_keeps_the_larger_of_each_pair():
    np.testing.assert_array_equal(maxout(jnp.array([1.0, 5.0, 3.0, 4.0])), [3.0, 5.0])


def test_the_readout_is_the_maximum_over_summed_projections(parameters):
    state, token, context = jnp.array(RNG.normal(size=(3, 2, 3, 4)), jnp.float32)
    readout = MaxoutReadout(5)
    variables = parameters(readout, state, token, context)
    params = jax.tree.map(np.asarray, variables["params"])
    summed = (
        state @ params["state"]["kernel"]
        + params["state"]["bias"]
        + token @ params["token"]["kernel"]
        + context @ params["context"]["kernel"]
    )
    result = jax.jit(readout.apply)(variables, state, token, context)
    np.testing.assert_allclose(result, np.maximum(summed[..., :5], summed[..., 5:]), atol=1e-5)


def test_one_context_serves_every_step(parameters):
    state, context = jnp.ones((2, 3, 4)), jnp.array(RNG.normal(size=(2, 1, 4)), jnp.float32)
    readout = MaxoutReadout(5)
    apply = partial(jax.jit(readout.apply), parameters(readout, state, state, context))
    many = np.repeat(context, 3, axis=1)
    np.testing.assert_allclose(apply(state, state, context), apply(state, state, many), atol=1e-6)


def test_logits_are_float32_and_near_exact_from_bfloat16_products(parameters):
    x = jnp.array(RNG.normal(size=(2, 8)), jnp.float32)
    variables = parameters(Logits(5), x)
    half = jax.jit(Logits(5, dtype=jnp.bfloat16).apply)(variables, x)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, jax.jit(Logits(5).apply)(variables, x), atol=0.05)
