"""Pointing at points: cross-entropy over positions; what an answer is worth, each problem says."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import linen as nn
from matplotlib.figure import Figure

from attention_jax.data.pointing import Problem
from attention_jax.data.pointing.batches import example_batch
from attention_jax.tasks.pointing_decoding import check, search
from attention_jax.tasks.pointing_outputs import Reader
from attention_jax.tasks.protocol import (
    Across,
    AttentionMap,
    Aux,
    State,
    Update,
    one_optimizer_update,
)
from attention_jax.typing import Array, Batch, Metrics, Params, Rng

_LARGEST_WEIGHTS = 20_000  # Of one set: of more nobody draws a picture, and a split would not fit.


class Pointing:
    """A model that answers with positions of its input, and how it is trained, decoded and judged.

    Its loss is the cross-entropy in nats: the mean over the positions of the answers, ends
    included, of -log p(C_t | C_<t, P) (Vinyals 2015, eq. 1). What an answer is worth is the
    problem's: `data.pointing`.

    Args:
      model: with the faces `__call__`, `encode`, `start` and `step` of `models.pointer_network`.
      problem: whose sets these are.
      config: the experiment's; reads `decode`, `optimizer.ema` and `.accumulate`.
      optimizer: sees mean gradients.
      names: split -> what its sets are called, where they have names.

    Raises:
      UserError: `config.decode` asks for what cannot be decoded.
    """

    def __init__(
        self,
        model: nn.Module,
        problem: Problem,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
        names: Callable[[str], Sequence[str]] = lambda split: (),
    ):
        check(config.decode)
        self.model = model
        self.main_metric = problem.main_metric
        self.notes: dict[str, str] = {}
        """Metric -> why it is missing (the area, where the paper says FAIL), once `score` ran."""
        self._problem = problem
        self._decode = config.decode
        self._optimizer = optimizer
        self._ema = bool(config.optimizer.ema)
        self._reader = Reader(problem, names)
        self.update: Update = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

    def example(self) -> Batch:
        return example_batch(self._problem.coordinates)

    def init(self, rng: Rng, batch: Batch) -> State:
        """Parameters, none of whose shapes depend on how many points there are."""
        params = self.model.init(rng, *_inputs(batch))["params"]
        ema = params if self._ema else None
        return State(jnp.int32(0), params, self._optimizer.init(params), ema=ema)

    def loss(
        self, params: Params, state: State, batch: Batch, rng: Rng, across: Across
    ) -> tuple[Array, Aux]:
        """Nats summed over positions."""
        total, count = self._nats(params, batch)
        return total, Aux(count, {})

    def measure(self, state: State, batch: Batch) -> Metrics:
        return {"loss": self._nats(state.averaged, batch)}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        return means

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """The best answer found, as positions up to the end and then 0, and its log-probability.

        Where they are few enough for a picture, the chances of all positions at each step are
        `weights` [batch, outputs, inputs + 1], in half precision.
        """
        points, mask = jnp.asarray(batch["points"]), jnp.asarray(batch["points_mask"])
        inputs = points.shape[1]
        drawable = inputs * self._problem.longest(inputs) <= _LARGEST_WEIGHTS
        variables = {"params": state.averaged}
        found = search(
            self._decode.beams, self._problem, self.model, variables, points, mask, drawable
        )
        kept = ("points", "points_mask", "frame", "targets")
        output: dict[str, Any] = {name: batch[name] for name in kept if name in batch}
        output |= {"tokens": found.tokens[:, 0], "score": found.scores[:, 0]}
        if drawable:
            output["weights"] = found.extras["pointer"][:, 0].astype(jnp.float16)
        return output

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """The problem's metrics; those of each set where they have names, else the main one by size
        where sets differ in it.
        """
        scored = self._reader.score(split, outputs)
        self.notes = scored.notes
        return scored.metrics

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """What was said of each set and what that is worth, as JSON. Indices begin with 0."""
        return self._reader.describe(split, outputs)

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """A few sets from small to large, with the pointer's weights step by step."""
        return self._reader.pictures(split, outputs, metrics)

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """The weights of a few sets, steps against positions."""
        return self._reader.maps(split, outputs)

    def _nats(self, params: Params, batch: Batch) -> tuple[Array, Array]:
        """Sum over the positions that count, and how many they are."""
        logits, _ = self.model.apply({"params": params}, *_inputs(batch))
        log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
        targets, real = jnp.asarray(batch["targets"]), jnp.asarray(batch["targets_mask"])
        nats = -jnp.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]
        return jnp.where(real, nats, 0).sum(), real.sum()


def _inputs(batch: Batch) -> tuple[Array, Array, Array]:
    """Points, their mask, and the positions shifted right behind the start, which is 0 too."""
    targets = jnp.asarray(batch["targets"])
    fed = jnp.pad(targets[:, :-1], ((0, 0), (1, 0)))
    return jnp.asarray(batch["points"]), jnp.asarray(batch["points_mask"]), fed
