"""What SNAIL is built of: blocks that look back in time, each appending what it found to its input.

A TC block looks back by convolutions, an attention block by attention; `Blocks` stands them on top
of one another. `__call__` takes all steps at once, `start` and `step` go one by one, over ring
buffers and a cache of keys and values. The last `branches` steps of `__call__` may be questions
about one past: each continues the steps before them all, and none sees another.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from attention_jax.layers.causal_conv import GatedConv
from attention_jax.ops import masks
from attention_jax.ops.attend import attend
from attention_jax.ops.scores import scaled_dot
from attention_jax.typing import Array, Float, Int


class DenseBlock(nn.Module):
    """[x; tanh(W_f * x) ⊙ σ(W_g * x)], causal convolutions of kernel 2.

    Source: Mishra 2017, §3, DenseBlock (`dilation` is their R, `features` their D).

    Attributes:
      in_features: width of x.
      features: what is appended to it.
      dilation: how many steps back it looks.
      dtype: of the products.
    """

    in_features: int
    features: int
    dilation: int
    dtype: Any = jnp.float32

    def setup(self):
        self.gated = GatedConv(
            self.in_features, self.features, dilation=self.dilation, dtype=self.dtype
        )

    def __call__(
        self, x: Float[Array, "batch time {self.in_features}"], *, branches: int = 1
    ) -> Float[Array, "batch time out_features"]:
        """All steps at once."""
        return _append(x, self.gated(x, branches=branches))

    def start(self, rows: int) -> Float[Array, "rows past {self.in_features}"]:
        """The ring before the first step."""
        return self.gated.start(rows)

    def step(
        self,
        ring: Float[Array, "rows past {self.in_features}"],
        x: Float[Array, "rows {self.in_features}"],
        time: Int[Array, ""] | int,
    ) -> tuple[Float[Array, "rows past {self.in_features}"], Float[Array, "rows out_features"]]:
        """One step of all rows; see `layers.causal_conv.CausalConv.step`."""
        ring, found = self.gated.step(ring, x, time)
        return ring, _append(x, found)


class TCBlock(nn.Module):
    """Dense blocks of dilations d, 2d, 4d ...: ⌈log2 length⌉ of them.

    With d = 1 the last step of a sequence of `length` sees all of it, and each earlier step once.

    Source: Mishra 2017, §3, TCBlock (`length` is their T). Departure: their pseudocode has the
    dilations 2^i from i = 1 on, with which no block looks one step back, or any odd number; the
    default here is d = 1, theirs is `first_dilation=2`. There are as many blocks either way.

    Attributes:
      in_features: width of the input.
      features: what each dense block appends.
      length: steps of the longest sequence.
      first_dilation: d.
      dtype: of the products.
    """

    in_features: int
    features: int
    length: int
    first_dilation: int = 1
    dtype: Any = jnp.float32

    @property
    def layers(self) -> int:
        """Dense blocks."""
        return (self.length - 1).bit_length()

    @property
    def out_features(self) -> int:
        """Width of the output."""
        return self.in_features + self.layers * self.features

    def setup(self):
        self.dense = [
            DenseBlock(
                self.in_features + depth * self.features,
                self.features,
                self.first_dilation * 2**depth,
                self.dtype,
            )
            for depth in range(self.layers)
        ]

    def __call__(
        self, x: Float[Array, "batch time {self.in_features}"], *, branches: int = 1
    ) -> Float[Array, "batch time {self.out_features}"]:
        """All steps at once."""
        for block in self.dense:
            x = block(x, branches=branches)
        return x

    def start(self, rows: int) -> tuple[Array, ...]:
        """Each dense block's ring before the first step."""
        return tuple(block.start(rows) for block in self.dense)

    def step(
        self,
        rings: tuple[Array, ...],
        x: Float[Array, "rows {self.in_features}"],
        time: Int[Array, ""] | int,
    ) -> tuple[tuple[Array, ...], Float[Array, "rows {self.out_features}"]]:
        """One step of all rows."""
        following = []
        for block, ring in zip(self.dense, rings, strict=True):
            ring, x = block.step(ring, x, time)
            following.append(ring)
        return tuple(following), x


class PastCache(NamedTuple):
    """What the steps so far can be read by."""

    keys: Float[Array, "rows max_length key_features"]
    values: Float[Array, "rows max_length value_features"]


class AttentionBlock(nn.Module):
    """[x; softmax(q kᵀ / sqrt K) v] over steps that are not later, with q, k and v linear in x.

    The softmax runs over keys. (Over queries, as in a public implementation, each weight would
    depend on steps to come.)

    Source: Mishra 2017, §3, AttentionBlock (`key_features` is their K, `value_features` their V).

    Attributes:
      in_features: width of x.
      key_features: width of keys and queries.
      value_features: width of values, which are appended to x.
      dtype: of the products and of the cache; the softmax is float32.
    """

    in_features: int
    key_features: int
    value_features: int
    dtype: Any = jnp.float32

    @property
    def out_features(self) -> int:
        """Width of the output."""
        return self.in_features + self.value_features

    def setup(self):
        self.project = nn.Dense(2 * self.key_features + self.value_features, dtype=self.dtype)

    def __call__(
        self,
        x: Float[Array, "batch time {self.in_features}"],
        *,
        branches: int = 1,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch time {self.out_features}"], Array | None]:
        """All steps at once, and with `weights` [batch time time] (else None)."""
        query, keys, values = self._split(x)
        time = x.shape[1]
        past = (masks.causal(time, time) & masks.branches(time, branches))[None]
        context, attended = attend(scaled_dot(query, keys), values, past)
        return _append(x, context), attended if weights else None

    def start(self, rows: int, max_length: int) -> PastCache:
        """An empty cache for that many steps."""
        widths = (self.key_features, self.value_features)
        return PastCache(*(jnp.zeros((rows, max_length, width), self.dtype) for width in widths))

    def step(
        self,
        cache: PastCache,
        x: Float[Array, "rows {self.in_features}"],
        time: Int[Array, ""] | int,
    ) -> tuple[PastCache, Float[Array, "rows {self.out_features}"], Float[Array, "rows time"]]:
        """One step of all rows: the cache with it, the output, weights over the cache's steps.

        A step past the end of the cache gives NaN, as an index past an embedding does.
        """
        query, *new = self._split(x[:, None])
        cache = PastCache(
            *(
                lax.dynamic_update_slice_in_dim(old, entry, time, axis=1)
                for old, entry in zip(cache, new, strict=True)
            )
        )
        max_length = cache.keys.shape[1]
        so_far = masks.padding(jnp.asarray(time) + 1, max_length)
        context, attended = attend(scaled_dot(query, cache.keys), cache.values, so_far)
        context = jnp.where(time < max_length, context[:, 0], jnp.nan)
        return cache, _append(x, context), attended[:, 0]

    def _split(self, x: Array) -> tuple[Array, Array, Array]:
        places = [self.key_features, 2 * self.key_features]
        query, keys, values = jnp.split(self.project(x), places, axis=-1)
        return query, keys, values


Block = TCBlock | AttentionBlock
Sizes = tuple[int | tuple[int, int], ...]
"""Of blocks, lowest first: a number is a TC block's features, a pair an attention block's key and
value features."""


class Blocks(nn.Module):
    """TC blocks and attention blocks on top of one another.

    Attributes:
      blocks: lowest first, each as wide as those below leave its input; see `make_blocks`.
    """

    blocks: tuple[Block, ...]

    def __call__(
        self, x: Float[Array, "batch time features"], *, branches: int = 1, weights: bool = False
    ) -> tuple[Float[Array, "batch time out_features"], Array | None]:
        """All steps at once, and with `weights` [batch blocks time time], attention blocks only."""
        every: list[Array] = []
        for block in self.blocks:
            if isinstance(block, AttentionBlock):
                x, attended = block(x, branches=branches, weights=weights)
                every += [] if attended is None else [attended]
            else:
                x = block(x, branches=branches)
        return x, jnp.stack(every, axis=1) if every else None

    def start(self, rows: int, max_length: int) -> tuple[Any, ...]:
        """Rings and caches before the first of `max_length` steps."""
        return tuple(
            block.start(rows, max_length)
            if isinstance(block, AttentionBlock)
            else block.start(rows)
            for block in self.blocks
        )

    def step(
        self,
        carry: tuple[Any, ...],
        x: Float[Array, "rows features"],
        time: Int[Array, ""] | int,
    ) -> tuple[tuple[Any, ...], Float[Array, "rows out_features"], Array | None]:
        """One step of all rows: the carry, the output, weights [rows blocks max_length]."""
        following, every = [], []
        for block, state in zip(self.blocks, carry, strict=True):
            if isinstance(block, AttentionBlock):
                state, x, attended = block.step(state, x, time)
                every.append(attended)
            else:
                state, x = block.step(state, x, time)
            following.append(state)
        return tuple(following), x, jnp.stack(every, axis=1) if every else None


def make_blocks(
    in_features: int, sizes: Sizes, length: int, *, first_dilation: int = 1, dtype: Any
) -> Blocks:
    """Blocks of these sizes, each as wide as those below leave its input, for such sequences."""
    blocks: list[Block] = []
    for size in sizes:
        width = blocks[-1].out_features if blocks else in_features
        if isinstance(size, int):
            blocks.append(TCBlock(width, size, length, first_dilation, dtype))
        else:
            blocks.append(AttentionBlock(width, *size, dtype=dtype))
    return Blocks(tuple(blocks))


def _append(x: Array, found: Array) -> Array:
    return jnp.concatenate([x, found.astype(x.dtype)], axis=-1)
