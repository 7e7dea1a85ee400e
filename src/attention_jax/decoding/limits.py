"""How short and how long a sequence may be."""

import jax.numpy as jnp

from attention_jax.decoding.contract import Constraint
from attention_jax.typing import Array, Int


def within(
    minimum: int, maximum: Int[Array, " batch"] | None = None, *, eos: int, vocab: int
) -> Constraint:
    """Sequences of at least `minimum` and at most `maximum` tokens, `eos` included.

    Before the minimum `eos` is forbidden, and at the maximum all else: unlike `max_length`, which
    cuts a sequence off, this makes it end. Where the two limits collide the maximum holds.

    Args:
      minimum: for all examples; 0 or 1 for none.
      maximum: for each example, say the length of its source + 50 (Vaswani 2017, §6.1); none by
        default. Beyond `max_length` it has no effect.
      eos: ends a sequence.
      vocab: entries of the vocabulary.
    """

    def mask(maximum, time):
        length = time + 1
        last = jnp.bool_(False) if maximum is None else (length >= maximum)[:, None]
        return jnp.where(jnp.arange(vocab) == eos, (length >= minimum) | last, ~last)

    return Constraint(
        init=lambda source: maximum,
        update=lambda maximum, token, time: maximum,
        mask=mask,
    )
