"""Show, Attend and Tell: captions that look at one place of the image a word (Xu et al. 2015).

Convolutions make annotations a_i of an image, one for each cell of a grid. Before each update the
decoder's state looks: alpha_{t,i} = softmax_i(vᵀ tanh(W h_{t-1} + U a_i)), and it reads either the
expectation Σ_i alpha_{t,i} a_i (soft) or one a_i drawn with these chances (hard). How much of that
counts is the selector's, beta_t = σ(f_beta(h_{t-1})): z_t = beta_t (what was read). Then
h_t = LSTM([E y_{t-1}; z_t], h_{t-1}), and L_o (E y_{t-1} + L_h h_t + L_z z_t) chooses the word.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers import conv_grid
from attention_jax.layers.cells import LSTM, LSTMState
from attention_jax.layers.conv_grid import ConvGrid, Stages
from attention_jax.layers.initializers import HOUSE
from attention_jax.layers.readout import Logits
from attention_jax.layers.scorers import Additive
from attention_jax.ops.attend import attend, read
from attention_jax.ops.normalize import hard, masked_softmax
from attention_jax.typing import Array, Bool, Float, Int, Key

Images = Float[Array, "batch height width channels"] | Float[Array, "batch keys features"]


class ImageMemory(NamedTuple):
    """All that decoding needs of an image; never copied per beam."""

    annotations: Float[Array, "batch keys features"]
    """a_i; without attention their mean alone."""
    first: LSTMState
    """h_0 and c_0, each tanh(W mean_i a_i + b); or zero."""
    projected: Float[Array, "batch keys alignment_features"] | None = None
    """U a_i, where there is attention."""


class ShowAttendTell(nn.Module):
    """Images and the words so far in, scores of the next word out.

    Both faces give the same numbers: `__call__` runs all steps at once; `encode`, `start` and
    `step` decode. Images are [batch, height, width, channels] in 0..1. A model without `stages`
    takes features in their place, [batch, keys, features], made by whatever network.

    Hard attention draws a place a step, with `draws`, one random number each. It learns by
    REINFORCE: the gradient of E[log p(y|s)] is that of log p(y|s), which passes what was read and
    not the drawing, plus (log p(y|s) - b) ∇ log p(s). For the second term and for the entropy term
    the model returns `log_prob` and `entropy` of each step, with the other weights. `expected` is
    the paper's coin: where it is True an example reads the expectation, through which the gradient
    passes, and nothing was drawn: its `log_prob` is 0. Without `draws`, and so when decoding, the
    likeliest place is read.

    Weights, by name, each [batch target_time ...], in a step [rows ...]:

    - "cross" [keys]: what was read. Soft weights, or one-hot; none without attention;
    - "selector" []: beta_t;
    - hard: "chances" [keys], alpha_t; "log_prob" [], of the place that was drawn (or likeliest);
      "entropy" [], of the chances, in nats.

    Source: Xu 2015, §3.1, §4 and §4.2.1. Departures: the encoder is trained here, see
    `layers.conv_grid`; f_att has no bias; the word before the first is BOS, where the authors' code
    feeds zeros; what chooses the word is the paper's eq. 7, of which the authors' code takes the
    tanh before L_o; the house's initialisation. The paper does not say what hard attention reads
    when it decodes; the authors' script takes the expectation unless told to draw, ours the
    likeliest place, so that what is said was said of one place.

    Attributes:
      vocab: entries of the vocabulary.
      stages: filters of the encoder's convolutions, stage by stage, see `layers.conv_grid`; () for
        features.
      coordinates: annotations of images end with y and x of their cell.
      glimpse: h_0 and c_0 are made of the mean annotation, as in the paper; False: they are zero,
        and nothing is known of an image but what was looked at.
      embedding: width of E, and of the deep output (their m).
      hidden: units of the LSTM (n).
      alignment: units of f_att.
      attention: "soft", "hard", or "none": the mean annotation is read at every step.
      straight_through: hard attention passes the gradient as if it had read the expectation
        (Bengio 2013), in place of REINFORCE.
      dropout: rate on h_t and before L_o, in training only.
      dtype: of the matrix products.

    Raises UserError for another attention, for features where there are stages, for images where
    there are none.
    """

    vocab: int
    stages: Stages = ((32,), (64,), (128,))
    coordinates: bool = True
    glimpse: bool = True
    embedding: int = 128
    hidden: int = 256
    alignment: int = 128
    attention: str = "soft"
    straight_through: bool = False
    dropout: float = 0.0
    dtype: Any = jnp.float32

    def setup(self):
        if self.attention not in ("soft", "hard", "none"):
            raise UserError(f"attention {self.attention!r} is unknown: choose soft, hard or none")
        if self.stages:
            self.encoder = ConvGrid(self.stages, self.coordinates, self.dtype)
        self.embed = nn.Embed(
            self.vocab,
            self.embedding,
            dtype=self.dtype,
            embedding_init=HOUSE.embedding,
        )
        if self.glimpse:
            self.first_hidden = nn.Dense(self.hidden, dtype=self.dtype)
            self.first_cell = nn.Dense(self.hidden, dtype=self.dtype)
        if self.attention != "none":
            self.scorer = Additive(self.alignment, dtype=self.dtype)
        self.selector = nn.Dense(1, dtype=self.dtype)
        self.cell = LSTM(self.hidden, dtype=self.dtype)
        self.from_read = nn.Dense(4 * self.hidden, use_bias=False, dtype=self.dtype)
        self.output_state = nn.Dense(self.embedding, dtype=self.dtype)
        self.output_read = nn.Dense(self.embedding, use_bias=False, dtype=self.dtype)
        self.logits = Logits(self.vocab, dtype=self.dtype)
        self.drop = nn.Dropout(self.dropout)

    @property
    def samples(self) -> bool:
        """Whether training draws places, and so wants `draws`."""
        return self.attention == "hard"

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns that the keys of such an image are, row after row.

        Raises:
          UserError: for an image that the stages' pooling does not divide.
        """
        return conv_grid.grid(height, width, self.stages)

    def __call__(
        self,
        images: Images,
        inputs: Int[Array, "batch target_time"],
        *,
        train: bool = False,
        weights: bool = False,
        draws: Key[Array, " batch"] | None = None,
        expected: Bool[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch target_time vocab"], dict[str, Array]]:
        """Scores of every word given those before it.

        Args:
          images: or features.
          inputs: the caption shifted right: BOS first.
          train: drop out, with the rng "dropout".
          weights: also return the weights that the class names.
          draws: a random key for each example, for hard attention to draw places with; None takes
            the likeliest.
          expected: True where hard attention reads the expectation; None is nowhere.

        Returns:
          logits in float32, and the weights (or {}).
        """
        memory = self.encode(images)
        # Time leads from here to the logits: the scan then slices without copies.
        tokens = self.embed(inputs.T)
        steps = self.cell.project(tokens), jnp.arange(len(tokens))

        def body(model, carry, step, memory, draws, expected):
            projected, time = step
            if draws is not None:
                draws = jax.vmap(jax.random.fold_in, in_axes=(0, None))(draws, time)
            carry, hidden, seen, looked = model._advance(memory, carry, projected, draws, expected)
            return carry, (hidden, seen, looked if weights else {})

        # Energies are made again in the backward pass: memory grows with queries x keys only.
        saved = jax.checkpoint_policies.dots_saveable
        scan = nn.scan(
            nn.remat(body, policy=saved, prevent_cse=False),
            variable_broadcast="params",
            split_rngs={"params": False},
            in_axes=(0, nn.broadcast, nn.broadcast, nn.broadcast),
        )
        _, found = scan(self, self.start(memory), steps, memory, draws, expected)
        hidden, seen, looked = found
        logits = self._tell(tokens, hidden, seen, train).swapaxes(0, 1)
        return logits, jax.tree.map(lambda x: x.swapaxes(0, 1), looked)

    def encode(self, images: Images) -> ImageMemory:
        """The annotations, projected for f_att, and the decoder's first state."""
        annotations = self._annotate(images)
        mean = annotations.mean(axis=1)
        first = self.cell.initial((len(mean),))
        if self.glimpse:
            hidden, cell = self.first_hidden(mean), self.first_cell(mean)
            first = LSTMState(*(jnp.tanh(x.astype(jnp.float32)) for x in (hidden, cell)))
        if self.attention == "none":
            return ImageMemory(mean[:, None], first)
        return ImageMemory(annotations, first, self.scorer.project_keys(annotations))

    def _annotate(self, images: Array) -> Array:
        if self.stages and images.ndim == 3:
            raise UserError(
                f"the model was built for images, and got features {images.shape}: give images "
                "[batch, height, width, channels], or build it with stages ()"
            )
        if not self.stages and images.ndim == 4:
            raise UserError(
                f"the model was built for features, and got images {images.shape}: give features "
                "[batch, positions, features], or build it with stages"
            )
        return self.encoder(images) if self.stages else images.astype(self.dtype)

    def start(self, source_memory: ImageMemory, beams: int = 1, max_length: int = 0) -> LSTMState:
        """The first state for each of [batch x beams] hypotheses, an example's beams side by side.

        `max_length` is for models that keep a cache; a state has one size.
        """
        return jax.tree.map(lambda x: jnp.repeat(x, beams, axis=0), source_memory.first)

    def step(
        self,
        source_memory: ImageMemory,
        carry: LSTMState,
        token: Int[Array, " rows"],
        time: Int[Array, ""] | int,
        *,
        weights: bool = False,
    ) -> tuple[LSTMState, Float[Array, "rows vocab"], dict[str, Array]]:
        """One word for [batch x beams] rows; hard attention reads the likeliest place.

        Args:
          source_memory: from `encode`.
          carry: from `start` or the last step.
          token: y_{t-1}; BOS at first.
          time: which step this is (unused here).
          weights: also return the weights that the class names, [rows ...].

        Returns:
          the next carry, log-probabilities of y_t, the weights (or {}).
        """
        del time
        embedded = self.embed(token)
        carry, hidden, seen, looked = self._advance(
            source_memory, carry, self.cell.project(embedded)
        )
        logits = self._tell(embedded, hidden, seen, train=False)
        return carry, jax.nn.log_softmax(logits), looked if weights else {}

    def _advance(
        self,
        memory: ImageMemory,
        carry: LSTMState,
        projected: Array,
        draws: Array | None = None,
        expected: Array | None = None,
    ) -> tuple[LSTMState, Array, Array, dict[str, Array]]:
        """The carry after a step of rows, h_t, z_t, and where it looked."""
        # Rows about one image are its queries: the image needs no copies.
        query = carry.hidden.reshape(memory.annotations.shape[0], -1, self.hidden)
        context, looked = self._look(memory, query, draws, expected)
        selector = jax.nn.sigmoid(self.selector(query).astype(jnp.float32))
        found = selector * context, {**looked, "selector": selector[..., 0]}
        seen, looked = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)
        carry, hidden = self.cell.step(carry, projected + self.from_read(seen))
        return carry, hidden, seen, looked

    def _look(
        self, memory: Any, query: Array, draws: Array | None, expected: Array | None
    ) -> tuple[Array, dict[str, Array]]:
        """What each query reads, and where that stood."""
        if self.attention == "none":
            shape = (*query.shape[:2], memory.annotations.shape[-1])
            return jnp.broadcast_to(memory.annotations, shape), {}
        scores = self.scorer(query, memory.projected)
        if self.attention == "soft":
            context, cross = attend(scores, memory.annotations)
            return context, {"cross": cross}
        chances, log_chances = masked_softmax(scores), jax.nn.log_softmax(scores)
        cross = hard(chances, None if draws is None else draws[:, None])
        one_hot = jax.lax.stop_gradient(cross)
        log_prob = (one_hot * log_chances).sum(-1)
        if not self.straight_through:
            cross = one_hot
        if expected is not None:
            cross = jnp.where(expected[:, None, None], chances, cross)
            log_prob = jnp.where(expected[:, None], 0.0, log_prob)
        entropy = -(chances * log_chances).sum(-1)
        looked = {"cross": cross, "chances": chances, "log_prob": log_prob, "entropy": entropy}
        if expected is None and not self.straight_through:
            # One place is all that is read: the others are not even fetched.
            place = one_hot.argmax(-1)[..., None]
            return jnp.take_along_axis(memory.annotations, place, axis=1), looked
        return read(cross, memory.annotations), looked

    def _tell(self, tokens: Array, hidden: Array, seen: Array, train: bool) -> Array:
        """L_o (E y_{t-1} + L_h h_t + L_z z_t), of any number of steps."""
        hidden = self.drop(hidden, deterministic=not train)
        deep = tokens + self.output_state(hidden) + self.output_read(seen)
        return self.logits(self.drop(deep, deterministic=not train))
