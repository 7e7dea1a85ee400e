"""How parameters start: the house's way, and each paper's own."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

Initializer = Callable[..., Any]


def uniform(bound: float) -> Initializer:
    """U(-bound, bound); Flax's own `uniform` starts at zero."""

    def init(key, shape, dtype=jnp.float32):
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def per_gate(initializer: Initializer) -> Initializer:
    """Fills [features, gates x features] gate by gate, so that each gate's square block is, say,
    orthogonal in itself.
    """

    def init(key, shape, dtype=jnp.float32):
        features, total = shape
        keys = jax.random.split(key, total // features)
        # One gate after the other: batched QR factorisations of two matrices can lock each other
        # out of XLA's thread pool on a CPU of few cores, and then wait for ever.
        blocks = jax.lax.map(lambda key: initializer(key, (features, features), dtype), keys)
        return jnp.swapaxes(blocks, 0, 1).reshape(shape)

    return init


def _row(key, shape, dtype=jnp.float32):
    """N(0, 1/features) for a vector [features]: its product with unit features is of order one."""
    return jax.random.normal(key, shape, dtype) * shape[-1] ** -0.5


class Initializers(NamedTuple):
    """One initialiser for each part that some paper treats apart; the defaults are the house's."""

    embedding: Initializer = nn.initializers.variance_scaling(1.0, "fan_in", "normal", out_axis=0)
    kernel: Initializer = nn.initializers.lecun_normal()
    recurrent: Initializer = nn.initializers.orthogonal()
    """Of one gate's [features, features] block."""
    bias: Initializer = nn.initializers.zeros
    forget_bias: float = 1.0
    """Added to the bias of an LSTM's forget gate, so that it starts open."""
    alignment: Initializer = nn.initializers.lecun_normal()
    """The projections of query and keys inside a score."""
    energy: Initializer = _row
    """The vector v of the additive score."""


HOUSE = Initializers()

BAHDANAU = Initializers(
    embedding=nn.initializers.normal(0.01),
    kernel=nn.initializers.normal(0.01),
    forget_bias=0.0,
    alignment=nn.initializers.normal(0.001),
    energy=nn.initializers.zeros,
)
"""Bahdanau 2015, §B.1: recurrent matrices orthogonal, v_a and biases zero, W_a and U_a
N(0, 0.001²), all others N(0, 0.01²)."""

SUTSKEVER = Initializers(
    embedding=uniform(0.08),
    kernel=uniform(0.08),
    recurrent=uniform(0.08),
    bias=uniform(0.08),
    forget_bias=0.0,
    alignment=uniform(0.08),
    energy=uniform(0.08),
)
"""Sutskever 2014, §3.4: every parameter U(-0.08, 0.08)."""

LUONG = Initializers(
    embedding=uniform(0.1),
    kernel=uniform(0.1),
    recurrent=uniform(0.1),
    bias=uniform(0.1),
    forget_bias=0.0,
    alignment=uniform(0.1),
    energy=uniform(0.1),
)
"""Luong 2015, §4.1: every parameter U(-0.1, 0.1)."""
