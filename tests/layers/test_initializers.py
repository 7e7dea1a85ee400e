"""How parameters start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.layers import initializers
from attention_jax.layers.cells import GRU, LSTM
from attention_jax.layers.initializers import BAHDANAU, HOUSE, LUONG, SUTSKEVER, per_gate

KEY = jax.random.key(0)


def test_each_gate_is_orthogonal_in_itself():
    kernel = np.asarray(per_gate(HOUSE.recurrent)(KEY, (8, 24)))
    blocks = np.split(kernel, 3, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block @ block.T, np.eye(8), atol=1e-5)
    assert not np.allclose(blocks[0], blocks[1])


def test_uniform_never_leaves_its_bounds_on_either_side():
    drawn = initializers.uniform(0.08)(KEY, (1000,))
    assert drawn.min() < -0.07
    assert drawn.max() > 0.07
    assert np.abs(drawn).max() <= 0.08


@pytest.mark.parametrize(("part", "deviation"), [("kernel", 0.01), ("alignment", 0.001)])
def test_bahdanau_starts_small(part, deviation):
    drawn = getattr(BAHDANAU, part)(KEY, (100, 100))
    np.testing.assert_allclose(np.std(drawn), deviation, rtol=0.05)


def test_bahdanau_starts_v_and_biases_at_zero():
    assert not np.any(BAHDANAU.energy(KEY, (9,)))
    assert not np.any(BAHDANAU.bias(KEY, (9,)))


def test_sutskever_draws_every_parameter_from_one_range():
    params = GRU(4, initializers=SUTSKEVER).init(KEY, jnp.ones((1, 3)), method="project")
    for leaf in jax.tree.leaves(params):
        assert np.any(leaf)
        assert np.abs(leaf).max() <= 0.08


def test_luong_draws_every_part_from_one_range():
    parts = LUONG._asdict()
    assert parts.pop("forget_bias") == 0
    for draw in parts.values():
        drawn = np.asarray(draw(KEY, (1000,)))
        assert -0.1 <= drawn.min() < -0.09
        assert 0.09 < drawn.max() <= 0.1


def test_only_the_forget_gate_starts_open():
    params = LSTM(2).init(KEY, jnp.ones((1, 3)), method="project")["params"]
    np.testing.assert_array_equal(params["input"]["bias"], [0, 0, 1, 1, 0, 0, 0, 0])
