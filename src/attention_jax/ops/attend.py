"""Attention itself: scores -> mask -> normalise -> read; one head, several, and fused."""

from typing import Literal

import jax
import jax.numpy as jnp

from attention_jax.ops import masks
from attention_jax.ops.normalize import masked_softmax
from attention_jax.ops.scores import scaled_dot
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


def attend_heads(
    query: Float[Array, "batch queries heads head_dim"],
    keys: Float[Array, "batch keys heads head_dim"],
    values: Float[Array, "batch keys heads head_dim"],
    mask: Bool[Array, "#batch #queries #keys"] | None = None,
    *,
    causal: bool = False,
) -> tuple[Float[Array, "batch queries heads head_dim"], Float[Array, "batch heads queries keys"]]:
    """Scaled dot-product attention, each head by itself: the contexts, and all the weights.

    The mask is the same for every head. With `causal` query t sees keys 0 to t only; queries and
    keys are then the positions of one sequence.

    Source: Vaswani 2017, eq. 1.
    """
    if causal:
        past = masks.causal(query.shape[1], keys.shape[1])[None]
        mask = past if mask is None else mask & past
    query, keys, values = (jnp.swapaxes(x, 1, 2) for x in (query, keys, values))
    every_head = None if mask is None else mask[:, None]
    context, weights = attend(scaled_dot(query, keys), values, every_head)
    return jnp.swapaxes(context, 1, 2), weights


def attend_fused(
    query: Float[Array, "batch queries heads head_dim"],
    keys: Float[Array, "batch keys heads head_dim"],
    values: Float[Array, "batch keys heads head_dim"],
    mask: Bool[Array, "#batch #queries #keys"] | None = None,
    *,
    causal: bool = False,
) -> Float[Array, "batch queries heads head_dim"]:
    """The contexts of `attend_heads`, where nobody asks for the weights.

    On NVIDIA GPUs since Ampere and in half precision this is cuDNN's flash attention, which keeps
    no weights, forwards or backwards: memory grows with queries + keys (a mask costs one
    [batch, queries, keys] for all heads; `causal` costs nothing). Elsewhere XLA compiles the
    equation as it stands.

    Source: Vaswani 2017, eq. 1; Dao 2022. Departure from `jax.nn.dot_product_attention`: it gives a
    fully masked query the mean of the values, here it reads nothing.
    """
    shape = (1, query.shape[1], keys.shape[1])
    mask = None if mask is None else jnp.broadcast_to(mask, jnp.broadcast_shapes(mask.shape, shape))
    context = jax.nn.dot_product_attention(
        query,
        keys,
        values,
        mask=None if mask is None else mask[:, None],
        is_causal=causal,
        implementation=_implementation(query, keys, mask),
    )
    if mask is None:
        return context
    allowed = mask & masks.causal(*shape[1:]) if causal else mask
    return jnp.where(allowed.any(-1)[:, :, None, None], context, 0)


def _implementation(query: Array, keys: Array, mask: Array | None) -> Literal["cudnn"] | None:
    """The kernel: cuDNN's where it is at hand and takes such arrays, else the one JAX chooses."""
    # "9.0" on an NVIDIA GPU, "gfx90a" on an AMD one, absent elsewhere.
    capability = getattr(jax.devices()[0], "compute_capability", "")
    if not capability[:1].isdigit() or float(capability) < 8:
        return None
    half = query.dtype in (jnp.bfloat16, jnp.float16)
    fits = query.shape[-1] % 8 == 0 and query.shape[-1] <= 128
    even = mask is None or (query.shape[1] % 2 == 0 and keys.shape[1] % 2 == 0)
    return "cudnn" if half and fits and even else None
