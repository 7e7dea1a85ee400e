"""What the score of a sequence holds besides its log-probability.

score = log p(y | source) / length_penalty + coverage_penalty (Wu 2016, eq. 14).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float, Int

_LEAST = 1e-6


class Coverage(NamedTuple):
    """How a search learns what of the source a hypothesis has attended to."""

    beta: float
    """Strength, at least 0; Wu 2016 took 0.2."""
    weights: Callable[[Any], Array]
    """Extras of one step -> attention weights [rows, source], none negative."""
    mask: Callable[[Any], Array]
    """source -> bool [batch, source]; True = real: to be covered."""


NO_COVERAGE = Coverage(
    beta=0.0,
    weights=lambda extras: jnp.zeros((1, 0)),
    mask=lambda source: jnp.zeros((1, 0), bool),
)
"""A penalty on a source without positions: it costs nothing."""


def length_penalty(length: Int[Array, "*shape"], alpha: float | Array) -> Float[Array, "*shape"]:
    """((5 + length) / 6) ** alpha, what a log-probability is divided by.

    Above 0 it favours long sequences, below 0 short ones, at 0 it does nothing. `length` counts
    `eos`. Wu 2016, eq. 14 (lp).
    """
    return ((5.0 + length) / 6.0) ** alpha


def coverage_penalty(
    covered: Float[Array, "*batch source"], mask: Bool[Array, "*batch source"], beta: float
) -> Float[Array, "*batch"]:
    """What is left uncovered: beta Σ_i log(min(c_i, 1)) over real positions i, with c_i = Σ_j p_ij.

    p_ij is the weight on source position i under which token j was chosen, `eos` included;
    `covered` holds c. At most 0, which a position reaches with the attention of one whole token;
    more earns nothing.

    Source: Wu 2016, eq. 14 (cp). Departure: c_i counts as at least 1e-6, so that a position never
    looked at costs 14 beta: bad, yet finite, and two such positions are worse than one.
    """
    of_each = jnp.log(jnp.clip(covered, _LEAST, 1.0))
    return beta * jnp.sum(jnp.where(mask, of_each, 0.0), axis=-1)
