"""Parameters for tests, without compiling an initialiser for each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.layers.initializers import Initializers


@pytest.fixture(scope="session")
def parameters():
    """`parameters(model, *arrays)`: the model's parameters, none zero and none at its start."""
    drawn = {}

    def draw(model, *arrays):
        if model not in drawn:
            rng = np.random.default_rng(0)
            shapes = jax.eval_shape(model.init, jax.random.key(0), *arrays)
            drawn[model] = jax.tree.map(
                lambda leaf: rng.normal(scale=0.4, size=leaf.shape).astype(np.float32), shapes
            )
        return drawn[model]

    return draw


@pytest.fixture(scope="session")
def labels():
    """Initialisers that fill every part with its own number, the field's place in the tuple."""

    def filled(number):
        return lambda key, shape, dtype=jnp.float32: jnp.full(shape, number, dtype)

    numbered = {name: filled(i) for i, name in enumerate(Initializers._fields)}
    return Initializers(**{**numbered, "forget_bias": 0.0})
