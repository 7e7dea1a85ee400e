"""An LSTM that learns to learn: SNAIL's control, with a state in place of its past.

The sequence is SNAIL's, (x_1, y_1) ... (x_n, y_n), (x, none); what was shown lives in the cells
alone (Hochreiter 2001; Santoro 2016 for images).
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.layers.cells import LSTM
from attention_jax.layers.conv_embedding import ConvEmbedding
from attention_jax.layers.readout import Logits
from attention_jax.layers.recurrent import Recurrent, Stacked
from attention_jax.typing import Array, Bool, Float, Int


class LSTMMetaLearner(nn.Module):
    """Images with their classes, and images without: scores of the latter's classes.

    The LSTM reads the support once; each query goes on from there by itself.

    Source: the LSTM of Mishra 2017's and Santoro 2016's tables; its sizes are ours.

    Attributes:
      ways: classes of an episode.
      filters: of the embedding's convolutions.
      embedding: width of an image's embedding.
      hidden: units of each layer.
      layers: how many.
      axis_name: of `pmap`, for the batch statistics.
      dtype: of the products; states are float32.
    """

    ways: int
    filters: int = 64
    embedding: int = 64
    hidden: int = 256
    layers: int = 1
    axis_name: str | None = None
    dtype: Any = jnp.float32

    def setup(self):
        self.look = ConvEmbedding(self.filters, self.axis_name, self.dtype)
        self.embed = nn.Dense(self.embedding, dtype=self.dtype)
        cells = (LSTM(self.hidden, dtype=self.dtype) for _ in range(self.layers))
        self.lstm = Stacked(tuple(Recurrent(cell) for cell in cells))
        self.logits = Logits(self.ways, dtype=self.dtype)

    def __call__(
        self,
        support: Float[Array, "batch support height width channels"],
        labels: Int[Array, "batch support"],
        queries: Float[Array, "batch queries height width channels"],
        mask: Bool[Array, " batch"] | None = None,
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch queries ways"], dict[str, Array]]:
        """Scores of every query's class; arguments as `models.snail.SNAIL` takes them.

        `weights` is accepted for the contract's sake; this model has none.

        Returns:
          logits in float32, and {}.
        """
        del weights
        batch, number = labels.shape
        images = jnp.concatenate([support, queries], axis=1)
        features = self.embed(self.look(images, mask, train=train))
        one_hot = jax.nn.one_hot(labels, self.ways, dtype=features.dtype)
        told = jnp.concatenate([features[:, :number], one_hot], axis=-1)
        carries, _ = self.lstm(told)
        asked = features[:, number:].reshape(-1, self.embedding)
        asked = jnp.pad(asked, ((0, 0), (0, self.ways)))
        # The queries of an episode are rows that start from one state.
        carries = jax.tree.map(lambda x: jnp.repeat(x, queries.shape[1], axis=0), carries)
        _, hidden = self.lstm.step(carries, asked)
        return self.logits(hidden).reshape(batch, -1, self.ways), {}
