"""Maxout and logits."""

import jax
import jax.numpy as jnp
import numpy as np

from attention_jax.layers.readout import Logits, MaxoutReadout, maxout

KEY = jax.random.key(0)


def test_maxout_keeps_the_larger_of_each_pair():
    np.testing.assert_array_equal(maxout(jnp.array([1.0, 5.0, 3.0, 4.0])), [3.0, 5.0])


def test_the_readout_is_the_maximum_over_summed_projections():
    state, token, context = (jax.random.normal(k, (2, 3, 4)) for k in jax.random.split(KEY, 3))
    readout = MaxoutReadout(5)
    variables = readout.init(KEY, state, token, context)
    params = variables["params"]
    summed = (
        state @ params["state"]["kernel"]
        + params["state"]["bias"]
        + token @ params["token"]["kernel"]
        + context @ params["context"]["kernel"]
    )
    result = readout.apply(variables, state, token, context)
    np.testing.assert_allclose(result, np.maximum(summed[..., :5], summed[..., 5:]), atol=1e-5)


def test_one_context_serves_every_step():
    state, context = jnp.ones((2, 3, 4)), jax.random.normal(KEY, (2, 1, 4))
    readout = MaxoutReadout(5)
    variables = readout.init(KEY, state, state, context)
    np.testing.assert_allclose(
        readout.apply(variables, state, state, context),
        readout.apply(variables, state, state, jnp.repeat(context, 3, axis=1)),
        atol=1e-6,
    )


def test_logits_are_float32_and_near_exact_from_bfloat16_products():
    x = jax.random.normal(KEY, (2, 8))
    variables = Logits(5).init(KEY, x)
    half = Logits(5, dtype=jnp.bfloat16).apply(variables, x)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, Logits(5).apply(variables, x), atol=0.05)
