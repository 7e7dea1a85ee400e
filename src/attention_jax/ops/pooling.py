"""Max pooling whose gradient is cheap on a CPU."""

import jax.numpy as jnp

from attention_jax.typing import Array, Float


def halve(
    images: Float[Array, "batch height width channels"],
) -> Float[Array, "batch rows columns channels"]:
    """The largest of each 2 x 2 pixels; an odd last row or column is left out.

    The same as Flax's `max_pool(x, (2, 2), (2, 2))`, but of equal pixels another one may get the
    gradient. XLA's CPU compiler makes a scatter of that one's gradient: a training step of the
    few-shot embedding takes half the time with this one (XLA of jax 0.10, one core).
    """
    height, width = images.shape[1:3]
    rows, columns = height // 2, width // 2
    even = images[:, : 2 * rows, : 2 * columns]
    pairs = even.reshape(len(images), rows, 2, columns, 2, images.shape[-1])
    upper = _larger(pairs[:, :, 0], pairs[:, :, 1])
    return _larger(upper[:, :, :, 0], upper[:, :, :, 1])


def _larger(x: Array, y: Array) -> Array:
    # Not `jnp.maximum`, which shares the gradient of equal numbers: that costs more.
    return jnp.where(x > y, x, y)
