"""Causal convolution against a loop, the gate by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.ops.convolution import causal_conv, gate

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


def test_the_first_half_is_let_through_by_the_second():
    y = gate(jnp.array([1.0, 1.0, 1.0, 100.0, -100.0, 0.0]))
    np.testing.assert_allclose(y, np.tanh(1.0) * np.array([1.0, 0.0, 0.5]), atol=1e-6)
