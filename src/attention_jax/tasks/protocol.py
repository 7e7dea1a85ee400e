"""What a task is, to the training loop: a state, an update, a measure and a prediction.

A task owns everything the loop must not know: the batch, the loss, the optimisers, the metrics.
`State`, `Aux` and `Across` are all that passes between them, and `one_optimizer_update` is the
update of every task that descends one loss with one optimiser. A GAN or a policy gradient brings
its own `update` with the same signature.

The rule that makes results independent of the number of devices: gradients and counts are *sums*;
they are reduced over devices first, then divided, then clipped.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

from attention_jax.typing import Array, Batch, Metrics, Params, PyTree, Rng

Tree = TypeVar("Tree")


class State(struct.PyTreeNode):
    """Everything an update changes, and everything a checkpoint must hold.

    Any field may be a dict of parts (a GAN: `generator`, `discriminator`).
    """

    step: Array
    params: Params
    opt_state: PyTree
    model_state: PyTree = struct.field(default_factory=dict)
    """Batch statistics, spectral-norm vectors."""
    task_state: PyTree = struct.field(default_factory=dict)
    """A REINFORCE baseline, environment states."""
    ema: PyTree = None
    """Averaged parameters, or None when no averaging was asked for."""

    @property
    def averaged(self) -> Params:
        """The parameters to evaluate with: the average where there is one."""
        return self.params if self.ema is None else self.ema


class Aux(struct.PyTreeNode):
    """What a loss returns beside its sum."""

    count: Array
    """What the sum is over: divide by it, after reducing both, for the mean."""
    metrics: Metrics
    model_state: PyTree = struct.field(default_factory=dict)
    task_state: PyTree = struct.field(default_factory=dict)


class Across(NamedTuple):
    """How an update reduces over devices.

    Under jit over a mesh the batch is one global array and `sum` is the identity; under pmap
    each device sees its own rows, `sum` is a `psum` and `axis_name` is what modules with batch
    statistics are given. `fetching` makes of a loss one whose parameters may lie split over
    devices; `gradient_sums` sees to it.
    """

    sum: Callable[[Tree], Tree] = lambda tree: tree
    axis_name: str | None = None
    fetching: Callable[[Callable], Callable] = lambda loss: loss


class AttentionMap(NamedTuple):
    """What one example attended to, as plain data: a page draws it word by word."""

    example: int
    """Its place among the records of `Task.describe`."""
    title: str
    """What the example is: a source sentence."""
    kind: str
    """Which of the example's maps this is: "prediction", "reference", "head 3"."""
    queries: list[str]
    """Labels down the side: target tokens."""
    keys: list[str]
    """Labels across the top: source tokens."""
    weights: np.ndarray
    """[queries, keys], in 0..1."""
    names: tuple[str, str] = ("query", "key")
    """What a query and a key are: ("target", "source")."""
    words: tuple[list[int], list[int]] | None = None
    """The word that each query and each key is a piece of, -1 for none; None: each is a word."""
    gold: list[tuple[int, int]] | None = None
    """(query, key) pairs that belong together, where that is known."""


Loss = Callable[[Params, State, Batch, Rng, Across], tuple[Array, Aux]]
Update = Callable[[State, Batch, Rng, Across], tuple[State, Metrics]]


class Task(Protocol):
    """The contract between a task and the house around it."""

    model: Any
    """The Linen module, or a dict of several: what `attention_jax.load` hands out."""

    main_metric: tuple[str, str]
    """Name of the metric that picks the best checkpoint, and its direction: "max" or "min"."""

    notes: dict[str, str]
    """Metric -> how the last `score` computed it (a sacreBLEU signature)."""

    def example(self) -> Batch:
        """A small batch of the kinds of arrays this task takes, made without any data."""
        ...

    def init(self, rng: Rng, batch: Batch) -> State:
        """The state before the first update; `batch` gives shapes only."""
        ...

    def update(self, state: State, batch: Batch, rng: Rng, across: Across) -> tuple[State, Metrics]:
        """One step. Pure: runs under jit over a mesh and under pmap alike."""
        ...

    def measure(self, state: State, batch: Batch) -> Metrics:
        """Sums and counts on one batch without training: the loss as evaluation sees it."""
        ...

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        """Means of `update`'s or `measure`'s metrics -> the numbers people read (perplexity)."""
        ...

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """Arrays by name that lead with the batch axis; pure. What they mean is the task's."""
        ...

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """Metrics of a whole split's predictions, computed on the host.

        An output a batch: what `predict` gave and the batch's `index`, rows that only fill up a
        batch removed.
        """
        ...

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """A JSON-able record an example, in the split's order: what goes to `predictions/`."""
        ...

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Any]:
        """Name -> matplotlib figure worth drawing of those predictions and their metrics."""
        ...

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """Attention of a few examples, those of one example together; none without attention."""
        ...


@runtime_checkable
class Examining(Protocol):
    """A task that can say more about a few predictions than a whole split's outputs can hold."""

    def examine(self, state: State, batch: Batch, output: Batch) -> dict[str, Array]:
        """More about what `predict` gave of a batch, say the weights of every head; arrays by name
        that lead with the batch axis, or none. Pure.
        """
        ...


@runtime_checkable
class Voting(Protocol):
    """A task whose models can predict together."""

    def ensemble_with(self, others: Sequence[Any], states: Sequence[State]) -> tuple[Task, State]:
        """The task of this model and those of other tasks, and the state of all.

        `states` are of this task and of the others. Raises UserError for models that cannot.
        """
        ...


@runtime_checkable
class Sounding(Protocol):
    """A task whose predictions can be heard."""

    def sounds(self, split: str, outputs: list[Batch]) -> dict[str, bytes]:
        """Name -> a .wav file worth hearing of those predictions."""
        ...


@runtime_checkable
class Dividing(Protocol):
    """A model that several devices can share."""

    partitions: Mapping[str, tuple[str | None, ...]]
    """End of a parameter's path -> what each of its axes counts where it may be split between
    devices ("heads"), None where it may not."""


def by_number(outputs: Sequence[Batch]) -> dict[int, Batch]:
    """The outputs of single examples by their number in the split; see `Task.score`."""
    return {
        int(n): {name: rows[place] for name, rows in output.items() if name != "index"}
        for output in outputs
        for place, n in enumerate(output["index"])
    }


def example_keys(rng: Rng, batch: Batch) -> Array:
    """One random key an example, folded from its number in the data set.

    What is sampled for an example is then the same however the batch is split over devices.
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(rng, batch["index"])


def dropout_key(rng: Rng, batch: Batch) -> Rng:
    """A key that differs between the devices' parts of a batch (each has another first example)."""
    return jax.random.fold_in(rng, batch["index"][0])


def _microbatches(batch: Batch, parts: int) -> Batch:
    """Splits each array [batch, ...] to [parts, batch / parts, ...], taking every parts-th row.

    Strided rather than contiguous, so that a batch sharded over devices stays where it is.
    """
    return jax.tree.map(
        lambda x: jnp.swapaxes(x.reshape(x.shape[0] // parts, parts, *x.shape[1:]), 0, 1), batch
    )


def gradient_sums(
    loss: Loss, state: State, batch: Batch, rng: Rng, across: Across, accumulate: int = 1
) -> tuple[PyTree, Array, Aux]:
    """Summed gradients, loss and Aux of a batch, in `accumulate` parts one after another.

    `model_state` and `task_state` go from part to part, as if the parts were batches.
    """
    grad = jax.value_and_grad(across.fetching(loss), has_aux=True)
    if accumulate == 1:
        (total, aux), grads = grad(state.params, state, batch, rng, across)
        return grads, total, aux

    def part(carry, microbatch):
        number, current = carry
        key = jax.random.fold_in(rng, number)
        (total, aux), grads = grad(state.params, current, microbatch, key, across)
        after = current.replace(model_state=aux.model_state, task_state=aux.task_state)
        return (number + 1, after), (grads, total, aux.count, aux.metrics)

    (_, last), parts = jax.lax.scan(part, (jnp.int32(0), state), _microbatches(batch, accumulate))
    grads, total, count, metrics = jax.tree.map(lambda x: x.sum(0), parts)
    return grads, total, Aux(count, metrics, last.model_state, last.task_state)


def one_optimizer_update(
    loss: Loss,
    optimizer: optax.GradientTransformation,
    *,
    ema_decay: float = 0.0,
    accumulate: int = 1,
) -> Update:
    """The update of every task with one loss and one optimiser.

    Args:
      loss: returns the *sum* over this device's examples (or tokens) and an `Aux` with the count
        of them; statistics it keeps in `model_state` or `task_state` it reduces with `across`.
      optimizer: sees the mean gradient; clipping belongs in its chain.
      ema_decay: averages parameters as ema <- decay * ema + (1 - decay) * params; 0 keeps none.
      accumulate: parts in which the batch is worked through to save memory; the result is the same.
    """

    def update(state: State, batch: Batch, rng: Rng, across: Across) -> tuple[State, Metrics]:
        grads, total, aux = gradient_sums(loss, state, batch, rng, across, accumulate)
        grads, total, count, metrics = across.sum((grads, total, aux.count, aux.metrics))
        count = jnp.maximum(count, 1)
        grads = jax.tree.map(lambda g: g / count, grads)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        ema = state.ema
        if ema_decay:
            ema = optax.incremental_update(params, ema, 1 - ema_decay)
        metrics = {
            "loss": (total, count),
            **metrics,
            "gradient_norm": (optax.tree.norm(grads), jnp.float32(1)),
        }
        state = state.replace(
            step=state.step + 1,
            params=params,
            opt_state=opt_state,
            model_state=aux.model_state,
            task_state=aux.task_state,
            ema=ema,
        )
        return state, metrics

    return update
