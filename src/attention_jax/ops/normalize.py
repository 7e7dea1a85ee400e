"""From scores to weights."""

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float


def masked_softmax(
    scores: Float[Array, "*batch queries keys"],
    mask: Bool[Array, "*#batch #queries #keys"] | None = None,
) -> Float[Array, "*batch queries keys"]:
    """weights_i = exp(score_i) / Σ_j exp(score_j), over the keys that the mask allows.

    Computed and returned in float32. Every row sums to one, but a fully masked row is all zeros;
    its gradient is zero, and no infinity arises anywhere.
    """
    scores = scores.astype(jnp.float32)
    if mask is None:
        return jax.nn.softmax(scores)
    scores = jnp.where(mask, scores, jnp.finfo(jnp.float32).min)
    peak = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True))
    powers = jnp.where(mask, jnp.exp(scores - peak), 0.0)
    total = jnp.sum(powers, axis=-1, keepdims=True)
    # Not a maximum with one: its gradient is halved at a tie, and a row of one key is a tie.
    return powers / jnp.where(total > 0, total, 1.0)
