"""Causal convolution over time, and WaveNet's gate."""

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


def gate(x: Float[Array, "*batch twice"]) -> Float[Array, "*batch half"]:
    """tanh(a) ⊙ σ(b), where a is the first half of x and b the second.

    Source: van den Oord 2016, eq. 2; a is their W_f * x, b their W_g * x.
    """
    filtered, opening = jnp.split(x, 2, axis=-1)
    return jnp.tanh(filtered) * jax.nn.sigmoid(opening)
