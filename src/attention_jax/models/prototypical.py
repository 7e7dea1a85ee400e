"""Prototypical networks: the class whose mean is nearest (Snell, Swersky, Zemel 2017).

c_k = mean of f(x_i) over the support of class k, p(y = k | x) = softmax_k(-|f(x) - c_k|²).
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.conv_embedding import ConvEmbedding
from attention_jax.typing import Array, Bool, Float, Int


class PrototypicalNetwork(nn.Module):
    """Images with their classes, and images without: scores of the latter's classes.

    Nothing is learned but the embedding f; beside SNAIL, which has to learn to compare.

    Source: Snell 2017, eq. 1 and 2, squared Euclidean distance.

    Attributes:
      ways: classes of an episode (their N_C).
      filters: of the embedding's convolutions.
      axis_name: of `pmap`, for the batch statistics.
      dtype: of the products; distances are float32.
    """

    ways: int
    filters: int = 64
    axis_name: str | None = None
    dtype: Any = jnp.float32

    def setup(self):
        self.look = ConvEmbedding(self.filters, self.axis_name, self.dtype)

    def __call__(
        self,
        support: Float[Array, "batch support height width channels"],
        labels: Int[Array, "batch support"],
        queries: Float[Array, "batch queries height width channels"],
        mask: Bool[Array, " batch"] | None = None,
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch queries ways"], dict[str, Array]]:
        """Scores of every query's class; arguments as `models.snail.SNAIL` takes them.

        `weights` is accepted for the contract's sake; this model has none.

        Returns:
          logits in float32, and {}.
        """
        del weights
        number = labels.shape[1]
        images = jnp.concatenate([support, queries], axis=1)
        features = self.look(images, mask, train=train).astype(jnp.float32)
        members = jax.nn.one_hot(labels, self.ways, axis=1)
        counts = jnp.maximum(members.sum(-1, keepdims=True), 1)
        prototypes = jnp.einsum("bws,bsf->bwf", members, features[:, :number]) / counts
        away = features[:, number:, None] - prototypes[:, None]
        return -jnp.square(away).sum(-1), {}
