"""Batch normalisation that sees neither padding nor the number of devices.

`flax.linen.BatchNorm` averages the devices' masked means with equal weight, and a device whose rows
are all padding makes it NaN. Here sums and counts are reduced first and divided once.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.typing import Array, Bool, Float


class BatchNorm(nn.Module):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, statistics over all real positions.

    Statistics are float32; the running ones (collection `batch_stats`) follow with `momentum`. With
    no real position at all the batch leaves them as they are.

    Source: Ioffe and Szegedy 2015, algorithm 1; the variance is the biased one, in training and in
    the running average.

    Attributes:
      momentum: of the running statistics, 0 to 1.
      epsilon: added to the variance.
      axis_name: of `pmap`, to reduce over; None under jit over a mesh or on one device.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "batch *positions features"],
        mask: Bool[Array, " batch"] | None = None,
        *,
        train: bool = False,
    ) -> Float[Array, "batch *positions features"]:
        """Normalises x [batch, ..., features]; `mask` [batch] is False where a row is padding."""
        features = x.shape[-1]
        mean = self.variable("batch_stats", "mean", jnp.zeros, features)
        var = self.variable("batch_stats", "var", jnp.ones, features)
        scale = self.param("scale", nn.initializers.ones, (features,))
        bias = self.param("bias", nn.initializers.zeros, (features,))
        now = (mean.value, var.value)
        if train:
            now, any_real = self._statistics(x.astype(jnp.float32), mask)
            if not self.is_initializing():
                keep = jnp.where(any_real, self.momentum, 1.0)
                mean.value = keep * mean.value + (1 - keep) * now[0]
                var.value = keep * var.value + (1 - keep) * now[1]
        y = (x - now[0]) * jax.lax.rsqrt(now[1] + self.epsilon) * scale + bias
        return y.astype(x.dtype)

    def _statistics(self, x: Array, mask: Array | None):
        axes = tuple(range(x.ndim - 1))
        weight = jnp.ones(x.shape[:1]) if mask is None else mask.astype(jnp.float32)
        weight = jnp.broadcast_to(weight.reshape(-1, *[1] * (x.ndim - 1)), (*x.shape[:-1], 1))
        count = self._reduce(weight.sum())
        some = jnp.maximum(count, 1)
        mean = self._reduce((x * weight).sum(axes)) / some
        # Deviations from the mean, not the difference of two squares, which cancels.
        var = self._reduce((jnp.square(x - mean) * weight).sum(axes)) / some
        return (mean, var), count > 0

    def _reduce(self, x: Array) -> Array:
        return x if self.axis_name is None else jax.lax.psum(x, self.axis_name)
