"""Luong's local attention: a window of 2D+1 keys around a position p_t, read by gather.

Say the functions one after the other: where to look (`monotonic_center` or `predictive_center`),
which positions that makes (`window_positions`) and which of them count (`window_mask`), their keys
and values (`gather_window`), how near each is to the centre (`gaussian`, local-p only), the reading
(`attend_window`). `spread` puts the weights back onto the whole source for a picture. The cost of
all but `spread` is that of the window, however long the source.

Positions count from 0. D, the radius, is 10 in the paper.
Source: Luong 2015, §3.2.
"""

import jax
import jax.numpy as jnp

from attention_jax.ops.normalize import masked_softmax
from attention_jax.typing import Array, Bool, Float, Int


def monotonic_center(
    time: Int[Array, "*batch queries"], lengths: Int[Array, "*batch"]
) -> Float[Array, "*batch queries"]:
    """p_t = t (local-m). Past the source's end the window stays at the last position.

    Departure: the paper leaves open what happens past the end.
    """
    last = jnp.maximum(lengths[..., None] - 1, 0)
    return jnp.minimum(time, last).astype(jnp.float32)


def predictive_center(
    query: Float[Array, "*batch queries features"],
    weight: Float[Array, "features hidden"],
    v: Float[Array, " hidden"],
    lengths: Int[Array, "*batch"],
) -> Float[Array, "*batch queries"]:
    """p_t = S · sigmoid(vᵀ tanh(W h_t)) (local-p): a real number in (0, S), S the source's length.

    Source: Luong 2015, eq. 9 (weight is W_pᵀ, v is v_p, query is h_t).
    """
    hidden = jnp.tanh(query @ weight)
    share = jax.nn.sigmoid((hidden @ v).astype(jnp.float32))
    return lengths[..., None] * share


def window_positions(
    center: Float[Array, "*batch queries"], radius: int
) -> Int[Array, "*batch queries window"]:
    """The 2D+1 consecutive integers from ceil(p_t - D) on.

    Some may lie outside the source, and where p_t is no integer the last lies outside
    [p_t - D, p_t + D]: `window_mask` says which count.
    """
    first = jnp.ceil(jax.lax.stop_gradient(center) - radius).astype(jnp.int32)
    return first[..., None] + jnp.arange(2 * radius + 1, dtype=jnp.int32)


def window_mask(
    positions: Int[Array, "*batch queries window"],
    center: Float[Array, "*batch queries"],
    radius: int,
    lengths: Int[Array, "*batch"],
) -> Bool[Array, "*batch queries window"]:
    """True for positions within the window and within the source, both ends clipped."""
    inside = (positions >= 0) & (positions < lengths[..., None, None])
    return inside & (positions <= center[..., None] + radius)


def gather_window(
    array: Float[Array, "*batch keys features"], positions: Int[Array, "*batch queries window"]
) -> Float[Array, "*batch queries window features"]:
    """The rows of `array` at `positions`; one outside reads the nearest end (and is masked)."""
    positions = jnp.clip(positions, 0, array.shape[-2] - 1)
    flat = positions.reshape(*positions.shape[:-2], -1, 1)
    rows = jnp.take_along_axis(array, flat, axis=-2)
    return rows.reshape(*positions.shape, array.shape[-1])


def gaussian(
    positions: Int[Array, "*batch queries window"],
    center: Float[Array, "*batch queries"],
    radius: int,
) -> Float[Array, "*batch queries window"]:
    """exp(-(s - p_t)² / (2 sigma²)), sigma = D/2: what makes p_t learnable. In (0, 1].

    D must be at least 1.

    Source: Luong 2015, eq. 10.
    """
    distance = positions - center[..., None]
    return jnp.exp(-(distance**2) / (2 * (radius / 2) ** 2))


def attend_window(
    scores: Float[Array, "*batch queries window"],
    values: Float[Array, "*batch queries window features"],
    mask: Bool[Array, "*batch queries window"],
    closeness: Float[Array, "*batch queries window"] | None = None,
) -> tuple[Float[Array, "*batch queries features"], Float[Array, "*batch queries window"]]:
    """Weights = softmax over the window (· closeness), context = Σ weights · values.

    With `closeness` (the `gaussian` of local-p) the weights are not renormalised: they sum to at
    most one.

    Source: Luong 2015, eq. 10.
    """
    weights = masked_softmax(scores, mask)
    if closeness is not None:
        weights = weights * closeness
    context = jnp.einsum("...qw,...qwf->...qf", weights.astype(values.dtype), values)
    return context, weights


def spread(
    weights: Float[Array, "*batch queries window"],
    positions: Int[Array, "*batch queries window"],
    keys: int,
) -> Float[Array, "*batch queries {keys}"]:
    """The weights on the whole source axis, zero outside the window: for alignment pictures.

    Positions outside the source carry no weight (`window_mask`) and are dropped.
    """
    here = positions[..., None] == jnp.arange(keys)
    return jnp.einsum("...w,...wk->...k", weights, here.astype(weights.dtype))
