"""RNNsearch: the translation model that learns where to look (Bahdanau, Cho, Bengio 2015).

A bidirectional GRU annotates the source, h_i = [forward_i; backward_i]. Before each update the
decoder's state asks which annotations matter, c_t = Σ_i softmax_i(vᵀ tanh(W s_{t-1} + U h_i)) h_i;
a maxout layer of (s_{t-1}, y_{t-1}, c_t) chooses the word, and s_t = f(s_{t-1}, y_{t-1}, c_t).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.attention import Attention
from attention_jax.layers.cells import Cell, CellState, make_cell
from attention_jax.layers.initializers import BAHDANAU, HOUSE, Initializers
from attention_jax.layers.posterior import posterior_weights
from attention_jax.layers.readout import Logits, MaxoutReadout
from attention_jax.layers.recurrent import Bidirectional
from attention_jax.layers.scorers import Additive
from attention_jax.typing import Array, Bool, Float, Int


class SourceMemory(NamedTuple):
    """All that decoding needs of a source; never copied per beam."""

    annotations: Float[Array, "batch source_time annotation_features"]
    projected: Float[Array, "batch source_time alignment_features"]
    mask: Bool[Array, "batch source_time"]
    first_state: Float[Array, "batch features"]
    """s_0 = tanh(W_s backward_1)."""


class AttentiveStep(nn.Module):
    """c_t = attend(s_{t-1}), then s_t = f(s_{t-1}, y_{t-1}, c_t): all that waits for the state.

    Attributes:
      attention: asked with the state before the update.
      cell: f.
    """

    attention: Attention
    cell: Cell

    @nn.compact
    def __call__(
        self, carry: Any, projected: Float[Array, "rows gates"], memory: SourceMemory
    ) -> tuple[Any, tuple[Array, Array]]:
        """The carry after the step, and the context and weights of [batch x queries] rows.

        `projected` is the cell's projection of y_{t-1}. Rows about one source lie side by side.
        """
        batch = memory.mask.shape[0]
        query = carry.hidden.reshape(batch, -1, carry.hidden.shape[-1])
        mask = memory.mask[:, None, :]
        found = self.attention(query, memory.annotations, memory.projected, mask)
        context, weights = (x.reshape(-1, x.shape[-1]) for x in (found.context, found.weights))
        from_context = nn.Dense(
            projected.shape[-1],
            use_bias=False,
            dtype=self.cell.dtype,
            kernel_init=self.cell.initializers.kernel,
            name="context",
        )(context)
        carry, _ = self.cell.step(carry, projected + from_context)
        return carry, (context, weights)


class RNNsearch(nn.Module):
    """Source and target tokens in, scores of the next target token out.

    Both faces give the same numbers: `__call__` runs all target steps at once; `encode`, `start`
    and `step` decode. The defaults are the paper's sizes.

    Source: Bahdanau 2015, §3, §A and §B; annotations are their h_j, weights their alpha_ij.
    Departures: dropout, and by default the house's initialisation.

    Attributes:
      source_vocab: entries of the source vocabulary.
      target_vocab: entries of the target vocabulary.
      embedding: width of both embeddings (their m).
      hidden: units of each encoder direction and of the decoder (n).
      alignment: units of the additive score (n').
      maxout: maxout units of the readout (l).
      cell: "gru" as in the paper, or "lstm", "vanilla".
      reset: the GRU's convention, "before" as in the paper, or "after".
      dropout: rate on embeddings and on the maxout layer, in training only.
      paper_init: start as in the paper's §B.1.
      dtype: of the matrix products.
    """

    source_vocab: int
    target_vocab: int
    embedding: int = 620
    hidden: int = 1000
    alignment: int = 1000
    maxout: int = 500
    cell: str = "gru"
    reset: str = "before"
    dropout: float = 0.0
    paper_init: bool = False
    dtype: Any = jnp.float32

    def setup(self):
        init = BAHDANAU if self.paper_init else HOUSE
        self.source_embedding = self._embed(self.source_vocab, init)
        self.target_embedding = self._embed(self.target_vocab, init)
        self.encoder = Bidirectional(self._cell(init), self._cell(init))
        self.first_state = nn.Dense(
            self.hidden, dtype=self.dtype, kernel_init=init.kernel, bias_init=init.bias
        )
        scorer = Additive(self.alignment, initializers=init, dtype=self.dtype)
        self.decoder = AttentiveStep(Attention(scorer), self._cell(init))
        self.readout = MaxoutReadout(self.maxout, init, self.dtype)
        self.logits = Logits(self.target_vocab, init, self.dtype)
        self.drop = nn.Dropout(self.dropout)

    def _embed(self, vocab: int, init: Initializers) -> nn.Embed:
        return nn.Embed(vocab, self.embedding, dtype=self.dtype, embedding_init=init.embedding)

    def _cell(self, init: Initializers) -> Cell:
        return make_cell(
            self.cell, self.hidden, reset=self.reset, initializers=init, dtype=self.dtype
        )

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
          weights: also return {"cross": [batch target_time source_time]}.

        Returns:
          logits in float32, and the weights (or {}).
        """
        memory = self.encode(source, source_mask, train=train)
        # Time leads from here to the readout: the scan then slices without copies.
        tokens = self.drop(self.target_embedding(inputs.T), deterministic=not train)
        states, contexts, attended = self._run(memory, tokens, weights)
        hidden = self.readout(states, tokens, contexts)
        logits = self.logits(self.drop(hidden.swapaxes(0, 1), deterministic=not train))
        return logits, {"cross": attended.swapaxes(0, 1)} if weights else {}

    def _run(
        self, memory: SourceMemory, tokens: Float[Array, "time batch features"], weights: bool
    ) -> tuple[Array, Array, Any]:
        """s_{t-1}, c_t and, where asked for, weights of all steps; time leads."""
        projected = self.decoder.cell.project(tokens)

        def body(decoder, carry, projected, memory):
            following, (context, attended) = decoder(carry, projected, memory)
            return following, (carry.hidden, context, attended if weights else None)

        # Energies are made again in the backward pass: memory grows with queries x keys only.
        saved = jax.checkpoint_policies.dots_saveable
        scan = nn.scan(
            nn.remat(body, policy=saved, prevent_cse=False),
            variable_broadcast="params",
            split_rngs={"params": False},
            in_axes=(0, nn.broadcast),
        )
        return scan(self.decoder, self.start(memory), projected, memory)[1]

    def posterior(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        inputs: Int[Array, "batch target_time"],
        target: Int[Array, "batch target_time"],
    ) -> Float[Array, "batch target_time source_time"]:
        """Where each target token came from, now that it is known (`layers.posterior`).

        Args:
          source: tokens.
          source_mask: True where a token is real.
          inputs: the target shifted right: BOS first.
          target: the tokens that are read.
        """
        memory = self.encode(source, source_mask)
        tokens = self.target_embedding(inputs.T)
        states, _, weights = self._run(memory, tokens, weights=True)
        states, tokens, weights = (x.swapaxes(0, 1) for x in (states, tokens, weights))

        def readout(model, context):
            return model.logits(model.readout(states, tokens, context))

        return posterior_weights(self, readout, memory.annotations, weights, target)

    def encode(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        *,
        train: bool = False,
    ) -> SourceMemory:
        """Annotations h_i = [forward_i; backward_i], projected for the score, and s_0."""
        embedded = self.drop(self.source_embedding(source), deterministic=not train)
        (_, backward), annotations = self.encoder(embedded, source_mask)
        first_state = jnp.tanh(self.first_state(backward.hidden))
        projected = self.decoder.attention.project_keys(annotations)
        return SourceMemory(annotations, projected, source_mask, first_state)

    def start(self, source_memory: SourceMemory, beams: int = 1, max_length: int = 0) -> CellState:
        """s_0 for each of [batch x beams] hypotheses, an example's beams side by side.

        `max_length` is for models that keep a cache; a state has one size.
        """
        return self.decoder.cell.carry_from(jnp.repeat(source_memory.first_state, beams, axis=0))

    def step(
        self,
        source_memory: SourceMemory,
        carry: CellState,
        token: Int[Array, " rows"],
        time: Int[Array, ""] | int,
        *,
        weights: bool = False,
    ) -> tuple[CellState, Float[Array, "rows vocab"], dict[str, Array]]:
        """One target step for [batch x beams] rows.

        Args:
          source_memory: from `encode`.
          carry: from `start` or the last step.
          token: y_{t-1}; BOS at first.
          time: which step this is (unused here).
          weights: also return {"cross": [batch x beams, source_time]}.

        Returns:
          the next carry, log-probabilities of y_t, the weights (or {}).
        """
        del time
        embedded = self.target_embedding(token)
        following, (context, attended) = self.decoder(
            carry, self.decoder.cell.project(embedded), source_memory
        )
        logits = self.logits(self.readout(carry.hidden, embedded, context))
        return following, jax.nn.log_softmax(logits), {"cross": attended} if weights else {}
