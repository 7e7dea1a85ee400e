"""How few-shot models see an image: four blocks of convolution, normalisation and pooling."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.batch_norm import BatchNorm
from attention_jax.ops.materialize import materialized
from attention_jax.ops.pooling import halve
from attention_jax.typing import Array, Bool, Float

BLOCKS = 4
SMALLEST = 2**BLOCKS
"""Pixels a side, so that something is left after the last pooling."""


class ConvEmbedding(nn.Module):
    """Four times: 3 x 3 convolution, batch normalisation, ReLU, 2 x 2 max pooling; then flattened.

    An image of 28 x 28 pixels becomes `filters` numbers. The convolutions have no bias, since the
    normalisation would take it away.

    Source: Vinyals 2016 (matching networks), §4.1.1; in Mishra 2017 and Snell 2017 the same.

    Attributes:
      filters: of every convolution.
      axis_name: of `pmap`, for the batch statistics.
      dtype: of the products; the statistics are float32.

    Raises UserError for images of fewer than 16 pixels a side.
    """

    filters: int = 64
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch images height width channels"],
        mask: Bool[Array, " batch"] | None = None,
        *,
        train: bool = False,
    ) -> Float[Array, "batch images features"]:
        """The same for every image of every episode; statistics are over all of them.

        Where `mask` is False an episode only fills up the batch: statistics do not see it.
        """
        batch, number, height, width = images.shape[:4]
        if min(height, width) < SMALLEST:
            raise UserError(
                f"images are {height} x {width} pixels, but four poolings need at least "
                f"{SMALLEST} x {SMALLEST}: enlarge them"
            )
        real = None if mask is None else jnp.repeat(mask, number)
        x = images.reshape(-1, *images.shape[2:]).astype(self.dtype)
        for _ in range(BLOCKS):
            x = nn.Conv(self.filters, (3, 3), use_bias=False, dtype=self.dtype)(x)
            x = BatchNorm(axis_name=self.axis_name)(x, real, train=train)
            # ReLU is monotonic: after the pooling it is the same on a quarter of the pixels.
            x = materialized(nn.relu(halve(x)))
        return x.reshape(batch, number, -1)
