"""Convolutions of images."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.ops.convolution import convolve
from attention_jax.typing import Array, Float


class Conv(nn.Module):
    """A 3 x 3 convolution that keeps the size; see `ops.convolution.convolve`.

    Its parameters are those of Flax's `Conv`.

    Attributes:
      features: filters.
      use_bias: add one number for each filter.
      kernel_init: of the filters.
      dtype: of the products.
    """

    features: int
    use_bias: bool = True
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width in_features"]
    ) -> Float[Array, "batch height width {self.features}"]:
        """Every filter at every pixel."""
        shape = (3, 3, images.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = convolve(images.astype(self.dtype), kernel.astype(self.dtype))
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return y + bias.astype(self.dtype)
