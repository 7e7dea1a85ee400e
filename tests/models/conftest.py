"""Parameters for tests, without compiling an initialiser for each, and how they are trained."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

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


@pytest.fixture(scope="session")
def losses():
    """`losses(loss, params, steps, learning_rate)`: the loss before each of Adam's steps and after
    the last.
    """

    def descend(loss, params, steps, learning_rate=0.03):
        optimizer = optax.adam(learning_rate)
        # One vector: many small updates would take longer to compile than to run.
        vector, unravel = ravel_pytree(params)

        def update(state, _):
            vector, moments = state
            value, slope = jax.value_and_grad(lambda vector: loss(unravel(vector)))(vector)
            updates, moments = optimizer.update(slope, moments)
            return (optax.apply_updates(vector, updates), moments), value

        @jax.jit
        def whole(vector):
            return jax.lax.scan(update, (vector, optimizer.init(vector)), length=steps + 1)[1]

        return whole(vector)

    return descend


@pytest.fixture(scope="session")
def assert_golden():
    """`assert_golden(curve, expected)`: the first two losses are what they have always been."""

    def check(curve, expected):
        assert np.allclose(curve[:2], expected, atol=5e-4), (
            f"the losses before and after the first step were {expected} and are now "
            f"({curve[0]:.4f}, {curve[1]:.4f}). If the model was meant to change, write these into "
            "GOLDEN and say in the commit why they changed; if not, the change is a mistake."
        )

    return check


@pytest.fixture(scope="session")
def stepped():
    """`stepped(model, variables, sources, spoken)`: log-probabilities and extras, steps second, of
    each beam where it says `spoken[beam]` [batch, time], by a model's stepping face.
    """

    def run(model, variables, sources, spoken):
        beams, (batch, time) = len(spoken), spoken[0].shape

        @jax.jit
        def walk(variables, tokens):
            memory = model.apply(variables, *sources, method="encode")
            assert all(leaf.shape[0] == batch for leaf in jax.tree.leaves(memory))
            carry = model.apply(variables, memory, beams, time, method="start")
            assert all(leaf.shape[0] == batch * beams for leaf in jax.tree.leaves(carry))

            def step(carry, now):
                token, at = now
                carry, *result = model.apply(
                    variables, memory, carry, token, at, weights=True, method="step"
                )
                return carry, result

            return jax.lax.scan(step, carry, (tokens, jnp.arange(time)))[1]

        result = walk(variables, np.stack(spoken, axis=1).reshape(batch * beams, time).T)

        def of_beam(beam):
            return jax.tree.map(lambda x: np.asarray(x)[:, beam::beams].swapaxes(0, 1), result)

        return [of_beam(beam) for beam in range(beams)]

    return run
