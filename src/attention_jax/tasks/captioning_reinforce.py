"""How hard attention learns where to look: REINFORCE (Williams 1992; Xu 2015, §4.1).

A caption's expected log-probability over the places that may be drawn has the gradient

    E_s[ ∇ log p(y|s) + Σ_t (R_t - b_t) ∇ log p(s_t) ]

Of its first part the model's own gradient is an estimate; `slope` is a number with the gradient of
the second. R_t is log p(y|s), the whole caption's, as in the paper; or of the words from t on only,
since no place changes a word before it: the same expectation, with less noise.
"""

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float

DECAY = 0.9
"""Of the moving baseline."""


def slope(
    log_probs: Float[Array, "batch time"],
    log_chances: Float[Array, "batch time"],
    mask: Bool[Array, "batch time"],
    baseline: Float[Array, ""],
    *,
    to_go: bool,
) -> Float[Array, " batch"]:
    """Σ_t (R_t - b_t) log p(s_t), of which only log p(s_t) has a gradient.

    The baseline of the words from t on is the share of a caption's that they have by their number.

    Args:
      log_probs: log p(y_t | s), 0 where `mask` is False.
      log_chances: log p(s_t) of the places that were drawn; 0 where none was.
      mask: True where there is a word.
      baseline: b, what a caption's log-probability is like.
      to_go: R_t is of the words from t on, in place of the whole caption's.
    """
    if to_go:
        rewards = _from_here_on(log_probs)
        left = _from_here_on(mask.astype(jnp.float32))
        baselines = baseline * left / jnp.maximum(left[:, :1], 1)
    else:
        rewards, baselines = log_probs.sum(-1, keepdims=True), baseline
    advantages = jax.lax.stop_gradient(rewards - baselines)
    return (advantages * jnp.where(mask, log_chances, 0)).sum(-1)


def moved(baseline: Float[Array, ""], total: Array, count: Array) -> Float[Array, ""]:
    """The next baseline, 0.9 b + 0.1 log p(y|s), a mean of `count` captions; of none it stays."""
    now = jax.lax.stop_gradient(total / jnp.maximum(count, 1))
    return jnp.where(count > 0, DECAY * baseline + (1 - DECAY) * now, baseline)


def _from_here_on(values: Array) -> Array:
    """Σ_{t' >= t} values_{t'}."""
    return jnp.flip(jnp.cumsum(jnp.flip(values, -1), -1), -1)
