"""Luong's translation models: where to look is asked after the state's update (Luong et al. 2015).

Stacked LSTMs read the source backwards; their last states are the decoder's first. The decoder's
top state asks, h_t -> a_t -> c_t, and h̃_t = tanh(W_c [c_t; h_t]) chooses the word. With input
feeding h̃_t is part of the next input, so that the decoder knows where it has already looked.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.attention import make_attention
from attention_jax.layers.attentive import (
    AttentiveDecoder,
    DecoderCarry,
    SourceMemory,
    posterior_of,
)
from attention_jax.layers.cells import make_cell
from attention_jax.layers.initializers import HOUSE, LUONG, Initializers
from attention_jax.layers.readout import Logits
from attention_jax.layers.recurrent import Recurrent, Stacked
from attention_jax.typing import Array, Bool, Float, Int, Key

# With embeddings of order one the LSTM's states are large from the start. Where they are small the
# bilinear scores, products of two states, stay near zero and are learned late: global general on
# Multi30k, validation BLEU after 1,000 updates of 32: 20.8, and 9.3 with the house's embeddings.
_OURS = HOUSE._replace(embedding=nn.initializers.normal(1.0))


class Luong(nn.Module):
    """Source and target tokens in, scores of the next target token out.

    Both faces give the same numbers: `__call__` runs all target steps at once; `encode`, `start`
    and `step` decode. The defaults are the paper's sizes.

    Source: Luong 2015, §2, §3 and §4.1; annotations are their h̄_s, weights their a_t(s), centres
    their p_t. Departures: cells other than the LSTM; cosine and scaled dot scores; hard attention
    (Xu 2015, §4.1); by default the house's initialisation, but embeddings from N(0, 1); biases in
    the cells and the output layer; dropout on embeddings, between layers and before the output
    layer (they: as Zaremba 2015). Annotations stay at their words' places although the source is
    read backwards, so that local-m's p_t = t counts the source's own positions.

    Attributes:
      source_vocab: entries of the source vocabulary.
      target_vocab: entries of the target vocabulary.
      embedding: width of both embeddings.
      hidden: units of each layer, and of h̃.
      layers: of encoder and decoder each.
      score: "general", "dot", "location", "additive" (their concat), "cosine" or "scaled_dot".
      kind: "global", "local_m", "local_p" or "hard".
      radius: D of the local kinds: the window has 2D+1 positions.
      alignment: units of the additive score.
      max_source: the longest source, padding included, that location knows.
      cell: "lstm", "gru" or "vanilla".
      input_feeding: h̃ of a step is part of the next step's input.
      reverse_source: read the source's real tokens from last to first.
      dropout: rate, in training only.
      paper_init: start every parameter from U(-0.1, 0.1).
      dtype: of the matrix products.

    Raises UserError for an unknown cell, score or kind, and for what does not go together.
    """

    source_vocab: int
    target_vocab: int
    embedding: int = 1000
    hidden: int = 1000
    layers: int = 4
    score: str = "general"
    kind: str = "global"
    radius: int = 10
    alignment: int = 1000
    max_source: int = 257
    cell: str = "lstm"
    input_feeding: bool = True
    reverse_source: bool = True
    dropout: float = 0.2
    paper_init: bool = False
    dtype: Any = jnp.float32

    def setup(self):
        init = LUONG if self.paper_init else _OURS
        self.source_embedding = self._embed(self.source_vocab, init)
        self.target_embedding = self._embed(self.target_vocab, init)
        self.encoder = self._stack(init, self.reverse_source)
        attention = make_attention(
            self.kind,
            self.score,
            query_features=self.hidden,
            alignment=self.alignment,
            max_source=self.max_source,
            radius=self.radius,
            initializers=init,
            dtype=self.dtype,
        )
        tells = "combined" if self.input_feeding else "nothing"
        stack = self._stack(init, reverse=False)
        self.decoder = AttentiveDecoder(stack, attention, self.hidden, tells, init, self.dtype)
        self.logits = Logits(self.target_vocab, init, self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def _embed(self, vocab: int, init: Initializers) -> nn.Embed:
        return nn.Embed(vocab, self.embedding, dtype=self.dtype, embedding_init=init.embedding)

    def _stack(self, init: Initializers, reverse: bool) -> Stacked:
        cells = [
            make_cell(self.cell, self.hidden, initializers=init, dtype=self.dtype)
            for _ in range(self.layers)
        ]
        return Stacked(tuple(Recurrent(cell, reverse) for cell in cells), self.dropout)

    @property
    def samples(self) -> bool:
        """Whether training draws positions, and so wants `draws`."""
        return self.kind == "hard"

    def __call__(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        inputs: Int[Array, "batch target_time"],
        *,
        train: bool = False,
        weights: bool = False,
        draws: Key[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch target_time vocab"], dict[str, Array]]:
        """Scores of every target token given those before it.

        Args:
          source: tokens.
          source_mask: True where a token is real.
          inputs: the target shifted right: BOS first.
          train: drop out, with the rng "dropout".
          weights: also return {"cross": [batch target_time source_time]}, and for the local kinds
            "center" [batch target_time].
          draws: a random key for each example, for hard attention to draw positions with; None
            takes the likeliest.

        Returns:
          logits in float32, and the weights (or {}).
        """
        memory = self.encode(source, source_mask, train=train)
        tokens = self.drop(self.target_embedding(inputs), deterministic=not train)
        combined, looked = self.decoder(memory, tokens, train=train, weights=weights, draws=draws)
        return self.logits(self.drop(combined, deterministic=not train)), looked

    def posterior(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        inputs: Int[Array, "batch target_time"],
        target: Int[Array, "batch target_time"],
    ) -> Float[Array, "batch target_time source_time"]:
        """Where each target token came from, now that it is known (`layers.posterior`).

        Not for hard attention, whose weights are one place before and after.

        Args:
          source: tokens.
          source_mask: True where a token is real.
          inputs: the target shifted right: BOS first.
          target: the tokens that are read.
        """
        memory = self.encode(source, source_mask)
        return posterior_of(self, memory, self.target_embedding(inputs), target)

    def encode(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        *,
        train: bool = False,
    ) -> SourceMemory:
        """The top layer's outputs, projected for the score, and every layer's last state."""
        embedded = self.drop(self.source_embedding(source), deterministic=not train)
        carries, annotations = self.encoder(embedded, source_mask, train=train)
        return self.decoder.remember(annotations, source_mask, carries)

    def start(
        self, source_memory: SourceMemory, beams: int = 1, max_length: int = 0
    ) -> DecoderCarry:
        """The first carry for each of [batch x beams] hypotheses, an example's side by side.

        `max_length` is for models that keep a cache; states have one size.
        """
        return self.decoder.start(source_memory, beams)

    def step(
        self,
        source_memory: SourceMemory,
        carry: DecoderCarry,
        token: Int[Array, " rows"],
        time: Int[Array, ""] | int,
        *,
        weights: bool = False,
    ) -> tuple[DecoderCarry, Float[Array, "rows vocab"], dict[str, Array]]:
        """One target step for [batch x beams] rows; hard attention takes the likeliest position.

        Args:
          source_memory: from `encode`.
          carry: from `start` or the last step.
          token: y_{t-1}; BOS at first.
          time: which step this is, from 0 (local-m's t).
          weights: also return {"cross": [batch x beams, source_time]}, and for the local kinds
            "center" [batch x beams].

        Returns:
          the next carry, log-probabilities of y_t, the weights (or {}).
        """
        embedded = self.target_embedding(token)
        carry, combined, looked = self.decoder.step(source_memory, carry, embedded, time)
        return carry, jax.nn.log_softmax(self.logits(combined)), looked if weights else {}
