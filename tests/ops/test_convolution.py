"""Causal convolution against a loop, images against Flax's `Conv`, the gate by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attention_jax.layers.conv import Conv
from attention_jax.ops import convolution
from attention_jax.ops.convolution import causal_conv, convolve, gate

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 7, 4)).astype(np.float32)


def loop(x, kernel, dilation):
    y = np.zeros((*x.shape[:-1], kernel.shape[-1]))
    for t in range(x.shape[-2]):
        for j, matrix in enumerate(kernel):
            seen = t - (len(kernel) - 1 - j) * dilation
            if seen >= 0:
                y[..., t, :] += x[..., seen, :] @ matrix
    return y


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 1), (2, 4), (3, 2), (2, 9)])
def test_a_causal_convolution_never_differs_from_the_loop(kernel_size, dilation):
    kernel = RNG.normal(size=(kernel_size, 4, 5)).astype(np.float32)
    y = jax.jit(causal_conv, static_argnums=2)(X, kernel, dilation)
    np.testing.assert_allclose(y, loop(X, kernel, dilation), atol=1e-5)


def test_the_last_matrix_of_a_kernel_meets_the_step_itself():
    x = jnp.array([[1.0], [0.0], [0.0], [0.0]])
    kernel = jnp.array([[[3.0]], [[5.0]]])
    assert causal_conv(x, kernel, 2)[:, 0].tolist() == [5.0, 0.0, 3.0, 0.0]


@pytest.mark.parametrize(("kernel_size", "dilation"), [(2, 1), (2, 4), (3, 2), (2, 9)])
def test_each_branch_is_what_it_would_be_alone(kernel_size, dilation):
    kernel = jnp.array(RNG.normal(size=(kernel_size, 4, 5)), jnp.float32)
    shared, branches = X[:, :, :4], X[:, :, 4:]
    found = causal_conv(jnp.array(X), kernel, dilation, branches=3)
    np.testing.assert_allclose(found[:, :, :4], loop(shared, kernel, dilation), atol=1e-5)
    for n in range(3):
        alone = np.concatenate([shared, branches[:, :, n : n + 1]], axis=2)
        last = loop(alone, kernel, dilation)[:, :, -1]
        np.testing.assert_allclose(found[:, :, 4 + n], last, atol=1e-5)


@pytest.mark.parametrize("sides", [(3, 3), (1, 5), (3, 1)])
@pytest.mark.parametrize("slopes", ["_by_products", "_kernel_slopes"])
def test_convolving_images_is_flaxs_convolution_and_so_are_its_slopes(sides, slopes, monkeypatch):
    # Each platform's own way is traced for all: the CPU's stands for the others' here.
    monkeypatch.setattr(convolution, "_by_products", getattr(convolution, slopes))
    images = jnp.array(RNG.normal(size=(2, 5, 7, 3)), jnp.float32)
    theirs = nn.Conv(4, sides, use_bias=False)
    kernel = jnp.array(RNG.normal(size=(*sides, 3, 4)), jnp.float32)

    def by_flax(images, kernel):
        return theirs.apply({"params": {"kernel": kernel}}, images)

    def slope(convolve):
        return jax.grad(lambda *both: jnp.sin(convolve(*both)).sum(), argnums=(0, 1))

    np.testing.assert_allclose(convolve(images, kernel), by_flax(images, kernel), atol=1e-5)
    ours, flaxs = (jax.jit(slope(way))(images, kernel) for way in (convolve, by_flax))
    for one, other in zip(ours, flaxs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_layer_has_the_parameters_of_flaxs():
    images = jnp.array(RNG.normal(size=(1, 4, 4, 3)), jnp.float32)
    theirs = nn.Conv(2, (3, 3)).init(jax.random.key(0), images)
    ours = Conv(2).init(jax.random.key(0), images)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_the_first_half_is_let_through_by_the_second():
    y = gate(jnp.array([1.0, 1.0, 1.0, 100.0, -100.0, 0.0]))
    np.testing.assert_allclose(y, np.tanh(1.0) * np.array([1.0, 0.0, 0.5]), atol=1e-6)
