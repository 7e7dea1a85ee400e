"""Cells over time against NumPy loops, and their written gradients against automatic ones."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.ops import gru, lstm
from attention_jax.ops.recurrence import Rule, over_time, product

TIME, BATCH, FEATURES = 6, 3, 4
RNG = np.random.default_rng(0)
# One row of all steps, one with a hole, one of none.
MASK = jnp.array([[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0]], bool).T


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(carry, x, p):
    i, f, g, o = np.split(x + p, 4)
    cell = sigmoid(f) * carry[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def gru_step(carry, x, p):
    (x_r, x_z, x_h), (p_r, p_z, p_h) = np.split(x, 3), np.split(p, 3)
    candidate = np.tanh(x_h + sigmoid(x_r + p_r) * p_h)
    z = sigmoid(x_z + p_z)
    return (z * carry[0] + (1 - z) * candidate,)


class Case(NamedTuple):
    rule: Rule
    step: object
    arrays: tuple
    """Carry, projected, recurrent, bias."""


def case(rule, step, states, gates, biased):
    def draw(*shape):
        return jnp.float32(RNG.normal(size=shape))

    bias = draw(gates * FEATURES) if biased else None
    carry = tuple(draw(states, BATCH, FEATURES))
    projected = draw(TIME, BATCH, gates * FEATURES)
    return Case(rule, step, (carry, projected, draw(FEATURES, gates * FEATURES), bias))


CASES = {
    "lstm": case(lstm.RULE, lstm_step, 2, 4, biased=False),
    "gru": case(gru.RULE, gru_step, 1, 3, biased=True),
}
VARIANTS = pytest.mark.parametrize("mask", [MASK, None], ids=["masked", "unmasked"])
DIRECTIONS = pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])


@pytest.fixture(params=CASES)
def cell(request):
    return CASES[request.param]


def written(cell, mask, reverse=False, dtype=jnp.float32):
    return lambda *arrays: over_time(cell.rule, *arrays, mask, reverse=reverse, dtype=dtype)


def automatic(cell, mask, reverse):
    """The rule's step after step, whose gradient is automatic."""

    def run(carry, projected, recurrent, bias):
        def body(carry, now):
            projected, real = now
            found = product(carry[0], recurrent, bias)
            following, _ = cell.rule.forward(carry, projected, found)
            kept = jax.tree.map(lambda a, b: jnp.where(real[:, None], a, b), following, carry)
            return kept, jnp.where(real[:, None], following[0], 0)

        real = jnp.ones_like(MASK) if mask is None else mask
        return jax.lax.scan(body, carry, (projected, real), reverse=reverse)

    return run


def loop(cell, mask, reverse):
    """The equations, a row and a step at a time."""
    carry, projected, recurrent, bias = jax.tree.map(lambda x: np.array(x, float), cell.arrays)
    outputs = np.zeros((TIME, BATCH, FEATURES))
    for time in reversed(range(TIME)) if reverse else range(TIME):
        for row in range(BATCH):
            if mask is None or mask[time, row]:
                mine = [each[row] for each in carry]
                found = mine[0] @ recurrent + (0 if bias is None else bias)
                for each, new in zip(
                    carry, cell.step(mine, projected[time, row], found), strict=True
                ):
                    each[row] = new
                outputs[time, row] = carry[0][row]
    return carry, outputs


def slopes(function, arrays):
    """Of a number that all results have a part in, by other weights each."""

    def total(arrays):
        found = jax.tree.leaves(function(*arrays))
        return sum((jnp.cos(jnp.arange(x.size)).reshape(x.shape) * x).sum() for x in found)

    return jax.jit(jax.grad(total))(arrays)


@VARIANTS
@DIRECTIONS
def test_over_time_is_the_loop(cell, mask, reverse):
    found = written(cell, mask, reverse)(*cell.arrays)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), found, loop(cell, mask, reverse)
    )


@VARIANTS
@DIRECTIONS
def test_the_written_gradient_is_the_automatic_one(cell, mask, reverse):
    found = slopes(written(cell, mask, reverse), cell.arrays)
    right = slopes(automatic(cell, mask, reverse), cell.arrays)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(right), strict=True):
        assert np.abs(other).max() > 0.1
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_step_that_is_not_real_gives_its_input_no_slope(cell):
    _, by_projected, *_ = slopes(written(cell, MASK), cell.arrays)
    assert not np.any(np.asarray(by_projected)[~np.asarray(MASK)])


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_slopes_are_finite_at_the_extremes(cell, size):
    carry, projected, *rest = cell.arrays
    found = slopes(written(cell, MASK), (carry, jnp.full_like(projected, size), *rest))
    assert all(np.isfinite(each).all() for each in jax.tree.leaves(found))


def test_bfloat16_is_near_float32(cell):
    right = slopes(written(cell, MASK), cell.arrays)
    found = slopes(written(cell, MASK, dtype=jnp.bfloat16), cell.arrays)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(one, other, atol=0.06 * np.abs(other).max())
