"""A decoder that asks the source after each update of its state.

A stack of cells makes h_t of the last word and of what the step before it has told; h_t asks the
annotations, and h̃_t = tanh(W [c_t; h_t]) is what the output layer reads. Luong 2015 and Britz 2017
share this and differ in what the next step is told: h̃_t, the context c_t, or nothing.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.attention import Attended, Attention
from attention_jax.layers.cells import CellState
from attention_jax.layers.initializers import HOUSE, Initializers
from attention_jax.layers.posterior import posterior_weights
from attention_jax.layers.recurrent import Stacked
from attention_jax.typing import Array, Bool, Float, Int, Key


class SourceMemory(NamedTuple):
    """All that decoding needs of a source; never copied per beam."""

    annotations: Float[Array, "batch source_time annotation_features"]
    projected: Float[Array, "batch source_time projected_features"]
    mask: Bool[Array, "batch source_time"]
    carries: tuple[CellState, ...]
    """The decoder's first state, for each layer."""


class DecoderCarry(NamedTuple):
    """What passes from one target step to the next."""

    layers: tuple[CellState, ...]
    told: Float[Array, "rows told_features"] | None = None
    """h̃ or c of the step before, zero at first; None where nothing is told."""


def looked(found: Attended) -> dict[str, Array]:
    """Where an attention looked, by name: "cross", the weights; "center", p_t if there is one."""
    center = {} if found.center is None else {"center": found.center}
    return {"cross": found.weights, **center}


class AttentiveDecoder(nn.Module):
    """h_t = stack([y_{t-1}; told_{t-1}]), c_t = attend(h_t), h̃_t = tanh(W [c_t; h_t]).

    Only what waits for the state stands in the scan over time: where nothing is told, all steps ask
    at once. What the attention makes of queries x keys x features is made again in the backward
    pass.

    Source: Luong 2015, eq. 5 and §3.3 (input feeding).

    Attributes:
      stack: of `Recurrent` layers that read forwards.
      attention: asked with the top layer's output.
      features: width of h̃.
      tells: what a step tells the next: "combined" (h̃), "context" (c) or "nothing".
      initializers: `kernel` is used.
      dtype: of the matrix products.
    """

    stack: Stacked
    attention: Attention
    features: int
    tells: str
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        self.combination = self._dense(self.features)

    def _dense(self, features: int, name: str | None = None) -> nn.Dense:
        kernel = self.initializers.kernel
        return nn.Dense(features, use_bias=False, dtype=self.dtype, kernel_init=kernel, name=name)

    def remember(
        self,
        annotations: Float[Array, "batch source_time annotation_features"],
        mask: Bool[Array, "batch source_time"],
        carries: tuple[CellState, ...],
    ) -> SourceMemory:
        """What is kept of a source, its keys projected once; `carries` are the first states."""
        return SourceMemory(annotations, self.attention.project_keys(annotations), mask, carries)

    def __call__(
        self,
        memory: SourceMemory,
        tokens: Float[Array, "batch time token_features"],
        *,
        train: bool = False,
        weights: bool = False,
        draws: Key[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch time features"], dict[str, Array]]:
        """h̃ of all steps; with `weights`, also where they looked [batch time ...]."""
        outputs, extras = self._run(memory, tokens, draws, train=train, weights=weights)
        return self._output(*outputs), extras

    def states(
        self, memory: SourceMemory, tokens: Float[Array, "batch time token_features"]
    ) -> tuple[Float[Array, "batch time hidden_features"], Float[Array, "batch time source_time"]]:
        """h_t of all steps, and the weights with which they looked."""
        (hidden, _, _), extras = self._run(memory, tokens, None, train=False, weights=True)
        return hidden, extras["cross"]

    def combine(
        self,
        hidden: Float[Array, "*batch hidden_features"],
        context: Float[Array, "*batch annotation_features"],
    ) -> Float[Array, "*batch features"]:
        """h̃ = tanh(W [c; h])."""
        return jnp.tanh(self.combination(jnp.concatenate([context, hidden], axis=-1)))

    def _run(
        self, memory: SourceMemory, tokens: Array, draws: Any, *, train: bool, weights: bool
    ) -> tuple[tuple[Array, Array, Array | None], dict[str, Array]]:
        """h_t, c_t and what was told, of all steps; with `weights`, also where they looked."""
        if self.tells == "nothing":
            _, hidden = self.stack(tokens, None, memory.carries, train=train)
            context, extras = self._ask_at_once(memory, hidden, draws, weights)
            return (hidden, context, None), extras

        def body(decoder, carry, step, memory, draws):
            carry, hidden, found = decoder._advance(memory, carry, *step, draws, train=train)
            outputs = hidden, found.context, carry.told
            return carry, (outputs, looked(found) if weights else {})

        scan = nn.scan(
            nn.remat(body, policy=jax.checkpoint_policies.dots_saveable, prevent_cse=False),
            variable_broadcast="params",
            split_rngs={"params": False, "dropout": True},
            in_axes=(0, nn.broadcast, nn.broadcast),
        )
        # Time leads inside: the scan then slices without copies.
        steps = self._project(jnp.swapaxes(tokens, 0, 1)), jnp.arange(tokens.shape[1])
        _, found = scan(self, self.start(memory), steps, memory, draws)
        return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), found)

    def _ask_at_once(self, memory: SourceMemory, hidden: Array, draws: Any, weights: bool):
        def ask(decoder, memory, hidden, draws):
            found = decoder._ask(memory, hidden, jnp.arange(hidden.shape[1]), draws)
            return found.context, looked(found) if weights else {}

        again = nn.remat(ask, policy=jax.checkpoint_policies.dots_saveable)
        return again(self, memory, hidden, draws)

    def start(self, memory: SourceMemory, beams: int = 1) -> DecoderCarry:
        """The first carry for each of [batch x beams] rows, an example's beams side by side."""
        layers = jax.tree.map(lambda x: jnp.repeat(x, beams, axis=0), memory.carries)
        if self.tells == "nothing":
            return DecoderCarry(layers, None)
        told = memory.annotations.shape[-1] if self.tells == "context" else self.features
        rows = memory.mask.shape[0] * beams
        return DecoderCarry(layers, jnp.zeros((rows, told), self.dtype))

    def step(
        self,
        memory: SourceMemory,
        carry: DecoderCarry,
        token: Float[Array, "rows token_features"],
        time: Int[Array, ""] | int,
    ) -> tuple[DecoderCarry, Float[Array, "rows features"], dict[str, Array]]:
        """One step of [batch x beams] rows: the next carry, h̃, and where it looked."""
        carry, hidden, found = self._advance(memory, carry, self._project(token), time)
        return carry, self._output(hidden, found.context, carry.told), looked(found)

    @nn.compact
    def _advance(
        self,
        memory: SourceMemory,
        carry: DecoderCarry,
        projected: Array,
        time: Any,
        draws: Any = None,
        *,
        train: bool = False,
    ) -> tuple[DecoderCarry, Array, Attended]:
        """The carry after a step of rows, h_t, and what was found with it."""
        if carry.told is not None:
            projected = projected + self._dense(projected.shape[-1], "told")(carry.told)
        layers, hidden = self.stack.step_projected(carry.layers, projected, train=train)
        # Rows about one source are its queries: the source needs no copies.
        query = hidden.reshape(memory.mask.shape[0], -1, hidden.shape[-1])
        found = self._ask(memory, query, time, draws)
        found = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), found)
        told = None
        if self.tells == "combined":
            told = self.combine(hidden, found.context)
        elif self.tells == "context":
            told = found.context
        return DecoderCarry(layers, told), hidden, found

    def _project(self, tokens: Array) -> Array:
        """The lowest layer's projection of its inputs, of any number of steps at once."""
        return self.stack.layers[0].cell.project(tokens)

    def _ask(self, memory: SourceMemory, query: Array, time: Any, draws: Any) -> Attended:
        mask = memory.mask[:, None, :]
        return self.attention(query, memory.annotations, memory.projected, mask, time, draws)

    def _output(self, hidden: Array, context: Array, told: Array | None) -> Array:
        """h̃, which is made already where it is what the next step is told."""
        if self.tells == "combined" and told is not None:
            return told
        return self.combine(hidden, context)


def posterior_of(
    model: Any,
    memory: SourceMemory,
    tokens: Float[Array, "batch time token_features"],
    target: Int[Array, "batch time"],
) -> Float[Array, "batch time source_time"]:
    """Where each target token came from, now that it is known: `layers.posterior`.

    Args:
      model: whose `decoder` is an `AttentiveDecoder` and whose `logits` make scores of h̃.
      memory: of the source.
      tokens: what the decoder reads, embedded.
      target: y_t.
    """
    hidden, weights = model.decoder.states(memory, tokens)

    def readout(model: Any, context: Array) -> Array:
        return model.logits(model.decoder.combine(hidden, context))

    return posterior_weights(model, readout, memory.annotations, weights, target)
