"""The score of a sequence that is given rather than searched for."""

import jax
import jax.numpy as jnp

from attention_jax.decoding.contract import Constraint
from attention_jax.typing import Array, Bool, Float, Int, PyTree


def score_tokens(
    logits: Float[Array, "batch time vocab"], tokens: Int[Array, "batch time"], pad: int
) -> tuple[Float[Array, " batch"], Float[Array, "batch time"]]:
    """The log-probability of given sequences, and of each of their tokens.

    Nothing has to be searched, so a model's training face reads all tokens at once: `logits` are
    its scores of every token given those before it. The sum is what a search reports as `log_probs`
    of the same sequence, and minus the cross-entropy of training without label smoothing.

    Args:
      logits: normalised or not.
      tokens: with `eos`; `pad` after it, which scores 0. `pad` is no token a sequence may hold.
      pad: filler.

    Returns:
      the sum over each sequence, and the log-probability of each token.
    """
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    real = tokens != pad
    chosen = jnp.take_along_axis(log_probs, jnp.where(real, tokens, 0)[..., None], axis=-1)
    of_each = jnp.where(real, chosen[..., 0], 0.0)
    return of_each.sum(-1), of_each


def allowed_along(
    constraint: Constraint, source: PyTree, tokens: Int[Array, "batch time"]
) -> Bool[Array, "batch time vocab"]:
    """What a constraint allows at every step of given sequences.

    A policy that draws among what is allowed has the log-probabilities
    log_softmax(where(allowed, logits, -1e9)): those whose gradient REINFORCE follows.

    Args:
      constraint: its mask has a column for every token, whatever the step.
      source: as in decoding.
      tokens: given.
    """

    def step(state: PyTree, now: tuple[Array, Array]) -> tuple[PyTree, Array]:
        token, time = now
        return constraint.update(state, token, time), constraint.mask(state, time)

    times = jnp.arange(tokens.shape[1])
    _, allowed = jax.lax.scan(step, constraint.init(source), (tokens.T, times))
    return allowed.swapaxes(0, 1)
