"""The Transformer: attention is all that passes between positions (Vaswani et al. 2017).

Encoder and decoder are stacks of blocks: self-attention of several heads, in the decoder attention
over the encoder's output too, a feed-forward network for each position, and around each of them
x -> LayerNorm(x + f(x)). The decoder's self-attention is causal; positions are added to embeddings.

`models.transformer_encoder` is the encoder alone, `models.transformer_lm` the decoder alone.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.initializers import Initializers
from attention_jax.layers.multi_head import KeyValueCache
from attention_jax.layers.positions import PlacedTokens, embed, make_positions
from attention_jax.layers.readout import Logits
from attention_jax.layers.transformer import PARTITIONS, Sizes, Stack
from attention_jax.typing import Array, Bool, Float, Int

BIG: dict[str, Any] = {"features": 1024, "heads": 16, "feed_forward": 4096, "dropout": 0.3}
"""The paper's big model (Table 3): `Transformer(source_vocab, target_vocab, **BIG)`."""

_GLOROT = Initializers(kernel=nn.initializers.glorot_uniform())


class SourceMemory(NamedTuple):
    """All that decoding needs of a source; never copied per beam."""

    layers: tuple[KeyValueCache, ...]
    """Keys and values for each decoder block, [batch heads source_time head_dim]."""
    mask: Bool[Array, "batch source_time"]


class DecoderCarry(NamedTuple):
    """What the steps so far left for each block, [rows heads max_length head_dim]."""

    layers: tuple[KeyValueCache, ...]


class Transformer(nn.Module):
    """Source and target tokens in, scores of the next target token out.

    Both faces give the same numbers: `__call__` runs all target steps at once; `encode`, `start`
    and `step` decode over a cache of keys and values. The defaults are the paper's base model,
    `BIG` holds the sizes of the big one.

    Source: Vaswani 2017, §3 and Table 3. The paper does not say how parameters start: as in
    its code (tensor2tensor), matrices Glorot uniform and embeddings N(0, 1/features). Dropout where
    its §5.4 has it; the code also drops attention weights and hidden units.

    Attributes:
      source_vocab: entries of the source vocabulary.
      target_vocab: entries of the target vocabulary.
      features: width of embeddings and blocks (their d_model).
      heads: of every attention, a divisor of features (h).
      layers: blocks of encoder and decoder each (N).
      feed_forward: hidden units of a block's feed-forward network (d_ff).
      dropout: rate on embeddings and on the output of each sublayer, in training only (P_drop).
      norm: "post" as published, or "pre".
      positions: "sinusoidal", or "learned" (Table 3, E).
      max_length: learned positions a side.
      embeddings: "shared" by source, target and output layer, as published; "tied", target and
        output layer only; "separate".
      dtype: of the matrix products.

    Raises UserError for another norm, kind of positions or embeddings, for shared embeddings of two
    vocabularies, and where heads does not divide features.
    """

    source_vocab: int
    target_vocab: int
    features: int = 512
    heads: int = 8
    layers: int = 6
    feed_forward: int = 2048
    dropout: float = 0.1
    norm: str = "post"
    positions: str = "sinusoidal"
    max_length: int = 1024
    embeddings: str = "shared"
    dtype: Any = jnp.float32

    partitions = PARTITIONS

    def setup(self):
        self._check()
        shared = self.embeddings == "shared"
        self.target_tokens = embed(self.target_vocab, self.features)
        if not shared:
            self.source_tokens = embed(self.source_vocab, self.features)
        self.source = self._placed(self.target_tokens if shared else self.source_tokens)
        self.target = self._placed(self.target_tokens)
        sizes = Sizes(
            self.features, self.heads, self.feed_forward, self.dropout, self.norm, self.dtype
        )
        self.encoder = Stack(self.layers, sizes)
        self.decoder = Stack(self.layers, sizes, causal=True, cross=True)
        if self.embeddings == "separate":
            self.logits = Logits(self.target_vocab, _GLOROT, self.dtype)

    def _check(self) -> None:
        if self.embeddings not in ("shared", "tied", "separate"):
            raise UserError(
                f"embeddings {self.embeddings!r} is unknown: choose shared, tied or separate"
            )
        if self.embeddings == "shared" and self.source_vocab != self.target_vocab:
            raise UserError(
                "shared embeddings need one vocabulary for both sides but the source has "
                f"{self.source_vocab} entries and the target {self.target_vocab}: set "
                "config.tokenizer.shared or config.model.embeddings to tied"
            )

    def _placed(self, tokens: nn.Embed) -> PlacedTokens:
        positions = make_positions(self.positions, self.features, self.max_length)
        return PlacedTokens(tokens, positions, self.dropout, self.dtype)

    def __call__(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        inputs: Int[Array, "batch target_time"],
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch target_time vocab"], dict[str, Array]]:
        """Scores of every target token given those before it.

        Args:
          source: tokens.
          source_mask: True where a token is real.
          inputs: the target shifted right: BOS first.
          train: drop out, with the rng "dropout".
          weights: also return {"cross": [batch target_time source_time], the mean over heads of the
            block before the last (the only one of one), "cross_heads": [batch layers heads
            target_time source_time], "decoder": [.. target_time target_time], "encoder":
            [.. source_time source_time]}. Without it the fused attention runs.

        Returns:
          logits in float32, and the weights (or {}).
        """
        memory, encoder = self._encode(source, source_mask, train, weights)
        hidden, decoder = self.decoder(
            self.target(inputs, train=train),
            None,
            memory.layers,
            source_mask[:, None],
            train=train,
            weights=weights,
        )
        logits = self._logits(hidden)
        if not weights:
            return logits, {}
        return logits, {
            "cross": decoder["cross"][:, self._aligned].mean(1),
            "cross_heads": decoder["cross"],
            "decoder": decoder["self"],
            "encoder": encoder["self"],
        }

    def encode(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        *,
        train: bool = False,
    ) -> SourceMemory:
        """The encoder's output as each decoder block's keys and values."""
        return self._encode(source, source_mask, train, weights=False)[0]

    def start(
        self, source_memory: SourceMemory, beams: int = 1, max_length: int = 0
    ) -> DecoderCarry:
        """Empty caches for [batch x beams] hypotheses, an example's beams side by side.

        Args:
          source_memory: from `encode`.
          beams: hypotheses of an example.
          max_length: target tokens at most; a step past them gives NaN.

        Raises UserError where max_length is 0 or exceeds the learned positions.
        """
        self.target.check_length(max_length)
        rows = source_memory.mask.shape[0] * beams
        return DecoderCarry(self.decoder.start(rows, max_length))

    def step(
        self,
        source_memory: SourceMemory,
        carry: DecoderCarry,
        token: Int[Array, " rows"],
        time: Int[Array, ""] | int,
        *,
        weights: bool = False,
    ) -> tuple[DecoderCarry, Float[Array, "rows vocab"], dict[str, Array]]:
        """One target step for [batch x beams] rows.

        Args:
          source_memory: from `encode`.
          carry: from `start` or the last step.
          token: y_{t-1}; BOS at first.
          time: which step this is, from 0.
          weights: also return {"cross": [batch x beams, source_time]}, as `__call__` has it.

        Returns:
          the next carry, log-probabilities of y_t, the weights (or {}).
        """
        layers, hidden, attended = self.decoder.step(
            carry.layers,
            self.target.at(token, time),
            time,
            source_memory.layers,
            source_memory.mask[:, None],
            weights=self._aligned if weights else None,
        )
        log_probs = jax.nn.log_softmax(self._logits(hidden))
        if attended is None:
            return DecoderCarry(layers), log_probs, {}
        cross = attended.mean(1).reshape(token.shape[0], -1)
        return DecoderCarry(layers), log_probs, {"cross": cross}

    @property
    def _aligned(self) -> int:
        """The decoder block whose weights stand for the alignment: the last but one, which says
        best what a deep decoder translates; of two, the first has hardly begun to.
        """
        return self.layers - 2 if self.layers > 2 else self.layers - 1

    def _encode(self, source, source_mask, train, weights):
        read = source_mask[:, None]
        output, attended = self.encoder(
            self.source(source, train=train), read, train=train, weights=weights
        )
        return SourceMemory(self.decoder.project(output), source_mask), attended

    def _logits(self, hidden: Array) -> Array:
        if self.embeddings == "separate":
            return self.logits(hidden)
        return self.target.logits(hidden)
