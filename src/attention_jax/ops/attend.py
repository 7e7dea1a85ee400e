"""Attention itself: scores -> mask -> normalise -> read."""

import jax.numpy as jnp

from attention_jax.ops.normalize import masked_softmax
from attention_jax.typing import Array, Bool, Float


def attend(
    scores: Float[Array, "*batch queries keys"],
    values: Float[Array, "*batch keys features"],
    mask: Bool[Array, "*#batch #queries #keys"] | None = None,
) -> tuple[Float[Array, "*batch queries features"], Float[Array, "*batch queries keys"]]:
    """Context = Σ_i softmax(scores)_i values_i, with the weights beside it.

    The weights are float32 and sum to one over keys; a fully masked row has zero weights and a zero
    context. The context has the values' type.

    Source: Bahdanau 2015, eq. 5 and 6 (context is their c_i, weights their alpha_ij).
    """
    weights = masked_softmax(scores, mask)
    return read(weights, values), weights


def read(
    weights: Float[Array, "*batch queries keys"], values: Float[Array, "*batch keys features"]
) -> Float[Array, "*batch queries features"]:
    """Context = Σ_i weights_i values_i, in the values' type."""
    return jnp.einsum("...qk,...kf->...qf", weights.astype(values.dtype), values)
