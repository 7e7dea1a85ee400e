"""Global soft attention with any of the scores."""

from flax import linen as nn

from attention_jax.ops.attend import attend
from attention_jax.typing import Array, Bool, Float


class Attention(nn.Module):
    """context = Σ_i softmax(score(query, key_i)) value_i.

    Keys are projected once per source and passed in again at every step; nothing is kept on the
    module. Several hypotheses about one source are several queries: the keys need no copies.

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
    ) -> tuple[Float[Array, "*batch queries features"], Float[Array, "*batch queries keys"]]:
        """The contexts and the weights; both zero for a query that may attend to nothing."""
        return attend(self.scorer(query, projected_keys), values, mask)
