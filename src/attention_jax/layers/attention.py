"""The kinds of attention, each with any of the scores: global, hard, and local.

All are asked alike: `project_keys` once per source, then the layer itself at every step, or for all
steps at once. Nothing is kept on a module. Several hypotheses about one source are several queries:
the keys need no copies.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.initializers import HOUSE, Initializers
from attention_jax.layers.scorers import make_scorer
from attention_jax.ops import local
from attention_jax.ops.attend import attend, read
from attention_jax.ops.normalize import hard, masked_softmax
from attention_jax.typing import Array, Bool, Float, Int, Key

Time = Int[Array, ""] | Int[Array, " queries"] | int


class Attended(NamedTuple):
    """What an attention gives back."""

    context: Float[Array, "*batch queries features"]
    """What was read."""
    weights: Float[Array, "*batch queries keys"]
    """On all keys, float32."""
    center: Float[Array, "*batch queries"] | None = None
    """p_t, the middle of the window, counted from 0; the local kinds alone have one."""


class Attention(nn.Module):
    """context = Σ_i softmax(score(query, key_i)) value_i, over all keys.

    The other kinds are this with another reading.

    Source: Bahdanau 2015, §3.1; Luong 2015, §3.1; which of them is the scorer's.

    Attributes:
      scorer: one of `layers.scorers`.
    """

    scorer: nn.Module

    def project_keys(
        self, keys: Float[Array, "*batch keys key_features"]
    ) -> Float[Array, "*batch keys projected_features"]:
        """What the scorer needs of the keys."""
        return self.scorer.project_keys(keys)

    def __call__(
        self,
        query: Float[Array, "*batch queries query_features"],
        values: Float[Array, "*batch keys features"],
        projected_keys: Float[Array, "*batch keys projected_features"],
        mask: Bool[Array, "*#batch #queries #keys"] | None = None,
        time: Time = 0,
        draws: Key[Array, "*batch"] | None = None,
    ) -> Attended:
        """Contexts and weights, both zero for a query that may attend to nothing.

        `time` and `draws` are of no use here: other kinds need them.
        """
        return Attended(*attend(self.scorer(query, projected_keys), values, mask))


class HardAttention(Attention):
    """context = value_i for one i, drawn with probability softmax(score(query, key_i)).

    The gradient is straight-through: that of the soft weights.

    Source: Xu 2015, §4.1, and the departure that `ops.normalize.hard` names.

    Attributes:
      scorer: one of `layers.scorers`.
    """

    def __call__(
        self,
        query: Float[Array, "*batch queries query_features"],
        values: Float[Array, "*batch keys features"],
        projected_keys: Float[Array, "*batch keys projected_features"],
        mask: Bool[Array, "*#batch #queries #keys"] | None = None,
        time: Time = 0,
        draws: Key[Array, "*batch"] | None = None,
    ) -> Attended:
        """Contexts and one-hot weights, both zero for a query that may attend to nothing.

        Args:
          query: what asks.
          values: what is read.
          projected_keys: from `project_keys`.
          mask: True = may attend.
          time: of each query, folded into the draws: all steps at once draw as step after step.
          draws: a random key for each example; None takes the likeliest position.
        """
        weights = masked_softmax(self.scorer(query, projected_keys), mask)
        if draws is not None:
            draws = _at_each(time, draws, query.shape[-2])
        weights = hard(weights, draws)
        return Attended(read(weights, values), weights)


def _at_each(time: Time, draws: Array, queries: int) -> Array:
    """The examples' random keys [*batch] as one for each query [*batch queries]."""
    times = jnp.broadcast_to(jnp.asarray(time), (queries,))
    of_example = jax.vmap(jax.random.fold_in, in_axes=(None, 0))
    folded = jax.vmap(of_example, in_axes=(0, None))(draws.reshape(-1), times)
    return folded.reshape(*draws.shape, queries)


class LocalAttention(Attention):
    """Attention to the window [p_t - D, p_t + D] alone; no other key is read.

    Monotonic (local-m): p_t = t, softmax over the window. Predictive (local-p):
    p_t = S · sigmoid(v_pᵀ tanh(W_p h_t)), and the softmax times exp(-(s - p_t)² / (2 (D/2)²)), not
    normalised again. The cost is that of 2D+1 keys, however long the source, but for its mask being
    counted and the weights being spread, which is dead code where nobody asks for them.

    Source: Luong 2015, §3.2; `ops.local` names the departures.

    Attributes:
      scorer: one of `layers.scorers`, but not location: a window has no positions of its own.
      radius: D, at least 1.
      predictive: local-p in place of local-m.
      initializers: `alignment` fills W_p, `energy` v_p.
      dtype: of the matrix products.
    """

    radius: int
    predictive: bool = False
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        query: Float[Array, "*batch queries query_features"],
        values: Float[Array, "*batch keys features"],
        projected_keys: Float[Array, "*batch keys projected_features"],
        mask: Bool[Array, "*#batch 1 #keys"] | None = None,
        time: Time = 0,
        draws: Key[Array, "*batch"] | None = None,
    ) -> Attended:
        """Contexts, weights and centres; the first two are zero where the source is empty.

        Args:
          query: what asks.
          values: what is read.
          projected_keys: from `project_keys`.
          mask: True for the source's own positions, which come first; the same for every query.
          time: t, of each query (local-m).
          draws: of no use here.
        """
        keys = values.shape[-2]
        real = jnp.ones((1, keys), bool) if mask is None else mask
        lengths = jnp.sum(real, axis=-1, dtype=jnp.int32)[..., 0]
        lengths = jnp.broadcast_to(lengths, query.shape[:-2])
        if self.predictive:
            center = self._predict(query, lengths)
        else:
            times = jnp.broadcast_to(jnp.asarray(time), query.shape[:-1])
            center = local.monotonic_center(times, lengths)
        positions = local.window_positions(center, self.radius)
        inside = local.window_mask(positions, center, self.radius, lengths)
        window = local.gather_window(projected_keys, positions)
        # To the scorer a window is a source of its own, with one query.
        scores = self.scorer(query[..., None, :], window)[..., 0, :]
        closeness = local.gaussian(positions, center, self.radius) if self.predictive else None
        near = local.gather_window(values, positions)
        context, weights = local.attend_window(scores, near, inside, closeness)
        return Attended(context, local.spread(weights, positions, keys), center)

    def _predict(self, query: Array, lengths: Array) -> Array:
        features = query.shape[-1]
        weight = self.param(
            "center_weight", self.initializers.alignment, (features, features)
        ).astype(self.dtype)
        v = self.param("center_v", self.initializers.energy, (features,))
        return local.predictive_center(query.astype(self.dtype), weight, v, lengths)


def make_attention(
    kind: str,
    score: str,
    *,
    query_features: int,
    alignment: int,
    max_source: int,
    radius: int,
    initializers: Initializers = HOUSE,
    dtype: Any = jnp.float32,
) -> Attention:
    """The attention of a kind and a score.

    Args:
      kind: "global", "hard", "local_m" or "local_p".
      score: a name of `layers.scorers.SCORERS`.
      query_features: width of the queries (general).
      alignment: units of the additive score.
      max_source: positions that location knows.
      radius: D of the local kinds, at least 1.
      initializers: `alignment` and `energy` are used.
      dtype: of the matrix products.

    Raises:
      UserError: for another kind or score, for location with a local kind, for no radius.
    """
    if kind not in ("global", "hard", "local_m", "local_p"):
        raise UserError(f"kind {kind!r} is unknown: choose global, hard, local_m or local_p")
    scorer = make_scorer(
        score,
        query_features=query_features,
        alignment=alignment,
        max_source=max_source,
        initializers=initializers,
        dtype=dtype,
    )
    if kind == "global":
        return Attention(scorer)
    if kind == "hard":
        return HardAttention(scorer)
    if score == "location":
        raise UserError(
            f"location attention knows whole sources, not windows: kind {kind!r} needs another "
            "score, or location the kind global or hard"
        )
    if radius < 1:
        raise UserError(f"radius {radius} leaves no window to read: choose at least 1")
    return LocalAttention(scorer, radius, kind == "local_p", initializers, dtype)
