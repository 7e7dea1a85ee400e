"""Values that XLA's CPU compiler shall compute once."""

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Float


@jax.custom_vjp
def materialized(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """What a convolution reads in training: as it is, differentiable in reverse mode only.

    The slopes of a kernel take it turned round, features first. XLA's CPU compiler computes it
    again for that from whatever it came from, in the order that suits the turned array and not the
    cache: normalising and pooling a batch of images once more took an eighth to a fifth of SNAIL's
    step (XLA of jax 0.10, two cores). It fuses through `optimization_barrier` too, but not through
    a condition whose branches differ. Where the first number is none, none of them is.
    """
    return x


def _forward(x: Array) -> tuple[Array, None]:
    return jax.lax.platform_dependent(x, cpu=_by_condition, default=lambda x: x), None


def _by_condition(x: Array) -> Array:
    first = x[(0,) * x.ndim]
    return jax.lax.cond(jnp.isnan(first), lambda x: x * jnp.nan, lambda x: x, x)


materialized.defvjp(_forward, lambda _, slopes: (slopes,))
