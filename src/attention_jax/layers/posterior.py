"""Where a word that was said came from: attention after the word, not before it."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.ops.normalize import posterior
from attention_jax.typing import Array, Float, Int

Readout = Callable[
    [nn.Module, Float[Array, "batch queries features"]], Float[Array, "batch queries vocab"]
]
"""Scores of every token, by the context that each step reads."""


def posterior_weights(
    model: nn.Module,
    readout: Readout,
    annotations: Float[Array, "batch keys features"],
    weights: Float[Array, "batch queries keys"],
    tokens: Int[Array, "batch queries"],
) -> Float[Array, "batch queries keys"]:
    """P(a_t = i | y_t): the weights, and how likely each annotation alone would have made y_t.

    Attention chooses where to look before the word is known, and a model that is made to read what
    it would not have said looks at what it would have said. Afterwards the word tells more.

    Alone an annotation gets all the weight of the row, which in local-p's windows is less than one.
    One is read at a time: the memory is that of the logits of one reading.

    Source: Shankar and Sarawagi 2019. Departure: their models learn the mixture
    Σ_i P(a_t = i) p(y_t | a_t = i). Here any soft attention is asked, which learned to read a mean
    of annotations, what it says of one alone; and where steps are told of the last one's context,
    that is the mean, as it was read. Hard attention has nothing to add: its weights are one place.

    Args:
      model: what `readout` is given; its parameters are shared by all readings.
      readout: from contexts, with the model's states at all steps, to its scores.
      annotations: the source.
      weights: of the attention before y_t.
      tokens: y_t.
    """
    mass = weights.sum(-1, keepdims=True)

    def alone(model: nn.Module, carry: tuple, annotation: Array) -> tuple[tuple, Array]:
        log_probs = jax.nn.log_softmax(readout(model, mass * annotation[:, None]))
        return carry, jnp.take_along_axis(log_probs, tokens[..., None], axis=-1)[..., 0]

    scan = nn.scan(
        alone,
        variable_broadcast="params",
        split_rngs={"params": False},
        in_axes=1,
        out_axes=-1,
    )
    _, log_likelihoods = scan(model, (), annotations)
    return posterior(weights, log_likelihoods)
