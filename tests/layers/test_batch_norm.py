"""Batch statistics see real rows only, however many devices they lie on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.layers.batch_norm import BatchNorm


def normalise(x, mask, stats=None, **options):
    module = BatchNorm(**options)
    variables = module.init(jax.random.key(0), x, mask)
    if stats is not None:
        variables = {**variables, "batch_stats": stats}
    return module.apply(variables, x, mask, train=True, mutable=["batch_stats"])


def test_statistics_are_those_of_the_real_rows():
    x = jax.random.normal(jax.random.key(1), (4, 3, 5)) * 3 + 1
    y, _ = normalise(x, jnp.array([True, True, False, True]))
    real = np.asarray(x)[[0, 1, 3]].reshape(-1, 5)
    expected = (np.asarray(x) - real.mean(0)) / np.sqrt(real.var(0) + 1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_padding_rows_never_change_the_result():
    x = jax.random.normal(jax.random.key(1), (4, 5))
    longer = jnp.concatenate([x, jnp.full((2, 5), 1e3)])
    alone, stats = normalise(x, None)
    padded, padded_stats = normalise(longer, jnp.arange(6) < 4)
    np.testing.assert_allclose(padded[:4], alone, rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), padded_stats, stats)


def test_a_batch_of_padding_alone_leaves_the_statistics_and_is_finite():
    stats = {"mean": jnp.arange(5.0), "var": jnp.full(5, 2.0)}
    y, changed = normalise(jnp.ones((3, 5)), jnp.zeros(3, bool), stats)
    assert np.isfinite(y).all()
    jax.tree.map(np.testing.assert_array_equal, changed["batch_stats"], stats)


def test_running_statistics_follow_and_are_used_in_evaluation():
    x = jax.random.normal(jax.random.key(1), (64, 2)) + 5
    _, changed = normalise(x, None, momentum=0.0)
    module = BatchNorm()
    params = module.init(jax.random.key(0), x)["params"]
    y = module.apply({"params": params, **changed}, x)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)


@pytest.mark.parametrize("mask", [None, jnp.array([True, True, False, True])])
def test_the_slopes_are_those_of_the_formula(mask):
    keys = jax.random.split(jax.random.key(1), 4)
    x = jax.random.normal(keys[0], (4, 3, 2, 5)) * 3 + 1
    factor = jax.random.normal(keys[1], x.shape)
    given = (x, 1 + jax.random.normal(keys[2], (5,)), jax.random.normal(keys[3], (5,)))

    def ours(x, scale, bias):
        module = BatchNorm()
        variables = module.init(jax.random.key(0), x, mask)
        variables = {**variables, "params": {"scale": scale, "bias": bias}}
        y, _ = module.apply(variables, x, mask, train=True, mutable=["batch_stats"])
        return (jnp.sin(y) * factor).sum()

    def formula(x, scale, bias):
        real = x if mask is None else x[np.flatnonzero(mask)]
        mean, var = real.mean((0, 1, 2)), real.var((0, 1, 2))
        y = (x - mean) / jnp.sqrt(var + 1e-5) * scale + bias
        return (jnp.sin(y) * factor).sum()

    np.testing.assert_allclose(ours(*given), formula(*given), rtol=1e-4)
    slopes = (jax.grad(function, argnums=(0, 1, 2))(*given) for function in (ours, formula))
    for one, other in zip(*slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_devices_share_their_statistics():
    x = jax.random.normal(jax.random.key(1), (8, 3))
    mask = jnp.arange(8) < 3
    whole, _ = normalise(x, mask)
    variables = BatchNorm().init(jax.random.key(0), x)

    def part(x, mask):
        module = BatchNorm(axis_name="data")
        return module.apply(variables, x, mask, train=True, mutable=["batch_stats"])[0]

    over = jax.vmap(part, axis_name="data")
    shares = (x.reshape(4, 2, 3), mask.reshape(4, 2))
    np.testing.assert_allclose(over(*shares).reshape(8, 3), whole, rtol=1e-5, atol=1e-6)
    slopes = jax.grad(lambda x: jnp.sin(over(x, shares[1])).sum())(shares[0])
    expected = jax.grad(lambda x: jnp.sin(normalise(x, mask)[0]).sum())(x)
    np.testing.assert_allclose(slopes.reshape(8, 3), expected, rtol=1e-4, atol=1e-5)
