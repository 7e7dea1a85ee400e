"""SNAIL: a meta-learner that reads its own past (Mishra, Rohaninejad, Chen, Abbeel 2017).

A task is a sequence: examples with their answers, then a question. Temporal convolutions gather
what lies near, causal attention picks out what lies anywhere before, and each block appends what
it found to its input. Learning a new task is reading such a sequence: no weight changes.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.layers.causal_blocks import Sizes, make_blocks
from attention_jax.layers.conv_embedding import ConvEmbedding
from attention_jax.layers.readout import Logits
from attention_jax.typing import Array, Bool, Float, Int

OMNIGLOT = ((64, 32), 128, (256, 128), 128, (512, 256))
"""Attention(64, 32), TC(128), Attention(256, 128), TC(128), Attention(512, 256)."""
ACTING = (32, 32, (32, 32))
"""TC(32), TC(32), Attention(32, 32); recalled, not read."""


class StepCarry(NamedTuple):
    """What the steps so far left for each block: rings of a TC block, keys and values of another.

    Every leaf leads with the rows.
    """

    blocks: tuple[Any, ...]


class SNAIL(nn.Module):
    """Images with their classes, and images without: scores of the latter's classes.

    A query's sequence is (x_1, y_1) ... (x_n, y_n), (x, none), where x is the image's embedding, y
    the class one-hot and "none" zeros; the scores are linear in what the blocks leave at its last
    step. Queries do not see one another. The defaults are the sizes published for Omniglot; how
    deep the TC blocks are follows from `ways` and `shots`.

    Both faces give the same numbers: `__call__` runs whole sequences; `start` and `step` are shown
    one image after the other.

    Source: Mishra 2017, §3, §5.1 and appendix A. Departure: a TC block begins with dilation 1, see
    `layers.causal_blocks.TCBlock`. For the ablations either kind of block can be left out; then
    nothing stands in its place.

    Attributes:
      ways: classes of an episode (their N).
      shots: images of each class in the longest episode (K).
      filters: of the embedding's convolutions.
      embedding: width of an image's embedding.
      sizes: of the blocks, lowest first: a number is a TC block's filters, a pair an attention
        block's key and value features.
      attention: with the attention blocks.
      convolutions: with the TC blocks.
      first_dilation: of the TC blocks; 2 in the paper's pseudocode.
      axis_name: of `pmap`, for the batch statistics.
      dtype: of the products.

    Raises UserError where both kinds of blocks are left out, and for an episode longer than
    ways x shots.
    """

    ways: int
    shots: int = 5
    filters: int = 64
    embedding: int = 64
    sizes: Sizes = OMNIGLOT
    attention: bool = True
    convolutions: bool = True
    first_dilation: int = 1
    axis_name: str | None = None
    dtype: Any = jnp.float32

    def setup(self):
        sizes = tuple(
            size
            for size in self.sizes
            if (self.convolutions if isinstance(size, int) else self.attention)
        )
        if not sizes:
            raise UserError(
                "a SNAIL without attention and without convolutions never sees an example: set "
                "config.model.attention or config.model.convolutions to true"
            )
        self.look = ConvEmbedding(self.filters, self.axis_name, self.dtype)
        self.embed = nn.Dense(self.embedding, dtype=self.dtype)
        self.blocks = make_blocks(
            self.embedding + self.ways,
            sizes,
            self.ways * self.shots + 1,
            first_dilation=self.first_dilation,
            dtype=self.dtype,
        )
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
        """Scores of every query's class.

        Args:
          support: the images whose classes are told, in the order in which they are read.
          labels: their classes, 0 .. ways - 1.
          queries: the images asked about, each by itself.
          mask: False where an episode only fills up a batch.
          train: normalise by this batch's statistics and update the running ones (the collection
            "batch_stats" must be mutable).
          weights: also return {"attention": [batch queries blocks support + 1]}: what the query
            reads of the support, and of itself last; empty where there are no attention blocks.

        Returns:
          logits in float32, and the weights (or {}).
        """
        batch, number = labels.shape
        asked = queries.shape[1]
        if number > self.ways * self.shots:
            raise UserError(
                f"an episode shows {number} images but the model was built for {self.ways} ways x "
                f"{self.shots} shots: raise config.model.shots"
            )
        images = jnp.concatenate([support, queries], axis=1)
        features = self.embed(self.look(images, mask, train=train))
        labels = jnp.concatenate([labels, jnp.full((batch, asked), -1, labels.dtype)], axis=1)
        # The support looks the same to every query: it is read once, not once a query.
        steps = self._told(features, labels)
        x, attended = self.blocks(steps, branches=asked, weights=weights)
        logits = self.logits(x[:, number:])
        if attended is None:
            return logits, {}
        asking = attended[:, :, number:]
        itself = jnp.diagonal(asking[..., number:], axis1=-2, axis2=-1)[..., None]
        reads = jnp.concatenate([asking[..., :number], itself], axis=-1)
        return logits, {"attention": reads.swapaxes(1, 2)}

    def start(self, rows: int, max_length: int) -> StepCarry:
        """The carry before the first of `max_length` images, the query included."""
        return StepCarry(self.blocks.start(rows, max_length))

    def step(
        self,
        carry: StepCarry,
        image: Float[Array, "rows height width channels"],
        label: Int[Array, " rows"],
        time: Int[Array, ""] | int,
    ) -> tuple[StepCarry, Float[Array, "rows ways"], dict[str, Array]]:
        """One image of each row, the `time`-th from 0, with its class or -1 for a query.

        Returns:
          the next carry (keep the last one to ask again about the same support), logits, and
          {"attention": [rows blocks max_length]} (or {} without attention blocks).
        """
        features = self.embed(self.look(image[:, None]))
        blocks, x, attended = self.blocks.step(
            carry.blocks, self._told(features, label[:, None])[:, 0], time
        )
        weights = {} if attended is None else {"attention": attended}
        return StepCarry(blocks), self.logits(x), weights

    def _told(self, features: Array, labels: Array) -> Array:
        """[x; y]; a label of -1 is all zeros."""
        one_hot = jax.nn.one_hot(labels, self.ways, dtype=features.dtype)
        return jnp.concatenate([features, one_hot], axis=-1)


class ActingSNAIL(nn.Module):
    """What happened so far in, scores of the next action and an estimate of the return out.

    A sequence is many episodes in one environment, one after the other. A step is told
    (observation, last action, last reward, whether an episode ended before it); a ReLU layer, the
    blocks, then one linear layer for the policy and one for the value.

    Both faces give the same numbers: `__call__` runs whole sequences, to learn from them; `start`
    and `step` act.

    Source: Mishra 2017, §5.2; the sizes are recalled, not read, and so is the ReLU. Departure: a
    TC block begins with dilation 1, see `layers.causal_blocks.TCBlock`.

    Attributes:
      actions: how many there are.
      length: steps of the longest sequence, of all its episodes together.
      hidden: width of the first layer.
      sizes: of the blocks, as in `SNAIL`.
      first_dilation: of the TC blocks; 2 in the paper's pseudocode.
      dtype: of the products.
    """

    actions: int
    length: int
    hidden: int = 32
    sizes: Sizes = ACTING
    first_dilation: int = 1
    dtype: Any = jnp.float32

    def setup(self):
        self.first = nn.Dense(self.hidden, dtype=self.dtype)
        self.blocks = make_blocks(
            self.hidden,
            self.sizes,
            self.length,
            first_dilation=self.first_dilation,
            dtype=self.dtype,
        )
        self.policy = Logits(self.actions, dtype=self.dtype)
        self.value = Logits(1, dtype=self.dtype)

    def __call__(
        self,
        observations: Float[Array, "batch time observed"],
        actions: Int[Array, "batch time"],
        rewards: Float[Array, "batch time"],
        ends: Bool[Array, "batch time"],
        *,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch time actions"], Float[Array, "batch time"], dict[str, Array]]:
        """Scores of the action to take at every step, and the values.

        Args:
          observations: what is seen before acting; of width 0 for a bandit.
          actions: taken the step before; -1 at the first step.
          rewards: got for them; 0 at the first step.
          ends: the step before was an episode's last.
          weights: also return {"attention": [batch blocks time time]}.

        Returns:
          logits and values in float32, and the weights (or {}).
        """
        x, attended = self.blocks(self._told(observations, actions, rewards, ends), weights=weights)
        return self.policy(x), self.value(x)[..., 0], _named(attended)

    def start(self, rows: int) -> StepCarry:
        """The carry before the first step."""
        return StepCarry(self.blocks.start(rows, self.length))

    def step(
        self,
        carry: StepCarry,
        observation: Float[Array, "rows observed"],
        action: Int[Array, " rows"],
        reward: Float[Array, " rows"],
        end: Bool[Array, " rows"],
        time: Int[Array, ""] | int,
    ) -> tuple[StepCarry, Float[Array, "rows actions"], Float[Array, " rows"]]:
        """One step of every row, the `time`-th from 0: the next carry, logits, values."""
        told = self._told(observation, action, reward, end)
        blocks, x, _ = self.blocks.step(carry.blocks, told, time)
        return StepCarry(blocks), self.policy(x), self.value(x)[..., 0]

    def _told(self, observation: Array, action: Array, reward: Array, end: Array) -> Array:
        """The first layer's output; an action of -1 is all zeros."""
        one_hot = jax.nn.one_hot(action, self.actions)
        told = [observation, one_hot, reward[..., None], end[..., None].astype(jnp.float32)]
        return nn.relu(self.first(jnp.concatenate(told, axis=-1)))


def _named(attended: Array | None) -> dict[str, Array]:
    return {} if attended is None else {"attention": attended}
