"""Several heads attending side by side, each in its own projection (Vaswani 2017, §3.2.2).

`MultiHeadSelfAttention` is asked by the sequence that it reads, all steps at once or, over a cache,
one by one. `MultiHeadAttention` reads another sequence, whose keys and values are projected once.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from attention_jax.errors import UserError
from attention_jax.ops import masks
from attention_jax.ops.attend import attend, attend_fused, attend_heads
from attention_jax.ops.scores import scaled_dot
from attention_jax.typing import Array, Bool, Float, Int


class KeyValueCache(NamedTuple):
    """What is read, projected for every head.

    Heads before time: a step then reads its head's keys as they lie, without a copy.
    """

    keys: Float[Array, "batch heads time head_dim"]
    values: Float[Array, "batch heads time head_dim"]

    def with_room(self, steps: int) -> "KeyValueCache":
        """The first so many steps; where there are fewer, zeros after them."""

        def resized(x: Array) -> Array:
            x = x[:, :, :steps]
            return jnp.pad(x, ((0, 0), (0, 0), (0, steps - x.shape[2]), (0, 0)))

        return KeyValueCache(resized(self.keys), resized(self.values))


class _Split(nn.Module):
    """`parts` projections of x for every head, in one product: [..., parts, heads, head_dim].

    Each part starts as a matrix [in, features] of its own would, Glorot uniform.
    """

    parts: int
    features: int
    heads: int
    dtype: Any

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, ...]:
        if self.features % self.heads:
            raise UserError(
                f"{self.features} features cannot be shared by {self.heads} heads: set "
                "config.model.heads to a divisor of config.model.features"
            )
        glorot = nn.initializers.variance_scaling(
            1.0, "fan_avg", "uniform", in_axis=0, out_axis=(2, 3), batch_axis=1
        )
        shape = (x.shape[-1], self.parts, self.heads, self.features // self.heads)
        kernel = self.param("kernel", glorot, shape)
        product = jnp.einsum("...f,fphd->...phd", x.astype(self.dtype), kernel.astype(self.dtype))
        return tuple(product[..., part, :, :] for part in range(self.parts))


def _output(features: int, dtype: Any) -> nn.Dense:
    """W_o, for heads that `_side_by_side` has joined."""
    glorot = nn.initializers.glorot_uniform()
    return nn.Dense(features, use_bias=False, dtype=dtype, kernel_init=glorot)


def _side_by_side(context: Array) -> Array:
    return context.reshape(*context.shape[:-2], -1)


class MultiHeadAttention(nn.Module):
    """[head_1; ...; head_h] W_o, where head_i = attend(x W_q, m W_k, m W_v), scaled dot-product.

    x asks, the memory m is read. Its keys and values are projected once, in one product, and passed
    in again at every step; several hypotheses about one memory are several queries.

    Source: Vaswani 2017, §3.2.2; no biases, and Glorot's uniform start, as in their code
    (tensor2tensor).

    Attributes:
      features: of what comes out; heads share it (their d_model, h · d_k).
      heads: h, a divisor of features.
      dtype: of the matrix products; the softmax is float32.

    Raises UserError where heads does not divide features.
    """

    features: int
    heads: int
    dtype: Any = jnp.float32

    def setup(self):
        self.query = _Split(1, self.features, self.heads, self.dtype)
        self.key_value = _Split(2, self.features, self.heads, self.dtype)
        self.output = _output(self.features, self.dtype)

    def project(self, memory: Float[Array, "batch keys memory_features"]) -> KeyValueCache:
        """The memory's keys and values."""
        return KeyValueCache(*(jnp.swapaxes(part, 1, 2) for part in self.key_value(memory)))

    def __call__(
        self,
        x: Float[Array, "batch queries in_features"],
        memory: KeyValueCache,
        mask: Bool[Array, "#batch #queries #keys"] | None = None,
        *,
        weights: bool = False,
    ) -> tuple[
        Float[Array, "batch queries {self.features}"],
        Float[Array, "batch {self.heads} queries keys"] | None,
    ]:
        """What was read, and with `weights` every head's weights (else None).

        Without `weights` no [queries, keys] array outlives the call; see `ops.attend.attend_fused`.
        """
        (query,) = self.query(x)
        keys, values = (jnp.swapaxes(part, 1, 2) for part in memory)
        context, attended = _attend(query, keys, values, mask, weights=weights)
        return self.output(_side_by_side(context)), attended


class MultiHeadSelfAttention(nn.Module):
    """`MultiHeadAttention` of a sequence over itself: W_q, W_k and W_v in one product.

    Both faces give the same numbers: `__call__` takes all steps at once; `start` and `step` take
    them one by one, with the keys and values of the steps before in a cache.

    Attributes:
      features: of what comes out; heads share it.
      heads: a divisor of features.
      dtype: of the matrix products and the cache.

    Raises UserError where heads does not divide features.
    """

    features: int
    heads: int
    dtype: Any = jnp.float32

    def setup(self):
        self.query_key_value = _Split(3, self.features, self.heads, self.dtype)
        self.output = _output(self.features, self.dtype)

    def __call__(
        self,
        x: Float[Array, "batch time in_features"],
        mask: Bool[Array, "#batch #time #time"] | None = None,
        *,
        causal: bool = False,
        weights: bool = False,
    ) -> tuple[
        Float[Array, "batch time {self.features}"],
        Float[Array, "batch {self.heads} time time"] | None,
    ]:
        """What was read, and with `weights` every head's weights (else None).

        With `causal` no position reads a later one.
        """
        query, keys, values = self.query_key_value(x)
        context, attended = _attend(query, keys, values, mask, causal=causal, weights=weights)
        return self.output(_side_by_side(context)), attended

    def start(self, rows: int, max_length: int) -> KeyValueCache:
        """An empty cache for that many steps; rows lead, so that a search can reorder them."""
        shape = (rows, self.heads, max_length, self.features // self.heads)
        zeros = jnp.zeros(shape, self.dtype)
        return KeyValueCache(zeros, zeros)

    def step(
        self,
        cache: KeyValueCache,
        x: Float[Array, "rows in_features"],
        time: Int[Array, ""] | int,
    ) -> tuple[KeyValueCache, Float[Array, "rows {self.features}"]]:
        """The cache with this step in it, and what the step reads of itself and all before.

        A step past the end of the cache gives NaN, as an index past an embedding does.
        """
        query, *new = self.query_key_value(x)
        cache = KeyValueCache(
            *(
                lax.dynamic_update_slice_in_dim(old, entry[:, :, None], time, axis=2)
                for old, entry in zip(cache, new, strict=True)
            )
        )
        max_length = cache.keys.shape[2]
        so_far = masks.padding(jnp.asarray(time) + 1, max_length)
        # One query: its weights are no larger than what it reads, and nothing is to be fused.
        context, _ = attend(scaled_dot(query[:, :, None], cache.keys), cache.values, so_far)
        read = self.output(_side_by_side(context[:, :, 0]))
        return cache, jnp.where(time < max_length, read, jnp.nan)


def _attend(
    query: Array,
    keys: Array,
    values: Array,
    mask: Array | None,
    *,
    weights: bool,
    causal: bool = False,
) -> tuple[Array, Array | None]:
    if weights:
        return attend_heads(query, keys, values, mask, causal=causal)
    return attend_fused(query, keys, values, mask, causal=causal), None
