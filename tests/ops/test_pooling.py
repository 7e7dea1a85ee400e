"""Halving an image against Flax's max pooling, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attention_jax.ops import pooling


@pytest.mark.parametrize("shape", [(2, 6, 4, 3), (1, 7, 5, 2)])
def test_halving_and_its_gradient_are_those_of_max_pooling(shape):
    images = jax.random.normal(jax.random.key(0), shape)
    factor = jax.random.normal(
        jax.random.key(1), (shape[0], shape[1] // 2, shape[2] // 2, shape[3])
    )

    def flax_halve(x):
        return nn.max_pool(x, (2, 2), strides=(2, 2))

    np.testing.assert_array_equal(pooling.halve(images), flax_halve(images))
    ours, theirs = (
        jax.grad(lambda x, halve=halve: (halve(x) * factor).sum())(images)
        for halve in (pooling.halve, flax_halve)
    )
    np.testing.assert_array_equal(ours, theirs)


def test_of_equal_pixels_one_alone_gets_the_gradient():
    gradient = jax.grad(lambda x: pooling.halve(x).sum())(jnp.ones((1, 2, 2, 1)))
    assert sorted(gradient.ravel().tolist()) == [0, 0, 0, 1]


def test_no_pixel_is_lost_where_one_is_minus_infinity():
    images = jnp.full((1, 2, 2, 1), -jnp.inf).at[0, 1, 0, 0].set(3.0)
    assert pooling.halve(images).item() == 3
