"""The score functions with their parameters, in two phases.

`project_keys(keys)` does once per source what does not depend on the query; the scorer called on a
query and the projected keys gives the scores. A decoder projects once and scores at every step.
"""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from attention_jax.errors import UserError
from attention_jax.layers.initializers import HOUSE, Initializers
from attention_jax.ops import scores
from attention_jax.typing import Array, Float


class _ByProduct(nn.Module):
    """What the scores without parameters share; `score` is one of `ops.scores`.

    Raises UserError where queries and keys differ in width.
    """

    def project_keys(
        self, keys: Float[Array, "*batch keys features"]
    ) -> Float[Array, "*batch keys features"]:
        """The keys themselves."""
        return keys

    def __call__(
        self,
        query: Float[Array, "*batch queries query_features"],
        projected_keys: Float[Array, "*batch keys key_features"],
    ) -> Float[Array, "*batch queries keys"]:
        """One score for every pair, float32."""
        if query.shape[-1] != projected_keys.shape[-1]:
            raise UserError(
                f"{type(self).__name__} attention needs queries and keys of one width, got "
                f"{query.shape[-1]} and {projected_keys.shape[-1]}: choose general or additive, or "
                "make the widths equal"
            )
        return self.score(query, projected_keys)


class Cosine(_ByProduct):
    """score = sᵀ h / (|s| |h|), in [-1, 1]; see `ops.scores.cosine`."""

    score = staticmethod(scores.cosine)


class Dot(_ByProduct):
    """score = sᵀ h; see `ops.scores.dot`."""

    score = staticmethod(scores.dot)


class ScaledDot(_ByProduct):
    """score = sᵀ h / sqrt(features); see `ops.scores.scaled_dot`."""

    score = staticmethod(scores.scaled_dot)


class General(nn.Module):
    """score = sᵀ W h, or with `scaled` g sᵀ W h, where g is learned and starts at one.

    The keys are projected by W once, to the queries' width.

    Source: Luong 2015, §3.1; `ops.scores.general`. The scaled form is the TF NMT tutorial's.

    Attributes:
      features: width of the queries.
      scaled: learn the factor g.
      initializers: `alignment` fills W.
      dtype: of the matrix products.
    """

    features: int
    scaled: bool = False
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        self.bilinear = nn.Dense(
            self.features,
            use_bias=False,
            dtype=self.dtype,
            kernel_init=self.initializers.alignment,
        )
        if self.scaled:
            self.gain = self.param("gain", nn.initializers.ones, ())

    def project_keys(
        self, keys: Float[Array, "*batch keys key_features"]
    ) -> Float[Array, "*batch keys features"]:
        """W h for every key."""
        return self.bilinear(keys)

    def __call__(
        self,
        query: Float[Array, "*batch queries query_features"],
        projected_keys: Float[Array, "*batch keys features"],
    ) -> Float[Array, "*batch queries keys"]:
        """One score for every pair, float32; raises UserError where the query has another width."""
        if query.shape[-1] != self.features:
            raise UserError(
                f"General attention was built for queries of width {self.features}, got "
                f"{query.shape[-1]}: set its features to the query's width"
            )
        products = scores.dot(query.astype(self.dtype), projected_keys)
        return products * self.gain if self.scaled else products


class Additive(nn.Module):
    """score = vᵀ tanh(W_q s + W_k h), or normed: g vᵀ/|v| tanh(W_q s + W_k h + b).

    g starts at 1/sqrt(features), b at zero.

    Source: Bahdanau 2015, §A.1.2; `ops.scores.additive`. The normed form (weight normalisation,
    Salimans 2016) is the TF NMT tutorial's.

    Attributes:
      features: width of the projections (Bahdanau's n', "alignment units").
      normed: the second form.
      initializers: `alignment` fills W_q and W_k, `energy` v.
      dtype: of the matrix products.
    """

    features: int
    normed: bool = False
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        alignment = self.initializers.alignment
        self.query_projection = nn.Dense(
            self.features, use_bias=False, dtype=self.dtype, kernel_init=alignment
        )
        # The normed form's one bias is added here: once per source, not at every query.
        self.key_projection = nn.Dense(
            self.features, use_bias=self.normed, dtype=self.dtype, kernel_init=alignment
        )
        self.v = self.param("v", self.initializers.energy, (self.features,))
        if self.normed:
            self.gain = self.param("gain", nn.initializers.constant(self.features**-0.5), ())

    def project_keys(
        self, keys: Float[Array, "*batch keys key_features"]
    ) -> Float[Array, "*batch keys features"]:
        """W_k h for every key."""
        return self.key_projection(keys)

    def __call__(
        self,
        query: Float[Array, "*batch queries query_features"],
        projected_keys: Float[Array, "*batch keys features"],
    ) -> Float[Array, "*batch queries keys"]:
        """One score for every pair, float32."""
        v = self.v
        if self.normed:
            v = self.gain * v * lax.rsqrt(jnp.sum(v * v) + 1e-12)
        return scores.additive(self.query_projection(query), projected_keys, v)


class Multiplicative(nn.Module):
    """score = (W_q s)ᵀ (W_k h): a general score whose matrix W_qᵀ W_k has a low rank.

    Source: Britz 2017, §4.5 ("multiplicative"). Departure: their open-source decoder adds biases to
    both products; here there are none.

    Attributes:
      features: width of the two projections, the rank.
      initializers: `alignment` fills W_q and W_k.
      dtype: of the matrix products.
    """

    features: int
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def setup(self):
        self.query_projection, self.key_projection = (
            nn.Dense(
                self.features,
                use_bias=False,
                dtype=self.dtype,
                kernel_init=self.initializers.alignment,
            )
            for _ in range(2)
        )

    def project_keys(
        self, keys: Float[Array, "*batch keys key_features"]
    ) -> Float[Array, "*batch keys features"]:
        """W_k h for every key."""
        return self.key_projection(keys)

    def __call__(
        self,
        query: Float[Array, "*batch queries query_features"],
        projected_keys: Float[Array, "*batch keys features"],
    ) -> Float[Array, "*batch queries keys"]:
        """One score for every pair, float32."""
        return scores.dot(self.query_projection(query), projected_keys)


class Location(nn.Module):
    """score_i = (W s)_i: the query and the key's position alone; global attention only.

    Source: Luong 2015, §3.1; `ops.scores.location`.

    Attributes:
      max_source: positions that W knows, the longest source there may be (padding included).
      initializers: `alignment` fills W.
      dtype: of the matrix products.
    """

    max_source: int
    initializers: Initializers = HOUSE
    dtype: Any = jnp.float32

    def project_keys(
        self, keys: Float[Array, "*batch keys features"]
    ) -> Float[Array, "*batch keys features"]:
        """The keys themselves: only their number matters."""
        return keys

    @nn.compact
    def __call__(
        self,
        query: Float[Array, "*batch queries features"],
        projected_keys: Float[Array, "*batch keys key_features"],
    ) -> Float[Array, "*batch queries keys"]:
        """One score for every pair, float32; raises UserError where the source is too long."""
        keys = projected_keys.shape[-2]
        if keys > self.max_source:
            raise UserError(
                f"source has {keys} tokens but location attention was built for "
                f"{self.max_source}: raise config.model.max_source or shorten the source"
            )
        shape = (self.max_source, query.shape[-1])
        weight = self.param("weight", self.initializers.alignment, shape)
        return scores.location(query.astype(self.dtype), weight.astype(self.dtype), keys)


SCORERS: dict[str, type[nn.Module]] = {
    "cosine": Cosine,
    "additive": Additive,
    "location": Location,
    "general": General,
    "dot": Dot,
    "scaled_dot": ScaledDot,
}
"""The table that a sweep over score functions chooses from."""


def make_scorer(
    score: str,
    *,
    query_features: int,
    alignment: int,
    max_source: int,
    initializers: Initializers = HOUSE,
    dtype: Any = jnp.float32,
) -> nn.Module:
    """The scorer of a name in `SCORERS`, with the sizes that it needs.

    Args:
      score: the name.
      query_features: width of the queries (general).
      alignment: units of the additive score.
      max_source: positions that location knows.
      initializers: of the scores that have parameters.
      dtype: of their matrix products.

    Raises:
      UserError: for another name.
    """
    if score not in SCORERS:
        raise UserError(f"score {score!r} is unknown: choose {', '.join(SCORERS)}")
    sizes = {
        "additive": {"features": alignment},
        "general": {"features": query_features},
        "location": {"max_source": max_source},
    }
    if score not in sizes:
        return SCORERS[score]()
    return SCORERS[score](**sizes[score], initializers=initializers, dtype=dtype)
