"""Causal convolutions with two faces: all steps at once, or one by one over a ring of past inputs.

`__call__` takes [batch time features]; `start` and `step` give the same numbers step by step. A
step reads its layer's inputs of `dilation` steps ago from a ring buffer, in which the new input
takes the place of the one that nobody will read again.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from attention_jax.errors import UserError
from attention_jax.layers.initializers import HOUSE
from attention_jax.ops.convolution import causal_conv, gate
from attention_jax.typing import Array, Float, Int


class CausalConv(nn.Module):
    """y_t = Σ_j x_{t - (kernel_size - 1 - j) dilation} W_j + b; see `ops.convolution.causal_conv`.

    Source: van den Oord 2016, §2.1.

    Attributes:
      in_features: width of the input.
      features: width of the output.
      kernel_size: steps that one step reads, itself among them; at least 2.
      dilation: how far apart they lie.
      dtype: of the products and of the ring buffer.

    Raises UserError for a smaller kernel or dilation.
    """

    in_features: int
    features: int
    kernel_size: int = 2
    dilation: int = 1
    dtype: Any = jnp.float32

    def setup(self):
        if self.kernel_size < 2 or self.dilation < 1:
            raise UserError(
                f"a causal convolution cannot read {self.kernel_size} steps that lie "
                f"{self.dilation} apart: it needs at least 2 steps, at least 1 apart"
            )
        shape = (self.kernel_size, self.in_features, self.features)
        self.kernel = self.param("kernel", HOUSE.kernel, shape)
        self.bias = self.param("bias", HOUSE.bias, (self.features,))

    def __call__(
        self, x: Float[Array, "batch time {self.in_features}"], *, branches: int = 1
    ) -> Float[Array, "batch time {self.features}"]:
        """All steps at once; `branches` at the end continue, each on its own, those before."""
        kernel = self.kernel.astype(self.dtype)
        y = causal_conv(x.astype(self.dtype), kernel, self.dilation, branches)
        return y + self.bias.astype(self.dtype)

    def start(self, rows: int) -> Float[Array, "rows past {self.in_features}"]:
        """The ring before the first step: zeros, as many steps as the layer looks back."""
        past = (self.kernel_size - 1) * self.dilation
        return jnp.zeros((rows, past, self.in_features), self.dtype)

    def step(
        self,
        ring: Float[Array, "rows past {self.in_features}"],
        x: Float[Array, "rows {self.in_features}"],
        time: Int[Array, ""] | int,
    ) -> tuple[Float[Array, "rows past {self.in_features}"], Float[Array, "rows {self.features}"]]:
        """One step of all rows, the `time`-th from 0: the ring with x in it, and y."""
        x, past = x.astype(self.dtype), ring.shape[1]
        # Input t lies in slot t mod past, where it is read a last time before it is written over.
        seen = [
            lax.dynamic_index_in_dim(ring, (time + slot) % past, axis=1, keepdims=False)
            for slot in range(0, past, self.dilation)
        ]
        kernel = self.kernel.astype(self.dtype).reshape(-1, self.features)
        y = jnp.concatenate([*seen, x], axis=-1) @ kernel + self.bias.astype(self.dtype)
        return lax.dynamic_update_slice_in_dim(ring, x[:, None], time % past, axis=1), y


class GatedConv(nn.Module):
    """tanh(W_f * x) ⊙ σ(W_g * x), both convolutions in one.

    Source: van den Oord 2016, eq. 2.

    Attributes:
      in_features: width of the input.
      features: width of the output.
      kernel_size: steps that one step reads.
      dilation: how far apart they lie.
      dtype: of the products.
    """

    in_features: int
    features: int
    kernel_size: int = 2
    dilation: int = 1
    dtype: Any = jnp.float32

    def setup(self):
        self.both = CausalConv(
            self.in_features, 2 * self.features, self.kernel_size, self.dilation, self.dtype
        )

    def __call__(
        self, x: Float[Array, "batch time {self.in_features}"], *, branches: int = 1
    ) -> Float[Array, "batch time {self.features}"]:
        """All steps at once; `branches` as in `CausalConv`."""
        return gate(self.both(x, branches=branches))

    def start(self, rows: int) -> Float[Array, "rows past {self.in_features}"]:
        """The ring before the first step."""
        return self.both.start(rows)

    def step(
        self,
        ring: Float[Array, "rows past {self.in_features}"],
        x: Float[Array, "rows {self.in_features}"],
        time: Int[Array, ""] | int,
    ) -> tuple[Float[Array, "rows past {self.in_features}"], Float[Array, "rows {self.features}"]]:
        """One step of all rows; see `CausalConv.step`."""
        ring, y = self.both.step(ring, x, time)
        return ring, gate(y)


class ResidualSkip(nn.Module):
    """z = tanh(W_f * x) ⊙ σ(W_g * x); x + U z goes to the layer above, V z to the output.

    Source: van den Oord 2016, §2.4 and figure 4. Their figure has one 1 x 1 convolution for both
    ways; here each has its own matrix, as in the implementations since, both in one product.

    Attributes:
      features: width of x and of z.
      skip_features: width of what goes to the output.
      kernel_size: steps that one step reads.
      dilation: how far apart they lie.
      dtype: of the products.
    """

    features: int
    skip_features: int
    kernel_size: int = 2
    dilation: int = 1
    dtype: Any = jnp.float32

    def setup(self):
        self.gated = GatedConv(
            self.features, self.features, self.kernel_size, self.dilation, self.dtype
        )
        self.ways = nn.Dense(self.features + self.skip_features, dtype=self.dtype)

    def __call__(
        self, x: Float[Array, "batch time {self.features}"]
    ) -> tuple[
        Float[Array, "batch time {self.features}"], Float[Array, "batch time {self.skip_features}"]
    ]:
        """What the layer above is given, and the skip, all steps at once."""
        return self._part(x, self.gated(x))

    def start(self, rows: int) -> Float[Array, "rows past {self.features}"]:
        """The ring before the first step."""
        return self.gated.start(rows)

    def step(
        self,
        ring: Float[Array, "rows past {self.features}"],
        x: Float[Array, "rows {self.features}"],
        time: Int[Array, ""] | int,
    ) -> tuple[Array, tuple[Float[Array, "rows features"], Float[Array, "rows skip_features"]]]:
        """One step of all rows: the ring, then what `__call__` gives; see `CausalConv.step`."""
        ring, z = self.gated.step(ring, x, time)
        return ring, self._part(x, z)

    def _part(self, x: Array, z: Array) -> tuple[Array, Array]:
        residual, skip = jnp.split(self.ways(z), [self.features], axis=-1)
        return x + residual, skip
