"""Boolean masks, True = may attend, shaped [*batch queries keys] so that they combine with `&`."""

import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float, Int


def padding(lengths: Int[Array, "*batch"], keys: int) -> Bool[Array, "*batch 1 {keys}"]:
    """True for the first `lengths` of `keys` positions; the same for every query."""
    return jnp.arange(keys) < lengths[..., None, None]


def causal(queries: int, keys: int) -> Bool[Array, "{queries} {keys}"]:
    """True where the key is not later than the query.

    Where the numbers differ, the *last* query is aligned with the last key (the queries continue
    keys already cached): query i sees keys 0 .. i + keys - queries.
    """
    return jnp.arange(keys) <= jnp.arange(queries)[:, None] + (keys - queries)


def branches(positions: int, last: int) -> Bool[Array, "{positions} {positions}"]:
    """True but where one of the `last` positions at the end would see another of them.

    With `causal`: each of them continues, on its own, the positions before them all.
    """
    at, first = jnp.arange(positions), positions - last
    return (at[:, None] == at) | (at[:, None] < first) | (at < first)


def window(
    center: Float[Array, "*batch queries"] | Int[Array, "*batch queries"], radius: int, keys: int
) -> Bool[Array, "*batch queries {keys}"]:
    """True where |key - center| <= radius: Luong's [p_t - D, p_t + D] on the full source axis.

    `center` may be a real number, in units of positions. (`ops.local` reads the same window without
    touching the rest of the source.)
    """
    return jnp.abs(jnp.arange(keys) - center[..., None]) <= radius
