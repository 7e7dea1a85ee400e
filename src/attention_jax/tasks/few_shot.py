"""Episodes: of which class is an image, where a few images are all that is known of each class?"""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import linen as nn
from matplotlib.figure import Figure

from attention_jax.tasks import few_shot_outputs as told
from attention_jax.tasks.protocol import (
    Across,
    AttentionMap,
    Aux,
    State,
    Update,
    one_optimizer_update,
)
from attention_jax.typing import Array, Batch, Metrics, Params, PyTree, Rng

_LARGEST_EPISODE = 200_000  # Numbers of its images: of more nobody draws a picture.


class FewShot:
    """A model that reads a support and classifies queries, and how it is trained and judged.

    Its loss is the cross-entropy in nats, the mean over the queries of -log p(y | x, support). The
    support's images teach nothing themselves (Mishra 2017, §5.1: the loss is of the last step).

    Batch statistics are those of all images of a batch in training, support and queries of all
    episodes together, and running averages elsewhere: an answer never depends on what else is
    asked.

    Args:
      model: support, labels, queries and mask -> (logits, weights by name); see `models.snail`.
      config: the experiment's; reads `optimizer.ema` and `.accumulate`.
      optimizer: sees mean gradients.
      example: a batch of the right kinds of arrays, with the longest support.
      names: split -> what the classes of its batches are called.
    """

    main_metric = ("accuracy", "max")

    def __init__(
        self,
        model: nn.Module,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
        example: Batch,
        names: Callable[[str], Sequence[str]],
    ):
        self.model = model
        self.notes: dict[str, str] = {}
        self._optimizer = optimizer
        self._ema = bool(config.optimizer.ema)
        self._example, self._names = example, names
        self.update: Update = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

    def example(self) -> Batch:
        return self._example

    def init(self, rng: Rng, batch: Batch) -> State:
        """Parameters, and batch statistics in `model_state`."""
        found = dict(self.model.init(rng, *_shown(batch)))
        params = found.pop("params")
        ema = params if self._ema else None
        opt_state = self._optimizer.init(params)
        return State(jnp.int32(0), params, opt_state, model_state=found, ema=ema)

    def loss(
        self, params: Params, state: State, batch: Batch, rng: Rng, across: Across
    ) -> tuple[Array, Aux]:
        """Nats summed over queries; statistics are reduced over devices as they are computed."""
        model = self.model.clone(axis_name=across.axis_name)
        (logits, _), changed = model.apply(
            {"params": params, **state.model_state},
            *_shown(batch),
            batch["mask"],
            train=True,
            mutable=["batch_stats"],
        )
        metrics = _metrics(logits, batch)
        total, count = metrics.pop("loss")
        return total, Aux(count, metrics, model_state=dict(changed))

    def measure(self, state: State, batch: Batch) -> Metrics:
        logits, _ = self._run(state, batch)
        return _metrics(logits, batch)

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        return means

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """The label of each query, `said` [batch, queries].

        Of a model with attention, `attention_mass` [batch, queries, blocks] is the share of each
        block's weight on the images of the right class, where that is known. Of an episode small
        enough for a picture the images are kept, and `weights` [batch, queries, blocks,
        support + 1] in half precision.
        """
        logits, found = self._run(state, batch, weights=True)
        kept = ["labels", "targets", "classes", "shots"]
        drawable = sum(np.prod(batch[part].shape[1:]) for part in ("support", "queries"))
        if drawable <= _LARGEST_EPISODE:
            kept += ["support", "queries"]
        output: dict[str, Array] = {name: batch[name] for name in kept if name in batch}
        output["said"] = logits.argmax(-1).astype(jnp.int32)
        weights = found.get("attention")
        if weights is not None and "targets" in batch:
            right = batch["labels"][:, None] == batch["targets"][..., None]
            output["attention_mass"] = (weights[..., :-1] * right[:, :, None]).sum(-1)
        if weights is not None and "support" in output:
            output["weights"] = weights.astype(jnp.float16)
        return output

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """Accuracy by numbers of ways and shots, each with half of its interval, and what attention
        reads of the right class: see `tasks.few_shot_outputs`.
        """
        self.notes = {"accuracy_margin": told.MARGIN}
        metrics = told.accuracies(outputs)
        masses = told.masses(outputs)
        if masses:
            self.notes["attention_mass"] = told.MASS
        return metrics | masses

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """The names of each episode's classes and those that its queries were given, as JSON; where
        the answers are known, with them.
        """
        return told.records(outputs, self._names(split))

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """A page of episodes, what the queries of two of them read, and accuracy by shot."""
        return told.pictures(split, outputs, metrics)

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """What the queries of a few episodes read in each attention block, class by class."""
        return told.maps(outputs, self._names(split))

    def _run(self, state: State, batch: Batch, weights: bool = False) -> tuple[Array, PyTree]:
        variables = {"params": state.averaged, **state.model_state}
        found: Any = self.model.apply(variables, *_shown(batch), weights=weights)
        return found


def _shown(batch: Batch) -> tuple[Array, Array, Array]:
    """Support, labels and queries; the images in 0..1."""
    support, queries = (
        jnp.asarray(batch[part]).astype(jnp.float32) / 255 for part in ("support", "queries")
    )
    return support, jnp.asarray(batch["labels"]), queries


def _metrics(logits: Array, batch: Batch) -> Metrics:
    """The loss and the accuracy: sums over the queries of real episodes, and their count."""
    targets = jnp.asarray(batch["targets"])
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    real = jnp.broadcast_to(jnp.asarray(batch["mask"])[:, None], targets.shape)
    each = {"loss": nats, "accuracy": logits.argmax(-1) == targets}
    count = real.sum()
    return {name: (jnp.where(real, value, 0).sum(), count) for name, value in each.items()}
