"""The Transformer's encoder alone: a vector for every token, which has seen all the others.

Vaswani et al. 2017, §3.1; what `models.transformer` translates from. A task puts on top of it what
it needs.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.positions import PlacedTokens, embed, make_positions
from attention_jax.layers.transformer import PARTITIONS, Sizes, Stack
from attention_jax.typing import Array, Bool, Float, Int


class TransformerEncoder(nn.Module):
    """Tokens in, a vector for each of them out.

    Source: Vaswani 2017, §3.1; how it starts and where it drops out as in
    `models.transformer.Transformer`.

    Attributes:
      vocab: entries of the vocabulary.
      features: width of embeddings, blocks and what comes out.
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
        self.encoder = Stack(self.layers, sizes)

    def __call__(
        self,
        tokens: Int[Array, "batch time"],
        mask: Bool[Array, "batch time"],
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch time {self.features}"], dict[str, Array]]:
        """The vectors of all tokens; those of padding mean nothing.

        Args:
          tokens: of whole sequences.
          mask: True where a token is real.
          train: drop out, with the rng "dropout".
          weights: also return {"encoder": [batch layers heads time time]}.

        Returns:
          the vectors, and the weights (or {}).
        """
        output, attended = self.encoder(
            self.placed(tokens, train=train), mask[:, None], train=train, weights=weights
        )
        return output, {"encoder": attended["self"]} if weights else {}
