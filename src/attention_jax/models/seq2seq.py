"""Translation through one fixed vector: what attention replaced.

`context="initial"`: Sutskever, Vinyals, Le 2014. Stacked LSTMs; the encoder's last states become
the decoder's first: all it ever learns of the source. Reading the source backwards helps.
`context="every_step"`: Cho 2014's encoder-decoder as Bahdanau 2015 compares it (RNNencdec): the
encoder's last state c is an input of every decoder step and of the maxout readout.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.cells import CellState, make_cell
from attention_jax.layers.initializers import BAHDANAU, HOUSE, SUTSKEVER, Initializers
from attention_jax.layers.readout import Logits, MaxoutReadout
from attention_jax.layers.recurrent import Recurrent, Stacked
from attention_jax.typing import Array, Bool, Float, Int


class SourceMemory(NamedTuple):
    """All that decoding needs of a source."""

    context: Float[Array, "batch features"]
    """c: the top layer's last state."""
    carries: tuple[CellState, ...]
    """The decoder's first carry, for each layer."""


class DecoderCarry(NamedTuple):
    """What passes from one target step to the next."""

    layers: tuple[CellState, ...]


class Seq2Seq(nn.Module):
    """Source and target tokens in, scores of the next target token out.

    Both faces give the same numbers: `__call__` runs all target steps at once; `encode`, `start`
    and `step` decode. The defaults are Sutskever's.

    Source: Sutskever 2014, §2 and §3.4; Bahdanau 2015, §A.2.2 with c_i fixed (RNNencdec).
    Departures: dropout; by default the house's initialisation; Cho and Bahdanau have one layer,
    here "every_step" may have more, each starting at tanh(W c).

    Attributes:
      source_vocab: entries of the source vocabulary.
      target_vocab: entries of the target vocabulary.
      embedding: width of both embeddings.
      hidden: units of each layer.
      layers: of encoder and decoder each.
      cell: "lstm", "gru" or "vanilla".
      reset: the GRU's convention, "after" or "before" (Cho's).
      reverse_source: read the source's real tokens from last to first.
      context: "initial" or "every_step".
      maxout: maxout units of the readout ("every_step" only).
      dropout: rate on embeddings, between layers and before the output layer, in training only.
      paper_init: start as in Sutskever's §3.4, or for "every_step" Bahdanau's §B.1.
      dtype: of the matrix products.

    Raises UserError for another `context`.
    """

    source_vocab: int
    target_vocab: int
    embedding: int = 1000
    hidden: int = 1000
    layers: int = 4
    cell: str = "lstm"
    reset: str = "after"
    reverse_source: bool = True
    context: str = "initial"
    maxout: int = 500
    dropout: float = 0.0
    paper_init: bool = False
    dtype: Any = jnp.float32

    def setup(self):
        if self.context not in ("initial", "every_step"):
            raise UserError(f"context {self.context!r} is unknown: choose initial or every_step")
        paper = SUTSKEVER if self.context == "initial" else BAHDANAU
        init = paper if self.paper_init else HOUSE
        self.source_embedding = self._embed(self.source_vocab, init)
        self.target_embedding = self._embed(self.target_vocab, init)
        self.encoder = self._stack(init, self.reverse_source)
        self.decoder = self._stack(init, reverse=False)
        if self.context == "every_step":
            self.first_states = [
                nn.Dense(
                    self.hidden, dtype=self.dtype, kernel_init=init.kernel, bias_init=init.bias
                )
                for _ in range(self.layers)
            ]
            self.readout = MaxoutReadout(self.maxout, init, self.dtype)
        self.logits = Logits(self.target_vocab, init, self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def _embed(self, vocab: int, init: Initializers) -> nn.Embed:
        return nn.Embed(vocab, self.embedding, dtype=self.dtype, embedding_init=init.embedding)

    def _stack(self, init: Initializers, reverse: bool) -> Stacked:
        cells = [
            make_cell(self.cell, self.hidden, reset=self.reset, initializers=init, dtype=self.dtype)
            for _ in range(self.layers)
        ]
        return Stacked(tuple(Recurrent(cell, reverse) for cell in cells), self.dropout)

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
          weights: accepted for the contract's sake; this model has none.

        Returns:
          logits in float32, and {}.
        """
        del weights
        memory = self.encode(source, source_mask, train=train)
        tokens = self.drop(self.target_embedding(inputs), deterministic=not train)
        if self.context == "initial":
            _, hidden = self.decoder(tokens, None, memory.carries, train=train)
        else:
            context = jnp.repeat(memory.context[:, None], inputs.shape[1], axis=1)
            joined = jnp.concatenate([tokens, context], axis=-1)
            _, after = self.decoder(joined, None, memory.carries, train=train)
            first = memory.carries[-1].hidden[:, None].astype(after.dtype)
            before = jnp.concatenate([first, after[:, :-1]], axis=1)
            hidden = self.readout(before, tokens, memory.context[:, None])
        return self.logits(self.drop(hidden, deterministic=not train)), {}

    def encode(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        *,
        train: bool = False,
    ) -> SourceMemory:
        """The last states: all that passes on, however long the source."""
        embedded = self.drop(self.source_embedding(source), deterministic=not train)
        carries, _ = self.encoder(embedded, source_mask, train=train)
        context = carries[-1].hidden.astype(self.dtype)
        if self.context == "every_step":
            carries = tuple(
                layer.cell.carry_from(jnp.tanh(first(context)))
                for layer, first in zip(self.decoder.layers, self.first_states, strict=True)
            )
        return SourceMemory(context, carries)

    def start(
        self, source_memory: SourceMemory, beams: int = 1, max_length: int = 0
    ) -> DecoderCarry:
        """The first carry for each of [batch x beams] rows, an example's beams side by side.

        `max_length` is for models that keep a cache; states have one size.
        """
        return DecoderCarry(
            jax.tree.map(lambda x: jnp.repeat(x, beams, axis=0), source_memory.carries)
        )

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
          time: which step this is (unused here).
          weights: accepted for the contract's sake; this model has none.

        Returns:
          the next carry, log-probabilities of y_t, and {}.
        """
        del time, weights
        embedded = self.target_embedding(token)
        if self.context == "initial":
            layers, hidden = self.decoder.step(carry.layers, embedded)
        else:
            beams = token.shape[0] // source_memory.context.shape[0]
            context = jnp.repeat(source_memory.context, beams, axis=0)
            joined = jnp.concatenate([embedded, context], axis=-1)
            layers, _ = self.decoder.step(carry.layers, joined)
            before = carry.layers[-1].hidden.astype(self.dtype)
            hidden = self.readout(before, embedded, context)
        return DecoderCarry(layers), jax.nn.log_softmax(self.logits(hidden)), {}
