"""The Transformer's decoder alone: a language model.

Vaswani et al. 2017, §3, without the encoder and the attention over it, as Liu et al. 2018 have it:
causal self-attention and feed-forward networks, and the embeddings again as the output layer.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.multi_head import KeyValueCache
from attention_jax.layers.positions import PlacedTokens, embed, make_positions
from attention_jax.layers.transformer import PARTITIONS, Sizes, Stack
from attention_jax.typing import Array, Float, Int


class StepCarry(NamedTuple):
    """What the steps so far left for each block, [rows heads max_length head_dim]."""

    layers: tuple[KeyValueCache, ...]


class TransformerLM(nn.Module):
    """Tokens in, scores of the next token out.

    Both faces give the same numbers: `__call__` runs all steps at once; `start` and `step` take
    them one by one over a cache of keys and values.

    Source: Vaswani 2017, §3; Liu 2018, §4.2.3; how it starts and where it drops out as in
    `models.transformer.Transformer`.

    Attributes:
      vocab: entries of the vocabulary.
      features: width of embeddings and blocks.
      heads: of every attention, a divisor of features.
      layers: blocks.
      feed_forward: hidden units of a block's feed-forward network.
      dropout: rate on embeddings and on the output of each sublayer, in training only.
      norm: "post" as published, or "pre".
      positions: "sinusoidal" or "learned".
      max_length: learned positions.
      dtype: of the matrix products.

    Raises UserError for another norm or kind of positions, and where heads does not divide
    features.
    """

    vocab: int
    features: int = 512
    heads: int = 8
    layers: int = 6
    feed_forward: int = 2048
    dropout: float = 0.1
    norm: str = "post"
    positions: str = "sinusoidal"
    max_length: int = 1024
    dtype: Any = jnp.float32

    partitions = PARTITIONS

    def setup(self):
        self.tokens = embed(self.vocab, self.features)
        positions = make_positions(self.positions, self.features, self.max_length)
        self.placed = PlacedTokens(self.tokens, positions, self.dropout, self.dtype)
        sizes = Sizes(
            self.features, self.heads, self.feed_forward, self.dropout, self.norm, self.dtype
        )
        self.decoder = Stack(self.layers, sizes, causal=True)

    def __call__(
        self,
        inputs: Int[Array, "batch time"],
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch time vocab"], dict[str, Array]]:
        """Scores of every token given those before it.

        Args:
          inputs: the sequence shifted right: BOS first. Padding stands behind, where nothing real
            reads it.
          train: drop out, with the rng "dropout".
          weights: also return {"decoder": [batch layers heads time time]}.

        Returns:
          logits in float32, and the weights (or {}).
        """
        hidden, attended = self.decoder(
            self.placed(inputs, train=train), train=train, weights=weights
        )
        return self.placed.logits(hidden), {"decoder": attended["self"]} if weights else {}

    def start(self, batch: int, max_length: int) -> StepCarry:
        """Empty caches for that many rows and steps.

        Raises UserError where max_length is 0 or exceeds the learned positions.
        """
        self.placed.check_length(max_length)
        return StepCarry(self.decoder.start(batch, max_length))

    def step(
        self, carry: StepCarry, token: Int[Array, " rows"], time: Int[Array, ""] | int
    ) -> tuple[StepCarry, Float[Array, "rows vocab"]]:
        """One step: the next carry, and log-probabilities of what follows the token.

        `time` counts from 0; a step past the cache gives NaN.
        """
        layers, hidden, _ = self.decoder.step(carry.layers, self.placed.at(token, time), time)
        return StepCarry(layers), jax.nn.log_softmax(self.placed.logits(hidden))
