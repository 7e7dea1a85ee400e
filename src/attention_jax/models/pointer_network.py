"""The Pointer Network: attention whose weights are the answer (Vinyals, Fortunato, Jaitly 2015).

An LSTM reads the elements of a set in the order in which they are given and makes e_1 .. e_n of
them. Another one, fed the element that was pointed at last, asks with its state d_t which is next:
p(C_t = j | C_<t, P) = softmax_j(vᵀ tanh(W_1 e_j + W_2 d_t)). So there are as many symbols as there
are inputs, however many these are. Beside it `FixedVocabulary`, the two controls of Table 1.

An answer is a sequence of *positions*: 0 is the end element, input i is position i + 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.attention import Attention
from attention_jax.layers.cells import LSTM, CellState, LSTMState
from attention_jax.layers.initializers import HOUSE, SUTSKEVER, Initializers
from attention_jax.layers.readout import Logits
from attention_jax.layers.recurrent import Recurrent
from attention_jax.layers.scorers import Additive
from attention_jax.typing import Array, Bool, Float, Int

# Where there is no element: finite, and its chance is exactly zero.
_NEVER = -1e9

# Of U(0, 1), in which coordinates are drawn.
_MEAN, _DEVIATION = 0.5, 12**-0.5


class SetMemory(NamedTuple):
    """All that decoding needs of a set of inputs; never copied per beam."""

    elements: Float[Array, "batch positions fed_features"]
    """What the decoder is fed for each position; at position 0 the start."""
    mask: Bool[Array, "batch positions"]
    """True where there is something to point at: the elements and the end."""
    first: LSTMState
    """The encoder's last state, the decoder's first."""
    keys: Float[Array, "batch positions features"] | None = None
    """e_j, where anything is to be read; at position 0 the end's."""
    projected: Float[Array, "batch positions features"] | None = None
    """The keys projected for the score that points, or for the control's attention."""
    glimpsed: Float[Array, "batch positions features"] | None = None
    """The keys projected for the glimpses' score."""


class DecoderCarry(NamedTuple):
    """What passes from one step to the next."""

    state: CellState
    context: Float[Array, "rows features"] | None = None
    """What the control with attention read last."""


class _OverSets(nn.Module):
    """What the network and its controls share: two LSTMs and the faces.

    A subclass has `encode`, `_look` (what a state's scores are made of, what is told to the next
    step if anything, and the weights beside the pointer's) and `_scores` (of all positions).
    """

    def _seen(self, points: Array) -> Array:
        return (points - _MEAN) / _DEVIATION if self.standardised else points

    def _build(self, init: Initializers) -> None:
        self.encoder, self.decoder = (
            Recurrent(LSTM(self.hidden, initializers=init, dtype=self.dtype)) for _ in range(2)
        )

    def __call__(
        self,
        points: Float[Array, "batch inputs coordinates"],
        points_mask: Bool[Array, "batch inputs"],
        inputs: Int[Array, "batch outputs"],
        *,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch outputs inputs+1"], dict[str, Array]]:
        """Scores of every position at every step, given the positions before it.

        Args:
          points: the elements.
          points_mask: True where an element is real.
          inputs: the answer's positions shifted right: 0 first.
          weights: also return {"pointer": [batch outputs inputs+1]}, the chances of the positions,
            and what else was looked at (see the class).

        Returns:
          logits in float32, and the weights (or {}).
        """
        memory = self.encode(points, points_mask)
        chosen_by, looked = self._at_all_steps(memory, inputs, weights)
        logits = self._masked_scores(memory, chosen_by)
        return logits, {"pointer": jax.nn.softmax(logits), **looked} if weights else {}

    def _at_all_steps(self, memory: SetMemory, inputs: Array, weights: bool):
        """What the scores of all steps are made of, and where they looked if `weights`."""
        fed, carry = _at(memory.elements, inputs), self.start(memory)
        waits = carry.context is not None
        # Time leads inside: the scan then slices without copies.
        if waits:
            steps = self.decoder.cell.project(fed.swapaxes(0, 1))
        else:
            # No state waits for what was seen: all of them are there before the first one looks.
            _, hidden = self.decoder(fed, None, carry.state)
            steps = hidden.swapaxes(0, 1)

        def body(model, carry, now, memory):
            if waits:
                carry, chosen_by, looked = model._advance(memory, carry, now)
            else:
                chosen_by, _, looked = model._look(memory, now)
            return carry, (chosen_by, looked if weights else {})

        # Energies are made again in the backward pass: memory grows with queries x keys only.
        scan = nn.scan(
            nn.remat(body, policy=jax.checkpoint_policies.dots_saveable, prevent_cse=False),
            variable_broadcast="params",
            split_rngs={"params": False},
            in_axes=(0, nn.broadcast),
        )
        _, found = scan(self, carry, steps, memory)
        return jax.tree.map(lambda x: x.swapaxes(0, 1), found)

    def start(self, memory: SetMemory, beams: int = 1, max_length: int = 0) -> DecoderCarry:
        """The first carry for each of [batch x beams] hypotheses, an example's side by side.

        `max_length` is for models that keep a cache; states have one size.
        """
        first = jax.tree.map(lambda x: jnp.repeat(x, beams, axis=0), memory.first)
        return DecoderCarry(first, self._first_context(first))

    def _first_context(self, first: LSTMState) -> Array | None:
        return None

    def step(
        self,
        memory: SetMemory,
        carry: DecoderCarry,
        token: Int[Array, " rows"],
        time: Int[Array, ""] | int,
        *,
        weights: bool = False,
    ) -> tuple[DecoderCarry, Float[Array, "rows positions"], dict[str, Array]]:
        """One step for [batch x beams] rows.

        Args:
          memory: from `encode`.
          carry: from `start` or the last step.
          token: the position pointed at last; 0 at first.
          time: which step this is (unused here).
          weights: also return {"pointer": [rows, positions]}, and what else was looked at.

        Returns:
          the next carry, log-probabilities of the positions, the weights (or {}).
        """
        del time
        fed = _at(memory.elements, token.reshape(memory.mask.shape[0], -1))
        projected = self.decoder.cell.project(fed.reshape(len(token), -1))
        carry, chosen_by, looked = self._advance(memory, carry, projected)
        of_example = chosen_by.reshape(memory.mask.shape[0], -1, chosen_by.shape[-1])
        logits = self._masked_scores(memory, of_example).reshape(len(token), -1)
        log_probs = jax.nn.log_softmax(logits)
        return carry, log_probs, {"pointer": jnp.exp(log_probs), **looked} if weights else {}

    def _advance(self, memory: Any, carry: Any, projected: Array):
        """The carry after a step, what its scores are made of, and where it looked."""
        if carry.context is not None:
            projected = projected + self.from_context(carry.context)
        state, hidden = self.decoder.cell.step(carry.state, projected)
        chosen_by, told, looked = self._look(memory, hidden)
        return DecoderCarry(state, told), chosen_by, looked

    def _masked_scores(self, memory: SetMemory, chosen_by: Array) -> Array:
        return jnp.where(memory.mask[:, None, :], self._scores(memory, chosen_by), _NEVER)


class PointerNetwork(_OverSets):
    """Elements and the positions fed in, scores of the next position out.

    Both faces give the same numbers: `__call__` runs all steps at once; `encode`, `start` and
    `step` decode. With glimpses (Bello 2016, §A.1) the state looks before it points: g_0 = d_t,
    g_l = Σ_j softmax_j(v_gᵀ tanh(W_r e_j + W_q g_{l-1})) e_j, with one set of parameters, and g_L
    points. Their weights are "glimpse" [batch outputs glimpses inputs+1], in a step
    [rows, glimpses, positions].

    Source: Vinyals 2015, §2.3; the end element is their ⇐, the start their ⇒. Departures: the start
    is a flag on an input of its own, so that the weights of that input are its learned vector; the
    end's e_0 is learned and not read by the encoder; by default the house's initialisation.

    Attributes:
      hidden: units of both LSTMs and of the score.
      glimpses: how often the state looks before it points.
      clip: C of C tanh(score), which keeps a policy from being too sure too early (Bello 2016,
        §A.2: 10); 0 leaves the scores as they are.
      standardised: see coordinates, U(0, 1) as they are drawn, with mean 0 and variance 1. Where
        small differences decide it learns sooner; triangulations in about half the steps.
      paper_init: every parameter U(-0.08, 0.08).
      dtype: of the matrix products.
    """

    hidden: int = 256
    glimpses: int = 0
    clip: float = 0.0
    standardised: bool = False
    paper_init: bool = False
    dtype: Any = jnp.float32

    def setup(self):
        init = SUTSKEVER if self.paper_init else HOUSE
        self._build(init)
        self.end_key = self.param("end_key", init.energy, (self.hidden,))
        self.pointer = Additive(self.hidden, initializers=init, dtype=self.dtype)
        if self.glimpses:
            scorer = Additive(self.hidden, initializers=init, dtype=self.dtype)
            self.glimpse = Attention(scorer)

    def encode(
        self,
        points: Float[Array, "batch inputs coordinates"],
        points_mask: Bool[Array, "batch inputs"],
    ) -> SetMemory:
        """The keys e_0 .. e_n, projected for both scores, and the decoder's first state."""
        points = self._seen(points)
        first, keys = self.encoder(points, points_mask)
        keys = _behind(self.end_key, keys)
        return SetMemory(
            _fed_for(points),
            _behind(True, points_mask),
            first,
            keys,
            self.pointer.project_keys(keys),
            self.glimpse.project_keys(keys) if self.glimpses else None,
        )

    def _look(self, memory: Any, hidden: Array):
        """The scores of d_t's positions."""
        # Hypotheses about one set are its queries: the set needs no copies.
        query = hidden.reshape(memory.mask.shape[0], -1, self.hidden)
        looked = []
        for _ in range(self.glimpses):
            found = self.glimpse(query, memory.keys, memory.glimpsed, memory.mask[:, None, :])
            query = found.context
            looked.append(found.weights.reshape(len(hidden), -1))
        scores = self.pointer(query, memory.projected).reshape(len(hidden), -1)
        return scores, None, {"glimpse": jnp.stack(looked, axis=1)} if looked else {}

    def _scores(self, memory: SetMemory, chosen_by: Array) -> Array:
        return self.clip * jnp.tanh(chosen_by) if self.clip else chosen_by


class FixedVocabulary(_OverSets):
    """A softmax over a fixed number of positions in place of the pointer: Table 1's controls.

    Without attention an encoder-decoder of LSTMs (Sutskever 2014): all it knows of the set is the
    encoder's last state. With it the state reads first, d'_t = Σ_j softmax_j(u_j^t) e_j with the
    pointer's score; [d_t; d'_t] chooses, and d'_t is told to the next step. The weights of that
    reading are "cross" [batch outputs inputs+1], zero at the end element.

    Source: Vinyals 2015, §2.1 and §2.2. Departures: as the network's; both are fed the element
    pointed at, not an embedding of its number, so that the output layer is all that differs; places
    without an element are ruled out, while the paper's softmax may choose them.

    Attributes:
      longest: elements that the output layer has numbers for.
      hidden: units of both LSTMs and of the score.
      attention: read the set before choosing.
      standardised: see coordinates with mean 0 and variance 1, as the network's.
      paper_init: every parameter U(-0.08, 0.08).
      dtype: of the matrix products.

    Raises UserError for a set of more elements.
    """

    longest: int
    hidden: int = 256
    attention: bool = False
    standardised: bool = False
    paper_init: bool = False
    dtype: Any = jnp.float32

    def setup(self):
        init = SUTSKEVER if self.paper_init else HOUSE
        self._build(init)
        if self.attention:
            scorer = Additive(self.hidden, initializers=init, dtype=self.dtype)
            self.reader = Attention(scorer)
            self.from_context = nn.Dense(
                4 * self.hidden, use_bias=False, dtype=self.dtype, kernel_init=init.kernel
            )
        self.logits = Logits(self.longest + 1, init, self.dtype)

    def encode(
        self,
        points: Float[Array, "batch inputs coordinates"],
        points_mask: Bool[Array, "batch inputs"],
    ) -> SetMemory:
        """The decoder's first state; with attention the keys too, projected for the score."""
        inputs = points.shape[1]
        if inputs > self.longest:
            raise UserError(
                f"the set has {inputs} elements and this model's outputs end at {self.longest}: "
                "raise config.model.longest, or train the Pointer Network, which has no such limit"
            )
        points = self._seen(points)
        first, keys = self.encoder(points, points_mask)
        memory = SetMemory(_fed_for(points), _behind(True, points_mask), first)
        if not self.attention:
            return memory
        keys = _behind(0.0, keys)
        return memory._replace(keys=keys, projected=self.reader.project_keys(keys))

    def _first_context(self, first: LSTMState) -> Array | None:
        return jnp.zeros(first.hidden.shape, self.dtype) if self.attention else None

    def _look(self, memory: Any, hidden: Array):
        """d_t, beside what it read."""
        if not self.attention:
            return hidden, None, {}
        query = hidden.reshape(memory.mask.shape[0], -1, self.hidden)
        elements = memory.mask & (jnp.arange(memory.mask.shape[1]) > 0)
        found = self.reader(query, memory.keys, memory.projected, elements[:, None, :])
        context, weights = (x.reshape(len(hidden), -1) for x in (found.context, found.weights))
        return jnp.concatenate([hidden, context], axis=-1), context, {"cross": weights}

    def _scores(self, memory: SetMemory, chosen_by: Array) -> Array:
        return self.logits(chosen_by)[..., : memory.mask.shape[1]]


def _fed_for(points: Float[Array, "batch inputs coordinates"]) -> Array:
    """What the decoder is fed: (x, 0) for an element x, (0, 1) for the start."""
    flagged = jnp.pad(points, ((0, 0), (1, 0), (0, 1)))
    return flagged.at[:, 0, -1].set(1)


def _behind(first: Any, rows: Array) -> Array:
    """The same first row [*features] before the rows [batch n *features] of each example."""
    shape = (rows.shape[0], 1, *rows.shape[2:])
    return jnp.concatenate([jnp.broadcast_to(first, shape).astype(rows.dtype), rows], axis=1)


def _at(elements: Array, positions: Int[Array, "batch asked"]) -> Array:
    """The rows of each example at its positions, [batch asked features]."""
    return jnp.take_along_axis(elements, positions[..., None], axis=1)
