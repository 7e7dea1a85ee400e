"""The LSTM against a NumPy loop, and its written gradient against an automatic one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.ops import lstm

TIME, BATCH, FEATURES = 6, 3, 4
RNG = np.random.default_rng(0)
PROJECTED = jnp.float32(RNG.normal(size=(TIME, BATCH, 4 * FEATURES)))
RECURRENT = jnp.float32(RNG.normal(size=(FEATURES, 4 * FEATURES)))
HIDDEN, CELL = jnp.float32(RNG.normal(size=(2, BATCH, FEATURES)))
# One row of all steps, one with a hole, one of none.
MASK = jnp.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool).T


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loop(mask, reverse):
    """The equations, a row and a step at a time."""
    hidden, cell = np.array(HIDDEN, np.float64), np.array(CELL, np.float64)
    outputs = np.zeros((TIME, BATCH, FEATURES))
    for time in reversed(range(TIME)) if reverse else range(TIME):
        for row in range(BATCH):
            if not mask[time, row]:
                continue
            i, f, g, o = np.split(PROJECTED[time, row] + hidden[row] @ RECURRENT, 4)
            cell[row] = sigmoid(f) * cell[row] + sigmoid(i) * np.tanh(g)
            hidden[row] = sigmoid(o) * np.tanh(cell[row])
            outputs[time, row] = hidden[row]
    return hidden, cell, outputs


def by_steps(hidden, cell, projected, recurrent, mask, reverse):
    """`step` after `step`, whose gradient is automatic."""

    def body(carry, now):
        projected, real = now
        following = lstm.step(*carry, projected, recurrent)
        kept = jax.tree.map(lambda a, b: jnp.where(real[:, None], a, b), following, carry)
        return kept, jnp.where(real[:, None], following[0], 0)

    last, outputs = jax.lax.scan(body, (hidden, cell), (projected, mask), reverse=reverse)
    return *last, outputs


def weighed(function):
    """A number that all results have a part in, by other weights each."""

    def total(*arguments):
        return sum(
            (jnp.cos(jnp.arange(x.size)).reshape(x.shape) * x).sum() for x in function(*arguments)
        )

    return total


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mask", [MASK, None], ids=["masked", "unmasked"])
def test_over_time_is_the_loop(mask, reverse):
    found = lstm.over_time(HIDDEN, CELL, PROJECTED, RECURRENT, mask, reverse, jnp.float32)
    right = loop(jnp.ones_like(MASK) if mask is None else mask, reverse)
    for one, other in zip(found, right, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("mask", [MASK, None], ids=["masked", "unmasked"])
def test_the_written_gradient_is_the_automatic_one(mask, reverse):
    real = jnp.ones_like(MASK) if mask is None else mask
    places = (0, 1, 2, 3)

    def written(*arguments):
        return lstm.over_time(*arguments, mask, reverse, jnp.float32)

    def automatic(*arguments):
        return by_steps(*arguments, real, reverse)

    arguments = HIDDEN, CELL, PROJECTED, RECURRENT
    found = jax.jit(jax.grad(weighed(written), places))(*arguments)
    right = jax.jit(jax.grad(weighed(automatic), places))(*arguments)
    for one, other in zip(found, right, strict=True):
        assert np.abs(other).max() > 0.1
        np.testing.assert_allclose(one, other, atol=5e-6)


def test_a_step_that_is_not_real_gives_its_input_no_slope():
    slope = jax.grad(
        lambda x: weighed(lstm.over_time)(HIDDEN, CELL, x, RECURRENT, MASK, False, jnp.float32)
    )(PROJECTED)
    assert not np.any(np.asarray(slope)[~np.asarray(MASK)])


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_slopes_are_finite_at_the_extremes(size):
    found = jax.grad(
        lambda x: weighed(lstm.over_time)(HIDDEN, CELL, x, RECURRENT, MASK, False, jnp.float32)
    )(jnp.full_like(PROJECTED, size))
    assert np.isfinite(found).all()


def test_bfloat16_is_near_float32():
    def slopes(dtype):
        def total(recurrent):
            outputs = lstm.over_time(HIDDEN, CELL, PROJECTED, recurrent, MASK, False, dtype)
            return weighed(lambda: outputs)()

        return jax.grad(total)(RECURRENT)

    right = slopes(jnp.float32)
    np.testing.assert_allclose(slopes(jnp.bfloat16), right, atol=0.05 * np.abs(right).max())
