"""Parameters for tests, without compiling an initialiser for each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.fixture(scope="session")
def parameters():
    """`parameters(layer, *arrays, method=...)`: the layer's parameters, none at its start."""
    drawn = {}

    def draw(layer, *arrays, method=None):
        if layer not in drawn:
            rng = np.random.default_rng(0)
            shapes = jax.eval_shape(
                lambda key: layer.init(key, *arrays, method=method), jax.random.key(0)
            )
            drawn[layer] = jax.tree.map(
                lambda leaf: jnp.array(rng.normal(scale=0.4, size=leaf.shape), jnp.float32), shapes
            )
        return drawn[layer]

    return draw
