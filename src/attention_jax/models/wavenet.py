"""WaveNet: sound sample by sample, by dilated causal convolutions (van den Oord et al. 2016).

p(x) = Π_t p(x_t | x_1 ... x_{t-1}), each sample one of 256 levels of the μ-law, its probabilities a
softmax. Layer after layer looks twice as far back, 1, 2, 4 ... 512 steps, and then again from 1;
gated units with residual connections, and the sum of all layers' skips is read out.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.causal_conv import CausalConv, ResidualSkip
from attention_jax.layers.initializers import HOUSE
from attention_jax.layers.readout import Logits
from attention_jax.typing import Array, Float, Int


class StepCarry(NamedTuple):
    """Past inputs of the first convolution and of each layer, in rings [rows past features]."""

    first: Array
    layers: tuple[Array, ...]


class WaveNet(nn.Module):
    """Levels of past samples in, scores of the next sample's level out.

    Both faces give the same numbers: `__call__` runs all samples at once; `start` and `step` take
    them one by one, with the cost of one sample. `ops.mu_law` makes levels of sound and back.

    Source: van den Oord 2016, §2, without conditioning. The paper prints no widths: the defaults
    are ours. Departure: a level is embedded before the first convolution, which is the paper's
    convolution of one-hot samples with a factored kernel.

    Attributes:
      levels: of a sample. The number `levels` itself is read before the first one.
      features: width of the layers (residual channels and gated units).
      skip_features: width of the skips' sum and of the layer that reads it.
      depth: dilations 1, 2 ... 2^(depth - 1).
      cycles: how often they are repeated.
      kernel_size: samples that each layer reads.
      dtype: of the products.
    """

    levels: int = 256
    features: int = 64
    skip_features: int = 256
    depth: int = 10
    cycles: int = 3
    kernel_size: int = 2
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """How many of the samples before it the scores of one sample depend on."""
        return 1 + (self.kernel_size - 1) * (1 + self.cycles * (2**self.depth - 1))

    def setup(self):
        self.embed = nn.Embed(
            self.levels + 1, self.features, dtype=self.dtype, embedding_init=HOUSE.embedding
        )
        self.first = CausalConv(self.features, self.features, self.kernel_size, dtype=self.dtype)
        self.layers = [
            ResidualSkip(self.features, self.skip_features, self.kernel_size, 2**level, self.dtype)
            for _ in range(self.cycles)
            for level in range(self.depth)
        ]
        self.hidden = nn.Dense(self.skip_features, dtype=self.dtype)
        self.logits = Logits(self.levels, dtype=self.dtype)

    def __call__(
        self, inputs: Int[Array, "batch time"], *, weights: bool = False
    ) -> tuple[Float[Array, "batch time levels"], dict[str, Array]]:
        """Scores of every sample's level given those before it.

        Args:
          inputs: the levels shifted right: the number `levels` first. Padding stands behind, where
            nothing real reads it.
          weights: accepted for the contract's sake; this model has none.

        Returns:
          logits in float32, and {}.
        """
        del weights
        x = self.first(self.embed(inputs))
        skips = jnp.zeros((*inputs.shape, self.skip_features))
        for layer in self.layers:
            x, skip = layer(x)
            skips = skips + skip
        return self._read(skips), {}

    def start(self, batch: int) -> StepCarry:
        """Rings before the first sample; they last for any number of samples."""
        return StepCarry(
            self.first.start(batch), tuple(layer.start(batch) for layer in self.layers)
        )

    def step(
        self, carry: StepCarry, level: Int[Array, " rows"], time: Int[Array, ""] | int
    ) -> tuple[StepCarry, Float[Array, "rows levels"]]:
        """One sample: the next carry, and log-probabilities of what follows `level`.

        `time` counts from 0.
        """
        first, x = self.first.step(carry.first, self.embed(level), time)
        following, skips = [], jnp.zeros((*level.shape, self.skip_features))
        for layer, ring in zip(self.layers, carry.layers, strict=True):
            ring, (x, skip) = layer.step(ring, x, time)
            following.append(ring)
            skips = skips + skip
        return StepCarry(first, tuple(following)), jax.nn.log_softmax(self._read(skips))

    def _read(self, skips: Array) -> Array:
        return self.logits(nn.relu(self.hidden(nn.relu(skips))))
