"""The score functions: how much does this query care for that key?

Each takes queries and keys and returns one number for every pair, in float32 whatever the inputs'
type, so that the softmax that follows is exact enough in bfloat16 too. Which of them serves which
kind of attention is told in the docstrings: location knows the source's positions alone and is
global only, the others serve global, local, self and pointing attention alike.
"""

import jax.numpy as jnp
from jax import lax

from attention_jax.typing import Array, Float

_NORM_FLOOR = 1e-6


def dot(
    query: Float[Array, "*batch queries features"], keys: Float[Array, "*batch keys features"]
) -> Float[Array, "*batch queries keys"]:
    """score(s, h) = sᵀ h.

    Source: Luong 2015, §3.1, "dot"; our query is their h_t, our keys their h̄_s.
    """
    return jnp.einsum("...qf,...kf->...qk", query, keys, preferred_element_type=jnp.float32)


def scaled_dot(
    query: Float[Array, "*batch queries features"], keys: Float[Array, "*batch keys features"]
) -> Float[Array, "*batch queries keys"]:
    """score(s, h) = sᵀ h / sqrt(features): keeps the variance of the scores at one.

    Source: Vaswani 2017, eq. 1; features is their d_k.
    """
    return dot(query, keys) * keys.shape[-1] ** -0.5


def general(
    query: Float[Array, "*batch queries query_features"],
    keys: Float[Array, "*batch keys key_features"],
    weight: Float[Array, "query_features key_features"],
) -> Float[Array, "*batch queries keys"]:
    """score(s, h) = sᵀ W h: also called bilinear or multiplicative.

    Where the keys outlive the query (a decoder's steps), project the keys by Wᵀ once and use
    `dot`: the sum is the same.

    Source: Luong 2015, §3.1, "general"; weight is their W_a.
    """
    return dot(query @ weight, keys)


def cosine(
    query: Float[Array, "*batch queries features"], keys: Float[Array, "*batch keys features"]
) -> Float[Array, "*batch queries keys"]:
    """score(s, h) = sᵀ h / (|s| |h|), within [-1, 1].

    A norm is floored smoothly at 1e-6: a zero vector is similar to nothing (score 0) and gradients
    stay finite there.

    Source: Graves 2014, eq. 6 (content-based addressing; the strength beta is the caller's).
    """
    # Divided after the product: no normalised copy of the keys is made, nor its slopes.
    return dot(query, keys) * per_norm(query)[..., :, None] * per_norm(keys)[..., None, :]


def per_norm(x: Float[Array, "..."], axis: int = -1) -> Float[Array, "..."]:
    """1 / |x| along an axis, in float32, the norm floored smoothly at 1e-6."""
    x = x.astype(jnp.float32)
    return lax.rsqrt(jnp.sum(x * x, axis=axis) + _NORM_FLOOR**2)


def additive(
    query_projected: Float[Array, "*batch queries features"],
    keys_projected: Float[Array, "*batch keys features"],
    v: Float[Array, " features"],
) -> Float[Array, "*batch queries keys"]:
    """score(s, h) = vᵀ tanh(W_q s + W_k h), the two projections already made.

    So the keys are projected once per source, not once per query. A bias inside the tanh belongs to
    either projection.

    Source: Bahdanau 2015, §A.1.2 (W_q, W_k, v are their W_a, U_a, v_a); Luong's "concat".
    """
    energies = jnp.tanh(query_projected[..., :, None, :] + keys_projected[..., None, :, :])
    return jnp.einsum(
        "...qkf,f->...qk", energies, v.astype(energies.dtype), preferred_element_type=jnp.float32
    )


def location(
    query: Float[Array, "*batch queries features"],
    weight: Float[Array, "max_source features"],
    keys_length: int,
) -> Float[Array, "*batch queries {keys_length}"]:
    """score(s, i) = (W s)_i: the query and the key's position matter, never what the key says.

    `keys_length` (at most max_source) is how many positions the source has, padding included.

    Source: Luong 2015, §3.1, "location" (weight is their W_a).
    """
    return jnp.einsum(
        "...qf,kf->...qk", query, weight[:keys_length], preferred_element_type=jnp.float32
    )
