"""The translation model whose parts Britz et al. 2017 varied one at a time.

An encoder, bidirectional or not, and a decoder of stacked cells, plain or with residual sums. The
decoder's updated state asks for c_t, h̃_t = tanh(W [s_t; c_t]) chooses the word, and c_t is part of
the next input. Without attention the encoder's last state is all that passes on.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.attention import Attention
from attention_jax.layers.attentive import (
    AttentiveDecoder,
    DecoderCarry,
    SourceMemory,
    posterior_of,
)
from attention_jax.layers.cells import CellState, make_cell
from attention_jax.layers.initializers import HOUSE
from attention_jax.layers.readout import Logits
from attention_jax.layers.recurrent import Bidirectional, Recurrent, Stacked
from attention_jax.layers.scorers import Additive, Multiplicative
from attention_jax.typing import Array, Bool, Float, Int

_DIRECTIONS = ("bidirectional", "unidirectional")
_ATTENTIONS = ("additive", "multiplicative", "none_state", "none_input")


class FixedMemory(NamedTuple):
    """All that decoding without attention knows of a source."""

    last: Float[Array, "batch state_features"]
    """The state in which the encoder's top layer ended, of both directions if there are two."""
    carries: tuple[CellState, ...]
    """The decoder's first state, for each layer: a linear map of `last`."""


class FixedDecoder(nn.Module):
    """A stack that starts where the encoder ended, with the faces of `AttentiveDecoder`.

    Attributes:
      stack: of `Recurrent` layers that read forwards.
      every_step: the encoder's last state is also an input of every step.
      dtype: of the matrix products.
    """

    stack: Stacked
    every_step: bool
    dtype: Any = jnp.float32

    @nn.compact
    def remember(self, last: Float[Array, "batch state_features"]) -> FixedMemory:
        """What is kept of a source that ended in `last`."""
        first = tuple(layer.cell.initial(last.shape[:1]) for layer in self.stack.layers)
        leaves, structure = jax.tree.flatten(first)
        widths = [leaf.shape[-1] for leaf in leaves]
        joined = nn.Dense(sum(widths), dtype=self.dtype, name="bridge")(last)
        parts = jnp.split(joined.astype(jnp.float32), np.cumsum(widths)[:-1], axis=-1)
        return FixedMemory(last, jax.tree.unflatten(structure, parts))

    def __call__(
        self,
        memory: FixedMemory,
        tokens: Float[Array, "batch time token_features"],
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch time features"], dict[str, Array]]:
        """The top layer's outputs at all steps, and {}: there are no weights."""
        if self.every_step:
            last = jnp.repeat(memory.last[:, None], tokens.shape[1], axis=1)
            tokens = jnp.concatenate([tokens, last], axis=-1)
        return self.stack(tokens, None, memory.carries, train=train)[1], {}

    def start(self, memory: FixedMemory, beams: int = 1) -> DecoderCarry:
        """The first carry for each of [batch x beams] rows, an example's beams side by side."""
        return DecoderCarry(jax.tree.map(lambda x: jnp.repeat(x, beams, axis=0), memory.carries))

    def step(
        self,
        memory: FixedMemory,
        carry: DecoderCarry,
        token: Float[Array, "rows token_features"],
        time: Int[Array, ""] | int,
    ) -> tuple[DecoderCarry, Float[Array, "rows features"], dict[str, Array]]:
        """One step of [batch x beams] rows: the next carry, the top layer's output, and {}."""
        if self.every_step:
            last = jnp.repeat(memory.last, token.shape[0] // memory.last.shape[0], axis=0)
            token = jnp.concatenate([token, last], axis=-1)
        layers, hidden = self.stack.step(carry.layers, token)
        return DecoderCarry(layers), hidden, {}


class Britz(nn.Module):
    """Source and target tokens in, scores of the next target token out.

    Both faces give the same numbers: `__call__` runs all target steps at once; `encode`, `start`
    and `step` decode.

    Source: Britz 2017, §3 and §4, and what its open-source decoder does where the paper does not
    say: the updated top state asks, the context is joined to the next input, a tanh layer joins
    state and context before the softmax, and with attention the decoder starts at zero. Recalled,
    not read again: the exact form of "none" (here a linear map of the encoder's last state is the
    decoder's first, and for none_input that state is an input of every step too). Departures:
    each bidirectional layer reads both directions of the one below (theirs are two separate
    stacks); no bias in the projections of the attention and before the tanh; residual sums begin
    with the second layer; dropout on embeddings, between layers and before the output layer (they:
    on the inputs of each cell); the house's initialisation.

    Attributes:
      source_vocab: entries of the source vocabulary.
      target_vocab: entries of the target vocabulary.
      embedding: width of both embeddings.
      hidden: units of each cell, and of h̃.
      encoder_layers: of the encoder; a bidirectional layer has two cells.
      decoder_layers: of the decoder.
      cell: "lstm", "gru" or "vanilla".
      residual: "none", "residual" or "dense", in both stacks; see `layers.recurrent.Stacked`.
      direction: "bidirectional" or "unidirectional" (from first to last).
      attention: "additive", "multiplicative", "none_state" or "none_input".
      attention_units: width of the two projections in the score.
      dropout: rate, in training only.
      dtype: of the matrix products.

    Raises UserError for an unknown cell, residual, direction or attention.
    """

    source_vocab: int
    target_vocab: int
    embedding: int = 512
    hidden: int = 512
    encoder_layers: int = 1
    decoder_layers: int = 1
    cell: str = "lstm"
    residual: str = "none"
    direction: str = "bidirectional"
    attention: str = "additive"
    attention_units: int = 512
    dropout: float = 0.2
    dtype: Any = jnp.float32

    def setup(self):
        if self.direction not in _DIRECTIONS:
            choices = " or ".join(_DIRECTIONS)
            raise UserError(f"direction {self.direction!r} is unknown: choose {choices}")
        if self.attention not in _ATTENTIONS:
            choices = ", ".join(_ATTENTIONS)
            raise UserError(f"attention {self.attention!r} is unknown: choose {choices}")
        self.source_embedding = self._embed(self.source_vocab)
        self.target_embedding = self._embed(self.target_vocab)
        both = self.direction == "bidirectional"
        self.encoder = self._stack(self.encoder_layers, both)
        self.decoder = self._decoder(self._stack(self.decoder_layers, both=False))
        self.logits = Logits(self.target_vocab, dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def _embed(self, vocab: int) -> nn.Embed:
        init = HOUSE.embedding
        return nn.Embed(vocab, self.embedding, dtype=self.dtype, embedding_init=init)

    def _stack(self, depth: int, both: bool) -> Stacked:
        def cell():
            return make_cell(self.cell, self.hidden, dtype=self.dtype)

        layers = [
            Bidirectional(cell(), cell()) if both else Recurrent(cell()) for _ in range(depth)
        ]
        return Stacked(tuple(layers), self.dropout, self.residual)

    def _decoder(self, stack: Stacked) -> nn.Module:
        if self.attention in ("none_state", "none_input"):
            return FixedDecoder(stack, self.attention == "none_input", self.dtype)
        scorer = Additive if self.attention == "additive" else Multiplicative
        attention = Attention(scorer(self.attention_units, dtype=self.dtype))
        return AttentiveDecoder(stack, attention, self.hidden, "context", dtype=self.dtype)

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
          weights: also return {"cross": [batch target_time source_time]} where there is attention.

        Returns:
          logits in float32, and the weights (or {}).
        """
        memory = self.encode(source, source_mask, train=train)
        tokens = self.drop(self.target_embedding(inputs), deterministic=not train)
        outputs, looked = self.decoder(memory, tokens, train=train, weights=weights)
        return self.logits(self.drop(outputs, deterministic=not train)), looked

    def posterior(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        inputs: Int[Array, "batch target_time"],
        target: Int[Array, "batch target_time"],
    ) -> Float[Array, "batch target_time source_time"]:
        """Where each target token came from, now that it is known (`layers.posterior`).

        Only where there is attention.

        Args:
          source: tokens.
          source_mask: True where a token is real.
          inputs: the target shifted right: BOS first.
          target: the tokens that are read.
        """
        memory = self.encode(source, source_mask)
        assert isinstance(memory, SourceMemory)
        return posterior_of(self, memory, self.target_embedding(inputs), target)

    def encode(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        *,
        train: bool = False,
    ) -> SourceMemory | FixedMemory:
        """The top layer's outputs, projected for the score; or its last state alone."""
        embedded = self.drop(self.source_embedding(source), deterministic=not train)
        carries, annotations = self.encoder(embedded, source_mask, train=train)
        if isinstance(self.decoder, FixedDecoder):
            last = jnp.concatenate(jax.tree.leaves(carries[-1]), axis=-1)
            return self.decoder.remember(last)
        first = [layer.cell.initial(source.shape[:1]) for layer in self.decoder.stack.layers]
        return self.decoder.remember(annotations, source_mask, tuple(first))

    def start(
        self, source_memory: SourceMemory | FixedMemory, beams: int = 1, max_length: int = 0
    ) -> DecoderCarry:
        """The first carry for each of [batch x beams] hypotheses, an example's side by side.

        `max_length` is for models that keep a cache; states have one size.
        """
        return self.decoder.start(source_memory, beams)

    def step(
        self,
        source_memory: SourceMemory | FixedMemory,
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
          time: which step this is (of no use here).
          weights: also return {"cross": [batch x beams, source_time]} where there is attention.

        Returns:
          the next carry, log-probabilities of y_t, the weights (or {}).
        """
        embedded = self.target_embedding(token)
        carry, outputs, looked = self.decoder.step(source_memory, carry, embedded, time)
        return carry, jax.nn.log_softmax(self.logits(outputs)), looked if weights else {}
