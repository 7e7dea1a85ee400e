"""Convolutions: causal ones over time with WaveNet's gate, and those of images."""

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Float


def causal_conv(
    x: Float[Array, "*batch time in_features"],
    kernel: Float[Array, "kernel_size in_features features"],
    dilation: int = 1,
    branches: int = 1,
) -> Float[Array, "*batch time features"]:
    """y_t = Σ_j x_{t - (kernel_size - 1 - j) dilation} W_j, where x is zero before its first step.

    The last matrix of the kernel meets the step itself, the first one the step longest ago. Nothing
    later than t is read: (kernel_size - 1) dilation zeros stand before the sequence and none
    behind it.

    Source: van den Oord 2016 (WaveNet), §2.1; y is their W * x.

    Args:
      x: the steps.
      kernel: W.
      dilation: how far apart the steps lie that are read.
      branches: so many steps at the end continue, each on its own, what lies before them all.
    """
    if branches > 1:
        shared, last = jnp.split(x, [x.shape[-2] - branches], axis=-2)
        # A step of zeros finds what the past has for each of them.
        nothing = jnp.zeros_like(last[..., :1, :])
        before = causal_conv(jnp.concatenate([shared, nothing], axis=-2), kernel, dilation)
        found = before[..., -1:, :] + last @ kernel[-1]
        return jnp.concatenate([before[..., :-1, :], found], axis=-2)
    batch = x.shape[:-2]
    y = jax.lax.conv_general_dilated(
        x.reshape(-1, *x.shape[-2:]),
        kernel,
        window_strides=(1,),
        padding=[((len(kernel) - 1) * dilation, 0)],
        rhs_dilation=(dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
    )
    return y.reshape(*batch, *y.shape[-2:])


def convolve(
    images: Float[Array, "batch height width in_features"],
    kernel: Float[Array, "rows columns in_features features"],
) -> Float[Array, "batch height width features"]:
    """Images convolved with a kernel of odd sides, zeros around them, so that they keep their size.

    The same as Flax's `Conv` of stride 1, but differentiable in reverse mode only. Of large batches
    XLA's CPU compiler takes about ten times as long for the kernel's slopes as for the images' (300
    images of 14 x 14 x 64, jax 0.10); one product for each row of the kernel, a fifth of that.
    """
    return _convolve(images, kernel)


@jax.custom_vjp
def _convolve(images: Array, kernel: Array) -> Array:
    return _by_xla(images, kernel)


def _forward(images: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _by_xla(images, kernel), (images, kernel)


def _backward(kept: tuple[Array, Array], slopes: Array) -> tuple[Array, Array]:
    images, kernel = kept
    (by_images,) = jax.linear_transpose(lambda x: _by_xla(x, kernel), images)(slopes)
    by_kernel = jax.lax.platform_dependent(
        images, kernel, slopes, cpu=_by_products, default=_kernel_slopes
    )
    return by_images, by_kernel


_convolve.defvjp(_forward, _backward)


def _by_xla(images: Array, kernel: Array) -> Array:
    return jax.lax.conv_general_dilated(
        images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _kernel_slopes(images: Array, kernel: Array, slopes: Array) -> Array:
    return jax.linear_transpose(lambda x: _by_xla(images, x), kernel)(slopes)[0]


def _by_products(images: Array, kernel: Array, slopes: Array) -> Array:
    height, width = images.shape[1:3]
    rows, columns, _, features = kernel.shape
    sides = ((side // 2, side // 2) for side in (rows, columns))
    padded = jnp.pad(images, ((0, 0), *sides, (0, 0)))
    seen = jnp.concatenate([padded[:, :, n : n + width] for n in range(columns)], axis=-1)
    # Two axes each: XLA's contraction over three is five times as slow.
    slopes = slopes.reshape(-1, features)
    found = [
        jnp.matmul(
            seen[:, n : n + height].reshape(len(slopes), -1).T,
            slopes,
            preferred_element_type=jnp.float32,
        )
        for n in range(rows)
    ]
    return jnp.stack(found).reshape(kernel.shape).astype(kernel.dtype)


def gate(x: Float[Array, "*batch twice"]) -> Float[Array, "*batch half"]:
    """tanh(a) ⊙ σ(b), where a is the first half of x and b the second.

    Source: van den Oord 2016, eq. 2; a is their W_f * x, b their W_g * x.
    """
    filtered, opening = jnp.split(x, 2, axis=-1)
    return jnp.tanh(filtered) * jax.nn.sigmoid(opening)
