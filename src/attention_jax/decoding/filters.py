"""Which tokens may be drawn: the likeliest k, or the likeliest that hold most of the probability.

Both put -inf in place of what they take away and normalise nothing. No token is preferred to one
that is equally likely: equals of the last token that is kept are kept too.
"""

import jax
import jax.numpy as jnp

from attention_jax.decoding.top_k import top_k
from attention_jax.typing import Array, Float


def keep_top_k(log_probs: Float[Array, "rows vocab"], k: int) -> Float[Array, "rows vocab"]:
    """The k likeliest tokens of each row, all of them if there are fewer. Fan 2018."""
    values, _ = top_k(log_probs, min(k, log_probs.shape[-1]))
    return _at_least(log_probs, values[:, -1:])


def keep_top_p(log_probs: Float[Array, "rows vocab"], p: float) -> Float[Array, "rows vocab"]:
    """The nucleus of each row: its likeliest tokens, as few as together reach the probability p.

    Rows need not sum to one (a constraint or a temperature leaves them otherwise): p is a share of
    what a row holds. The likeliest token is always kept.

    Source: Holtzman 2019, §3.1.
    """
    descending = jnp.sort(log_probs, axis=-1, descending=True, stable=False)
    until = jnp.cumsum(jax.nn.softmax(descending), axis=-1)
    before = jnp.pad(until[:, :-1], ((0, 0), (1, 0)))
    last = jnp.sum(before < p, axis=-1, keepdims=True) - 1
    return _at_least(log_probs, jnp.take_along_axis(descending, last, axis=-1))


def _at_least(log_probs: Array, threshold: Array) -> Array:
    return jnp.where(log_probs >= threshold, log_probs, -jnp.inf)
