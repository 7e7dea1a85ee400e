"""From a decoder's state to scores over the vocabulary."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.initializers import HOUSE, Initializers
from attention_jax.typing import Array, Float


def maxout(x: Float[Array, "*batch twice"]) -> Float[Array, "*batch half"]:
    """max(x_j, x_{j + half}): the larger of each pair (Goodfellow 2013, pieces of two).

    Departure: a pair is (j, j + half), not (2j - 1, 2j); the names of units are all that changes.
    """
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.maximum(first, second)


class MaxoutReadout(nn.Module):
    """t = maxout(U s_{t-1} + V E y_{t-1} + C c_t + b): a deep output layer of one hidden layer.

    Source: Bahdanau 2015, §A.2.2 (s_{t-1} is the state *before* this step's update).

    Attributes:
      features: maxout units; the products have twice as many.
      initializers: `kernel` and `bias` are used.
      dtype: of the matrix products.
    """

    features: int
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        state: Float[Array, "*batch state_features"],
        token: Float[Array, "*batch token_features"],
        context: Float[Array, "*#batch context_features"],
    ) -> Float[Array, "*batch features"]:
        """Any number of steps at once; one context may serve them all (axis of size one)."""

        def product(name: str, x: Array, use_bias: bool = False) -> Array:
            return nn.Dense(
                2 * self.features,
                use_bias=use_bias,
                dtype=self.dtype,
                kernel_init=self.initializers.kernel,
                bias_init=self.initializers.bias,
                name=name,
            )(x)

        return maxout(
            product("state", state, use_bias=True)
            + product("token", token)
            + product("context", context)
        )


class Logits(nn.Module):
    """W x + b over the vocabulary: the product in `dtype`, summed and returned in float32.

    Attributes:
      vocab: entries of the vocabulary.
      initializers: `kernel` and `bias` are used.
      dtype: of the matrix product.
    """

    vocab: int
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch {self.vocab}"]:
        """Any number of steps at once."""
        kernel = self.param("kernel", self.initializers.kernel, (x.shape[-1], self.vocab))
        bias = self.param("bias", self.initializers.bias, (self.vocab,))
        return (
            jnp.matmul(
                x.astype(self.dtype),
                kernel.astype(self.dtype),
                preferred_element_type=jnp.float32,
            )
            + bias
        )
