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
    return jnp.where(log_probs >= values[:, -1:], log_probs, -jnp.inf)


def keep_top_p(
    log_probs: Float[Array, "rows vocab"], p: float | Array
) -> Float[Array, "rows vocab"]:
    """The nucleus of each row: its likeliest tokens, as few as together reach the probability p.

    Rows need not sum to one (a constraint or a temperature leaves them otherwise): p is a share of
    what a row holds. The likeliest token is always kept.

    Nothing is sorted, which in a loop XLA's CPU compiler does slowly (see `top_k`): the least
    probability that is kept is found by halving the range of all floating-point numbers 30 times.

    Source: Holtzman 2019, §3.1.
    """
    probabilities = jax.nn.softmax(log_probs.astype(jnp.float32))
    # Of numbers that are not negative the larger one has the larger bits, read as an integer.
    bits = jax.lax.bitcast_convert_type(probabilities, jnp.int32)

    def halve(_, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        """From `low` up there is enough probability, from `high` up too little."""
        low, high = bounds
        middle = (low + high) // 2
        held = jnp.sum(jnp.where(bits >= middle, probabilities, 0.0), axis=-1, keepdims=True)
        return jnp.where(held >= p, middle, low), jnp.where(held >= p, high, middle)

    high = jnp.max(bits, axis=-1, keepdims=True) + 1
    least, _ = jax.lax.fori_loop(0, 30, halve, (jnp.zeros_like(high), high))
    return jnp.where(bits >= least, log_probs, -jnp.inf)
