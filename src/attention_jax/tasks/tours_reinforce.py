"""Tours that nobody has to know: a pointing task trained by REINFORCE (Bello 2016, Kool 2019).

The network is a policy that draws a tour city by city. What it minimises is the tour's expected
length, whose gradient is E[(L(tour) - b) ∇ log p(tour)]: no answer is needed, only its length. The
baseline b is the length of the tour on which a frozen copy of the network goes greedily; the copy
is replaced when the network has become better than it.
"""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import linen as nn
from matplotlib.figure import Figure
from scipy import special

from attention_jax.decoding import allowed_along, greedy, sample, unvisited
from attention_jax.decoding.visited import END
from attention_jax.errors import UserError
from attention_jax.tasks.pointing_decoding import tour_lengths
from attention_jax.tasks.protocol import (
    Across,
    AttentionMap,
    Aux,
    State,
    example_keys,
    one_optimizer_update,
)
from attention_jax.typing import Array, Batch, Bool, Float, Metrics, Params, PyTree, Rng

# What the baseline is judged on, and what an evaluation draws, is the same in every run.
_JUDGED, _DRAWN = 1, 2
_NEVER = -1e9


class Tours(Protocol):
    """What is used of the supervised task: all but its training (`tasks.pointing.Pointing`)."""

    model: nn.Module
    notes: dict[str, str]

    def example(self) -> Batch: ...

    def init(self, rng: Rng, batch: Batch) -> State: ...

    def predict(self, state: State, batch: Batch) -> dict[str, Array]: ...

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]: ...

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]: ...

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]: ...

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]: ...


class ToursReinforce:
    """A task of tours, learned from their lengths.

    Batches, decoding, predictions and pictures are those of the task that it wraps, and so are the
    metrics; those with "/sampled" are of the shortest of `decode.samples` tours drawn.

    The baseline is judged every `reinforce.every` steps on `reinforce.sets` sets: the copy is
    replaced where the differences of the lengths, set by set, have a mean below zero by Student's
    one-sided test at `reinforce.significance`. The sets stay the same, those of evaluation are
    others.

    Source: Kool 2019, §4 and algorithm 1, with the network of Bello 2016. Departures: Kool draws
    the sets anew after each replacement, and warms up with an exponential average for an epoch.

    Args:
      task: the tours, as if they were to be learned from answers; made with the same optimiser.
      config: the experiment's; reads `reinforce`, `decode.samples`, and `optimizer.ema` and
        `.accumulate`.
      optimizer: sees mean gradients.

    Raises:
      UserError: for numbers in `reinforce` and `decode.samples` that make no sense.
    """

    main_metric = ("tour_length", "min")

    def __init__(
        self,
        task: Tours,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
    ):
        self.model = task.model
        self.notes: dict[str, str] = {}
        self._task = task
        self._reinforce, self._samples = config.reinforce, config.decode.samples
        _check(self._reinforce, self._samples)
        self._descend = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

    def example(self) -> Batch:
        return self._task.example()

    def init(self, rng: Rng, batch: Batch) -> State:
        """The network, and a copy of it for the baseline."""
        state = self._task.init(rng, batch)
        return state.replace(task_state={"baseline": state.params})

    def loss(
        self, params: Params, state: State, batch: Batch, rng: Rng, across: Across
    ) -> tuple[Array, Aux]:
        """Its value is the length of the tours drawn, its gradient that of their expected length.

        An example's tour is drawn with a key of its own.
        """
        points, cities = jnp.asarray(batch["points"]), jnp.asarray(batch["points_mask"])
        tours = self._drawn(params, batch, example_keys(rng, batch))
        lengths = tour_lengths(points, tours)[:, 0]
        baseline = self._greedy_length(state.task_state["baseline"], points, cities)
        log_prob = self._log_prob(params, points, cities, tours[:, 0])
        slope = (lengths - baseline) * log_prob
        each = lengths + slope - jax.lax.stop_gradient(slope)
        real = jnp.asarray(batch["mask"])
        count = real.sum()
        metrics = {"tour_length/baseline": (jnp.where(real, baseline, 0).sum(), count)}
        return jnp.where(real, each, 0).sum(), Aux(count, metrics, task_state=state.task_state)

    def update(self, state: State, batch: Batch, rng: Rng, across: Across) -> tuple[State, Metrics]:
        """A step down the gradient; then, where it is due, the baseline is judged."""
        state, metrics = self._descend(state, batch, rng, across)
        due = state.step % self._reinforce.every == 0
        shape = (self._reinforce.sets, *batch["points"].shape[1:])
        baseline = jax.lax.cond(
            due, lambda state: self._judged(state, shape), _the_same_baseline, state
        )
        return state.replace(task_state={"baseline": baseline}), metrics

    def measure(self, state: State, batch: Batch) -> Metrics:
        """The length of one tour drawn for each set."""
        keys = example_keys(jax.random.key(_DRAWN), batch)
        tours = self._drawn(state.averaged, batch, keys)
        real = jnp.asarray(batch["mask"])
        lengths = tour_lengths(jnp.asarray(batch["points"]), tours)[:, 0]
        return {"loss": (jnp.where(real, lengths, 0).sum(), real.sum())}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        return means

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """The task's prediction, and the shortest of the tours drawn, `sampled`."""
        output = dict(self._task.predict(state, batch))
        if not self._samples:
            return output
        keys = example_keys(jax.random.key(_DRAWN), batch)
        tours = self._drawn(state.averaged, batch, keys, self._samples)
        best = tour_lengths(jnp.asarray(batch["points"]), tours).argmin(-1)[:, None, None]
        return output | {"sampled": jnp.take_along_axis(tours, best, axis=1)[:, 0]}

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """The task's metrics, and with "/sampled" those of the tours drawn."""
        sampled = {}
        if self._samples:
            drawn: list[Batch] = [{**output, "tokens": output["sampled"]} for output in outputs]
            metrics = self._task.score(split, drawn)
            sampled = {f"{name}/sampled": metrics[name] for name in metrics if "/" not in name}
        metrics = self._task.score(split, outputs)
        self.notes = self._task.notes
        return metrics | sampled

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        return self._task.describe(split, outputs)

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        return self._task.pictures(split, outputs, metrics)

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        return self._task.maps(split, outputs)

    def _drawn(self, params: Params, batch: Batch, keys: Array, samples: int = 1) -> Array:
        """Tours as positions, [batch, samples, inputs]."""
        # Drawing has no gradient; a loop that may end early could not give one.
        params = jax.lax.stop_gradient(params)
        points, cities = jnp.asarray(batch["points"]), jnp.asarray(batch["points_mask"])
        step, memory, carry = self._started(params, points, cities, samples)
        return sample(step, memory, carry, keys, samples=samples, **_all_of(cities)).tokens

    def _greedy_length(self, params: Params, points: Array, cities: Array) -> Array:
        step, memory, carry = self._started(jax.lax.stop_gradient(params), points, cities, 1)
        tours = greedy(step, memory, carry, **_all_of(cities)).tokens
        return tour_lengths(points, tours)[:, 0]

    def _started(self, params: Params, points: Array, cities: Array, beams: int):
        """The model's step, and what it begins with."""
        variables = {"params": params}

        def step(memory: PyTree, carry: PyTree, token: Array, time: Array):
            return self.model.apply(variables, memory, carry, token, time, method="step")

        memory = self.model.apply(variables, points, cities, method="encode")
        carry = self.model.apply(variables, memory, beams, method="start")
        return step, memory, carry

    def _log_prob(self, params: Params, points: Array, cities: Array, tours: Array) -> Array:
        """Of each tour, drawn among the cities left at every step."""
        fed = jnp.pad(tours[:, :-1], ((0, 0), (1, 0)))
        logits, _ = self.model.apply({"params": params}, points, cities, fed)
        allowed = allowed_along(unvisited(cities, cities.shape[1]), (), tours)
        log_probs = jax.nn.log_softmax(jnp.where(allowed, logits, _NEVER))
        # After the last city nothing but the end is left, whose log-probability is 0.
        return jnp.take_along_axis(log_probs, tours[..., None], axis=-1).sum((1, 2))

    def _judged(self, state: State, shape: tuple[int, ...]) -> Params:
        """The baseline from now on: the network itself where it has become better."""
        points = jax.random.uniform(jax.random.key(_JUDGED), shape)
        cities = jnp.ones(shape[:2], bool)
        old = state.task_state["baseline"]
        new_lengths = self._greedy_length(state.params, points, cities)
        better = significantly_shorter(
            new_lengths - self._greedy_length(old, points, cities), self._reinforce.significance
        )
        return jax.tree.map(lambda new, old: jnp.where(better, new, old), state.params, old)


def significantly_shorter(differences: Float[Array, " sets"], level: float) -> Bool[Array, ""]:
    """Whether the mean of paired differences is below zero: Student's one-sided test.

    t = mean / (deviation / sqrt(sets)) lies below the quantile `level` of the distribution with
    sets - 1 degrees of freedom. Equals are no better.
    """
    sets = differences.shape[0]
    deviation = jnp.std(differences, ddof=1)
    return jnp.mean(differences) * sets**0.5 < special.stdtrit(sets - 1, level) * deviation


def _all_of(cities: Bool[Array, "batch inputs"]) -> dict[str, Any]:
    """How tours are decoded: the step after the last city would be the end, and is not needed."""
    inputs = cities.shape[1]
    limits = {"max_length": inputs, "bos": END, "eos": END, "pad": END}
    return limits | {"constraint": unvisited(cities, inputs)}


def _the_same_baseline(state: State) -> Params:
    return state.task_state["baseline"]


def _check(reinforce: ml_collections.ConfigDict, samples: int) -> None:
    if reinforce.every < 1 or reinforce.sets < 2:
        raise UserError(
            f"config.reinforce.every is {reinforce.every} and sets is {reinforce.sets}: the "
            "baseline is judged every step or less often, and on 2 sets or more"
        )
    if not 0 < reinforce.significance < 0.5:
        raise UserError(
            f"config.reinforce.significance is {reinforce.significance}: give a level between 0 "
            "and 0.5, such as 0.05"
        )
    if samples < 0:
        raise UserError(f"config.decode.samples is {samples}: draw 1 or more, or 0 for none")
