"""From scores to weights."""

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float, Key


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


def posterior(
    weights: Float[Array, "*batch queries keys"],
    log_likelihoods: Float[Array, "*batch queries keys"],
) -> Float[Array, "*batch queries keys"]:
    """P(i | y) = weights_i p(y | i) / Σ_j weights_j p(y | j): where y came from, once y is known.

    Bayes' rule with the weights as the prior, in float32. A row of zeros stays one, and a key
    without weight gets none, whatever its likelihood.

    Source: Shankar and Sarawagi 2019 (posterior attention).

    Args:
      weights: 0 or more; a row sums to one, or less where a window's are not normalised again.
      log_likelihoods: log p(y | i), of what was said at a query had only key i been read.
    """
    seen = weights > 0
    prior = jnp.log(jnp.where(seen, weights, 1.0).astype(jnp.float32))
    # Next to a large number the prior would be rounded away.
    lowest = jnp.finfo(jnp.float32).min
    peak = jnp.max(jnp.where(seen, log_likelihoods, lowest), axis=-1, keepdims=True)
    return masked_softmax(prior + jnp.where(seen, log_likelihoods - peak, 0.0), seen)


def hard(
    weights: Float[Array, "*batch queries keys"], draws: Key[Array, "*batch queries"] | None = None
) -> Float[Array, "*batch queries keys"]:
    """One key of each row gets the whole weight: 1 where it was chosen, 0 elsewhere.

    With a random key for each row (`draws`) key i is chosen with probability weights_i; without, it
    is the likeliest (the first of equals). A row draws one number, so that padding never changes
    what is drawn; a row of zeros stays one. The gradient is that of the weights themselves
    (straight-through): one_hot + weights - stop_gradient(weights).

    Source: Xu 2015, §4.1 (the one-hot rows are their s_t, weights their alpha_t). Departure: they
    learn by REINFORCE with a baseline; the straight-through estimate is Bengio 2013's, biased and
    without variance of its own.
    """
    if draws is None:
        chosen = jnp.argmax(weights, axis=-1)
    else:
        chance = jax.vmap(jax.random.uniform)(draws.reshape(-1)).reshape(*draws.shape, 1)
        # Only keys with weight count, whatever the rounding of the sum: none other is ever drawn.
        upto = jnp.where(weights > 0, jnp.cumsum(weights, axis=-1), 0.0)
        chosen = jnp.argmax(upto > chance * upto.max(axis=-1, keepdims=True), axis=-1)
    one_hot = jax.nn.one_hot(chosen, weights.shape[-1], dtype=weights.dtype)
    one_hot = one_hot * (weights > 0)
    return one_hot + (weights - jax.lax.stop_gradient(weights))
