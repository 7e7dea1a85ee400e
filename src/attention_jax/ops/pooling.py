"""Max pooling whose gradient is cheap on a CPU."""

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Float


def halve(
    images: Float[Array, "batch height width channels"],
) -> Float[Array, "batch rows columns channels"]:
    """The largest of each 2 x 2 pixels; an odd last row or column is left out.

    The same as Flax's `max_pool(x, (2, 2), (2, 2))`, differentiable in reverse mode only; of equal
    pixels the last one gets the gradient. XLA's CPU compiler makes a scatter of that one's
    gradient: a training step of the few-shot embedding takes half the time with this one (XLA of
    jax 0.10, one core).
    """
    return _halve(images)


@jax.custom_vjp
def _halve(images: Array) -> Array:
    return _largest(images)[0]


def _forward(images: Array) -> tuple[Array, tuple[Array, Array]]:
    largest, place = _largest(images)
    # Kept of the images is their shape alone.
    return largest, (place, images[:0])


def _backward(kept: tuple[Array, Array], slopes: Array) -> tuple[Array]:
    place, images = kept
    batch, rows, columns, features = slopes.shape
    # Written in one pass: the slopes of four slices would be padded and summed.
    places = jnp.arange(4, dtype=place.dtype).reshape(1, 1, 2, 1, 2, 1)
    spread = jnp.where(_four(place) == places, _four(slopes), 0)
    spread = spread.reshape(batch, 2 * rows, 2 * columns, features)
    odd = ((0, 0), (0, images.shape[1] % 2), (0, images.shape[2] % 2), (0, 0))
    return (jnp.pad(spread, odd),)


_halve.defvjp(_forward, _backward)


def _largest(images: Array) -> tuple[Array, Array]:
    """The largest of four pixels, and which it is: 2 x row + column."""
    height, width = images.shape[1:3]
    rows, columns = height // 2, width // 2
    even = images[:, : 2 * rows, : 2 * columns]
    pairs = even.reshape(len(images), rows, 2, columns, 2, images.shape[-1])
    upper, lower = pairs[:, :, 0], pairs[:, :, 1]
    larger, row = jnp.maximum(upper, lower), lower >= upper
    left, right = larger[:, :, :, 0], larger[:, :, :, 1]
    column = right >= left
    row = jnp.where(column, row[:, :, :, 1], row[:, :, :, 0])
    return jnp.maximum(left, right), (2 * row + column).astype(jnp.uint8)


def _four(x: Array) -> Array:
    return x[:, :, None, :, None]
