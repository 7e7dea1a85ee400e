"""Batch normalisation that sees neither padding nor the number of devices.

`flax.linen.BatchNorm` averages the devices' masked means with equal weight, and a device whose rows
are all padding makes it NaN. Here sums and counts are reduced first and divided once.
"""

import math
from functools import partial
from typing import NamedTuple

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
        """Normalises x [batch, ..., features]; `mask` [batch] is False where a row is padding.

        In training it is differentiable in reverse mode only.
        """
        features = x.shape[-1]
        mean = self.variable("batch_stats", "mean", jnp.zeros, features)
        var = self.variable("batch_stats", "var", jnp.ones, features)
        scale = self.param("scale", nn.initializers.ones, (features,))
        bias = self.param("bias", nn.initializers.zeros, (features,))
        if not train:
            return _affine(x, mean.value, jax.lax.rsqrt(var.value + self.epsilon), scale, bias)
        y, now = _normalised(self.epsilon, self.axis_name, x, mask, scale, bias)
        if not self.is_initializing():
            keep = jnp.where(now.real > 0, self.momentum, 1.0)
            mean.value = keep * mean.value + (1 - keep) * now.mean
            var.value = keep * var.value + (1 - keep) * now.var
        return y


class _Statistics(NamedTuple):
    """Of one batch, over all devices; float32. No slopes go through them to the outside."""

    mean: Float[Array, " features"]
    var: Float[Array, " features"]
    real: Float[Array, ""]
    """Positions that were counted."""


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _normalised(epsilon, axis_name, x, mask, scale, bias):
    return _forward(epsilon, axis_name, x, mask, scale, bias)[0]


def _forward(epsilon, axis_name, x, mask, scale, bias):
    axes, weight = tuple(range(x.ndim - 1)), _weight(x, mask)
    seen = x.astype(jnp.float32)
    real = jnp.asarray(x.shape[0], jnp.float32) if mask is None else mask.sum(dtype=jnp.float32)
    count = _across(real * math.prod(x.shape[1:-1]), axis_name)
    some = jnp.maximum(count, 1)
    mean = _across((seen * weight).sum(axes), axis_name) / some
    # Deviations from the mean, not the difference of two squares, which cancels.
    var = _across((jnp.square(seen - mean) * weight).sum(axes), axis_name) / some
    inverse = jax.lax.rsqrt(var + epsilon)
    found = _affine(x, mean, inverse, scale, bias), _Statistics(mean, var, count)
    return found, (x, mask, scale, mean, inverse, some)


def _backward(epsilon, axis_name, kept, slopes):
    """Automatic differentiation goes through x three times as often."""
    x, mask, scale, mean, inverse, some = kept
    by_y = slopes[0].astype(jnp.float32)
    axes, deviation = tuple(range(x.ndim - 1)), (x.astype(jnp.float32) - mean) * inverse
    by_bias, by_scale = by_y.sum(axes), (by_y * deviation).sum(axes)
    by_mean, by_deviation = (_across(part, axis_name) / some for part in (by_bias, by_scale))
    by_x = by_y - _weight(x, mask) * (by_mean + deviation * by_deviation)
    return (scale * inverse * by_x).astype(x.dtype), None, by_scale, by_bias


_normalised.defvjp(_forward, _backward)


def _affine(x: Array, mean: Array, inverse: Array, scale: Array, bias: Array) -> Array:
    return ((x - mean) * (inverse * scale) + bias).astype(x.dtype)


def _weight(x: Array, mask: Array | None) -> Array | float:
    """1 where a row is real, shaped to meet x."""
    if mask is None:
        return 1.0
    return mask.astype(jnp.float32).reshape(-1, *[1] * (x.ndim - 1))


def _across(x: Array, axis_name: str | None) -> Array:
    return x if axis_name is None else jax.lax.psum(x, axis_name)
