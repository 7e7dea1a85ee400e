"""What every Transformer is built of: residual sublayers, blocks of them, and stacks of blocks.

An encoder is a `Stack`; a decoder is a causal one that also reads the encoder's output; a language
model is a causal one that reads nothing else.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.multi_head import (
    KeyValueCache,
    MultiHeadAttention,
    MultiHeadSelfAttention,
)
from attention_jax.typing import Array, Bool, Float, Int

PARTITIONS: dict[str, tuple[str | None, ...]] = {
    "tokens/embedding": ("entries in its vocabulary", None),
    "logits/kernel": (None, "entries in its vocabulary"),
    "logits/bias": ("entries in its vocabulary",),
    "query/kernel": (None, None, "heads", None),
    "key_value/kernel": (None, None, "heads", None),
    "attention/output/kernel": ("features", None),
    "feed_forward/Dense_0/kernel": (None, "feed-forward units"),
    "feed_forward/Dense_0/bias": ("feed-forward units",),
    "feed_forward/Dense_1/kernel": ("feed-forward units", None),
}
"""How a Transformer is divided between devices: end of a parameter's path -> what those of its axes
count that may be split.

Each device then computes some of the heads, some of the feed-forward network's units and the scores
of some tokens, and sums over devices are due where W_o and the second product end.

Source: Shoeybi 2019 (Megatron-LM), §3.
"""


class Sizes(NamedTuple):
    """What the blocks of a model have in common."""

    features: int
    """Width of what passes from block to block (the paper's d_model)."""
    heads: int
    feed_forward: int
    """Width between the two products of a position (d_ff)."""
    dropout: float
    norm: str
    """"post": after each residual sum, as published; "pre": before each sublayer."""
    dtype: Any


class Residual(nn.Module):
    """LayerNorm(x + dropout(f(x))) as published ("post"), or x + dropout(f(LayerNorm(x))) ("pre").

    Say `leave(x, f(enter(x)))`. Statistics are float32, epsilon is 1e-6 (tensor2tensor's).

    Source: Vaswani 2017, §3.1 and §5.4; "pre" is Xiong 2020, which trains without warmup.

    Attributes:
      sizes: dropout, norm and dtype are used.

    Raises UserError for another norm.
    """

    sizes: Sizes

    def setup(self):
        self.normalize = layer_norm(self.sizes)
        self.drop = nn.Dropout(self.sizes.dropout)

    def enter(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """What the sublayer f is given."""
        return self.normalize(x) if self.sizes.norm == "pre" else x

    def leave(
        self,
        x: Float[Array, "*batch features"],
        result: Float[Array, "*batch features"],
        *,
        train: bool = False,
    ) -> Float[Array, "*batch features"]:
        """What the next sublayer is given."""
        total = x + self.drop(result, deterministic=not train)
        return total if self.sizes.norm == "pre" else self.normalize(total)


def layer_norm(sizes: Sizes) -> nn.LayerNorm:
    """Normalisation over features, with a gain and a bias.

    Raises UserError for a norm that is neither "post" nor "pre".
    """
    if sizes.norm not in ("post", "pre"):
        raise UserError(f"norm {sizes.norm!r} is unknown: choose post or pre")
    # The fast variance is the difference of two squares, which cancels.
    return nn.LayerNorm(epsilon=1e-6, dtype=sizes.dtype, use_fast_variance=False)


class FeedForward(nn.Module):
    """max(0, x W_1 + b_1) W_2 + b_2, for each position by itself.

    Source: Vaswani 2017, eq. 2; Glorot's uniform start, as in their code.

    Attributes:
      sizes: features, feed_forward and dtype are used.
    """

    sizes: Sizes

    @nn.compact
    def __call__(self, x: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """The same function at every position."""
        kernel_init, dtype = nn.initializers.glorot_uniform(), self.sizes.dtype
        hidden = nn.Dense(self.sizes.feed_forward, dtype=dtype, kernel_init=kernel_init)(x)
        return nn.Dense(self.sizes.features, dtype=dtype, kernel_init=kernel_init)(nn.relu(hidden))


class Block(nn.Module):
    """Self-attention, then with `cross` attention over a memory, then the feed-forward network.

    Each of them inside a `Residual`.

    Source: Vaswani 2017, §3.1. Dropout is where the paper's §5.4 has it, on the output of each
    sublayer; their code (tensor2tensor) also drops attention weights and hidden units, this does
    not.

    Attributes:
      sizes: of the block.
      causal: no position reads a later one.
      cross: there is a memory to read.
    """

    sizes: Sizes
    causal: bool = False
    cross: bool = False

    def setup(self):
        features, heads, dtype = self.sizes.features, self.sizes.heads, self.sizes.dtype
        self.self_attention = MultiHeadSelfAttention(features, heads, dtype)
        self.around_self = Residual(self.sizes)
        if self.cross:
            self.cross_attention = MultiHeadAttention(features, heads, dtype)
            self.around_cross = Residual(self.sizes)
        self.feed_forward = FeedForward(self.sizes)
        self.around_feed_forward = Residual(self.sizes)

    def __call__(
        self,
        x: Float[Array, "batch time features"],
        mask: Bool[Array, "#batch #time #time"] | None = None,
        memory: KeyValueCache | None = None,
        memory_mask: Bool[Array, "#batch #time #keys"] | None = None,
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch time features"], Array | None, Array | None]:
        """All positions at once, and with `weights` [batch heads time time] and [.. time keys]."""
        read, to_self = self.self_attention(
            self.around_self.enter(x), mask, causal=self.causal, weights=weights
        )
        x = self.around_self.leave(x, read, train=train)
        x, to_memory = self._read(x, memory, memory_mask, train, weights)
        return self._feed(x, train), to_self, to_memory

    def step(
        self,
        cache: KeyValueCache,
        x: Float[Array, "rows features"],
        time: Int[Array, ""] | int,
        memory: KeyValueCache | None = None,
        memory_mask: Bool[Array, "#batch #queries #keys"] | None = None,
        *,
        weights: bool = False,
    ) -> tuple[KeyValueCache, Float[Array, "rows features"], Array | None]:
        """One position of [batch x beams] rows, an example's beams side by side.

        They are queries about one memory: no copies. `weights` are those over it,
        [batch heads beams keys].
        """
        cache, read = self.self_attention.step(cache, self.around_self.enter(x), time)
        x = self.around_self.leave(x, read)
        to_memory = None
        if memory is not None:
            beams_beside = x.reshape(memory.keys.shape[0], -1, x.shape[-1])
            beams_beside, to_memory = self._read(
                beams_beside, memory, memory_mask, train=False, weights=weights
            )
            x = beams_beside.reshape(x.shape)
        return cache, self._feed(x, train=False), to_memory

    def _read(self, x, memory, memory_mask, train, weights) -> tuple[Array, Array | None]:
        if memory is None:
            return x, None
        asking = self.around_cross.enter(x)
        read, attended = self.cross_attention(asking, memory, memory_mask, weights=weights)
        return self.around_cross.leave(x, read, train=train), attended

    def _feed(self, x: Array, train: bool) -> Array:
        result = self.feed_forward(self.around_feed_forward.enter(x))
        return self.around_feed_forward.leave(x, result, train=train)


class Stack(nn.Module):
    """Blocks one above the other, and with "pre" a last normalisation.

    Source: Vaswani 2017, §3.1.

    Attributes:
      layers: blocks.
      sizes: of each.
      causal: no position reads a later one.
      cross: there is a memory to read.
    """

    layers: int
    sizes: Sizes
    causal: bool = False
    cross: bool = False

    def setup(self):
        self.blocks = [Block(self.sizes, self.causal, self.cross) for _ in range(self.layers)]
        self.last = layer_norm(self.sizes) if self.sizes.norm == "pre" else None

    def project(
        self, memory: Float[Array, "batch keys memory_features"]
    ) -> tuple[KeyValueCache, ...]:
        """The memory's keys and values for every block."""
        return tuple(block.cross_attention.project(memory) for block in self.blocks)

    def __call__(
        self,
        x: Float[Array, "batch time features"],
        mask: Bool[Array, "#batch #time #time"] | None = None,
        memory: tuple[KeyValueCache, ...] | None = None,
        memory_mask: Bool[Array, "#batch #time #keys"] | None = None,
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch time features"], dict[str, Array]]:
        """All positions at once, and the weights of every block and head (or {}).

        With `weights`: {"self": [batch layers heads time time]}, and with a memory also "cross":
        [batch layers heads time keys].
        """
        maps: dict[str, list[Array]] = {}
        for block, of_block in zip(self.blocks, memory or [None] * self.layers, strict=True):
            x, to_self, to_memory = block(
                x, mask, of_block, memory_mask, train=train, weights=weights
            )
            for name, attended in (("self", to_self), ("cross", to_memory)):
                if attended is not None:
                    maps.setdefault(name, []).append(attended)
        return self._finish(x), {name: jnp.stack(layers, axis=1) for name, layers in maps.items()}

    def start(self, rows: int, max_length: int) -> tuple[KeyValueCache, ...]:
        """An empty cache for every block.

        Raises UserError where max_length is 0: a cache has a size.
        """
        if max_length < 1:
            raise UserError(
                f"a cache for {max_length} steps was asked for: give `start` the most tokens that "
                "will be decoded as max_length"
            )
        return tuple(block.self_attention.start(rows, max_length) for block in self.blocks)

    def step(
        self,
        caches: tuple[KeyValueCache, ...],
        x: Float[Array, "rows features"],
        time: Int[Array, ""] | int,
        memory: tuple[KeyValueCache, ...] | None = None,
        memory_mask: Bool[Array, "#batch #queries #keys"] | None = None,
        *,
        weights: int | None = None,
    ) -> tuple[tuple[KeyValueCache, ...], Float[Array, "rows features"], Array | None]:
        """One position of [batch x beams] rows; see `Block.step`.

        `weights` names the block, from 0, whose weights over the memory are wanted.
        """
        following, wanted = [], None
        for layer, block in enumerate(self.blocks):
            of_block = memory[layer] if memory else None
            cache, x, attended = block.step(
                caches[layer], x, time, of_block, memory_mask, weights=layer == weights
            )
            following.append(cache)
            wanted = attended if layer == weights else wanted
        return tuple(following), self._finish(x), wanted

    def _finish(self, x: Array) -> Array:
        return x if self.last is None else self.last(x)
