"""A penalty on attention that never looks at some places."""

import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float


def doubly_stochastic(
    weights: Float[Array, "*batch queries keys"],
    mask: Bool[Array, "*batch queries"],
    target: float | None = None,
) -> Float[Array, "*batch"]:
    """Σ_i (tau - Σ_t weights_{t,i})²: how far what each key gets over all queries is from tau.

    Of an example with T real queries and L keys the weights sum to T, so that no more than T / L
    can be had for every key. A larger tau is out of reach, and what is left of the penalty smears
    the weights.

    Args:
      weights: rows that sum to one over keys.
      mask: True where a query is real; the others count nothing.
      target: tau; None is T / L, which an even reader reaches.

    Returns:
      the sum over keys, of each example.

    Source: Xu 2015, eq. 14, without its factor lambda. Departure: their tau is 1, for captions of
    whatever length on 196 places.
    """
    received = jnp.where(mask[..., None], weights, 0).sum(-2)
    reachable = mask.sum(-1) / weights.shape[-1]
    tau = reachable[..., None] if target is None else target
    return jnp.square(tau - received).sum(-1)
