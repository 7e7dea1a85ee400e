"""What tells an order: attention by itself sees a set.

A position is added to the embedding of the token that stands there, `PlacedTokens`. Both kinds of
position have two faces: called with a length for a whole sequence, `at` for one step of it.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.typing import Array, Float, Int


def sinusoidal(positions: Int[Array, "*batch"], features: int) -> Float[Array, "*batch {features}"]:
    """PE(p, 2i) = sin(p / 10000^(2i / features)), PE(p, 2i + 1) = cos of the same.

    Wavelengths from 2π to 10000 · 2π; every value in [-1, 1], float32.

    Source: Vaswani 2017, §3.5. (Their code has all the sines first: another order of the features,
    which are learned around either.)
    """
    feature = np.arange(features)
    # In float64: an error of 1e-7 here is one of 1e-4 at position 1000.
    frequencies = 10_000.0 ** -((feature - feature % 2) / features)
    angles = positions[..., None] * jnp.asarray(frequencies, jnp.float32)
    return jnp.where(feature % 2 == 0, jnp.sin(angles), jnp.cos(angles))


class Sinusoidal(nn.Module):
    """Positions that nothing has to learn and that never end; see `sinusoidal`.

    Attributes:
      features: width of the embeddings.
    """

    features: int

    def __call__(self, length: int) -> Float[Array, "{length} {self.features}"]:
        """Positions 0 to length - 1."""
        return sinusoidal(jnp.arange(length), self.features)

    def at(self, time: Int[Array, ""] | int) -> Float[Array, " {self.features}"]:
        """One position."""
        return sinusoidal(jnp.asarray(time), self.features)


class Learned(nn.Module):
    """A vector for each position, learned; it has none for a longer sequence.

    Source: Vaswani 2017, Table 3 (E), after Gehring 2017. The paper does not say how they start:
    N(0, 1/features), as the embeddings.

    Attributes:
      features: width of the embeddings.
      max_length: positions there are.
    """

    features: int
    max_length: int

    def setup(self):
        normal = nn.initializers.normal(self.features**-0.5)
        self.table = self.param("table", normal, (self.max_length, self.features))

    def __call__(self, length: int) -> Float[Array, "{length} {self.features}"]:
        """Positions 0 to length - 1.

        Raises UserError where there are not so many.
        """
        if length > self.max_length:
            raise UserError(
                f"a sequence of {length} tokens needs {length} positions but "
                f"{self.max_length} are learned: raise config.model.max_length, shorten the "
                "sequence (decode.max_length, decode.max_source) or set config.model.positions to "
                "sinusoidal"
            )
        return self.table[:length]

    def at(self, time: Int[Array, ""] | int) -> Float[Array, " {self.features}"]:
        """One position; NaN past the last."""
        return jnp.take(self.table, jnp.asarray(time), axis=0, mode="fill", fill_value=jnp.nan)


def make_positions(kind: str, features: int, max_length: int) -> Sinusoidal | Learned:
    """The positions of a kind: "sinusoidal", or "learned", of which there are max_length.

    Raises UserError for another kind.
    """
    match kind:
        case "sinusoidal":
            return Sinusoidal(features)
        case "learned":
            return Learned(features, max_length)
    raise UserError(f"positions {kind!r} is unknown: choose sinusoidal or learned")


def embed(vocab: int, features: int) -> nn.Embed:
    """E, which starts as N(0, 1/features): `PlacedTokens` makes N(0, 1) of it.

    As in Vaswani's code (tensor2tensor).
    """
    return nn.Embed(vocab, features, embedding_init=nn.initializers.normal(features**-0.5))


class PlacedTokens(nn.Module):
    """dropout(sqrt(features) E y_t + PE(t)): what the first block reads.

    Source: Vaswani 2017, §3.4, §3.5 and §5.4.

    Attributes:
      tokens: E, of `embed`; source, target and output layer may share one.
      positions: PE.
      dropout: rate, in training only.
      dtype: of what comes out; the sum itself is float32.
    """

    tokens: nn.Embed
    positions: Sinusoidal | Learned
    dropout: float = 0.0
    dtype: Any = jnp.float32

    def setup(self):
        self.drop = nn.Dropout(self.dropout)

    def __call__(
        self, tokens: Int[Array, "batch time"], *, train: bool = False
    ) -> Float[Array, "batch time features"]:
        """Whole sequences; raises UserError where they are too long for learned positions."""
        placed = self._scaled(tokens) + self.positions(tokens.shape[1])
        return self.drop(placed.astype(self.dtype), deterministic=not train)

    def at(
        self, token: Int[Array, " rows"], time: Int[Array, ""] | int
    ) -> Float[Array, "rows features"]:
        """One step, all rows at the same position; without dropout."""
        return (self._scaled(token) + self.positions.at(time)).astype(self.dtype)

    def check_length(self, length: int) -> None:
        """Raises UserError where there are fewer positions than that."""
        self.positions(length)

    def logits(
        self, hidden: Float[Array, "*batch features"]
    ) -> Float[Array, "*batch {self.tokens.num_embeddings}"]:
        """E x over the vocabulary, for a tied output layer.

        The product is in `dtype`, summed and returned in float32.
        """
        return jnp.einsum(
            "...f,vf->...v",
            hidden.astype(self.dtype),
            self.tokens.embedding.astype(self.dtype),
            preferred_element_type=jnp.float32,
        )

    def _scaled(self, tokens: Array) -> Array:
        return self.tokens(tokens) * self.tokens.features**0.5
