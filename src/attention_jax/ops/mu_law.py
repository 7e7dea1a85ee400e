"""The μ-law: samples of sound as a few levels, finer near silence (ITU-T G.711)."""

import jax.numpy as jnp

from attention_jax.typing import Array, Float, Int


def encode(samples: Float[Array, "*batch"], levels: int = 256) -> Int[Array, "*batch"]:
    """The level nearest to f(x) = sign(x) ln(1 + μ|x|) / ln(1 + μ): 0 for -1, levels - 1 for 1.

    Samples lie in -1 .. 1; what is louder is cut. μ is levels - 1; silence becomes levels / 2 (of
    the two levels nearest to it the upper one).

    Source: van den Oord 2016, §2.2; the rounding is not said there.
    """
    mu = levels - 1
    x = jnp.clip(samples.astype(jnp.float32), -1, 1)
    companded = jnp.sign(x) * jnp.log1p(mu * jnp.abs(x)) / jnp.log1p(mu)
    return jnp.floor((companded + 1) / 2 * mu + 0.5).astype(jnp.int32)


def decode(codes: Int[Array, "*batch"], levels: int = 256) -> Float[Array, "*batch"]:
    """The sample in -1 .. 1 that each level stands for: `encode` gives the level back."""
    mu = levels - 1
    companded = 2 * codes.astype(jnp.float32) / mu - 1
    loudness = jnp.expm1(jnp.abs(companded) * jnp.log1p(mu)) / mu
    return jnp.sign(companded) * jnp.minimum(loudness, 1)
