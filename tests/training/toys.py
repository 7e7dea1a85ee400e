"""Tasks that probe the contract: two optimisers, a stateful baseline, its own rollouts; and one of
a model that can be split over devices.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from attention_jax.layers.batch_norm import BatchNorm
from attention_jax.tasks.protocol import (
    Across,
    Aux,
    State,
    example_keys,
    gradient_sums,
    one_optimizer_update,
)

ROWS, FEATURES = 16, 3


class ToyBatches:
    """16 rows a batch; every third batch is short, with whole devices of padding."""

    def __init__(self, process_index: int = 0, process_count: int = 1):
        self._index, self._count = process_index, process_count

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(position)
        mask = np.arange(ROWS) < (5 if position % 3 == 1 else ROWS)
        batch = {
            "x": rng.normal(size=(ROWS, FEATURES)).astype(np.float32),
            "index": np.where(mask, position * ROWS + np.arange(ROWS), -1).astype(np.int32),
            "mask": mask,
        }
        rows = ROWS // self._count
        return {k: v[self._index * rows : (self._index + 1) * rows] for k, v in batch.items()}


class Toy:
    """What the three have in common."""

    model = None
    main_metric = ("loss", "min")
    notes: ClassVar[dict[str, str]] = {}

    def example(self):
        return ToyBatches()[0]

    def summarize(self, means):
        return means

    def measure(self, state, batch):
        count = batch["mask"].sum()
        return {"loss": (self.norm(state) * count, count)}

    def norm(self, state):
        return optax.tree.norm(state.params)

    def predict(self, state, batch):
        return {"norm": jnp.broadcast_to(self.norm(state), batch["index"].shape)}

    def score(self, split, outputs):
        return {}

    def describe(self, split, outputs):
        return []

    def pictures(self, split, outputs, metrics):
        return {}

    def maps(self, split, outputs):
        return []


class ToyData:
    """ToyBatches as an experiment's data."""

    splits = ("validation",)

    def __init__(self, process_index: int = 0, process_count: int = 1):
        self._batches = ToyBatches(process_index, process_count)

    def train(self):
        return self._batches

    def split(self, name):
        return [self._batches[n] for n in (0, 1)]

    def inputs(self, lines):
        return []

    def keep(self):
        pass

    def report(self):
        return "toy data"

    def hash(self):
        return "toy"


class Generator(nn.Module):
    axis_name: str | None = None

    @nn.compact
    def __call__(self, noise, mask, train):
        h = BatchNorm(axis_name=self.axis_name)(
            nn.Dense(8, use_bias=False)(noise), mask, train=train
        )
        return nn.Dense(FEATURES)(nn.relu(h))


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        h = nn.SpectralNorm(nn.Dense(8))(x, update_stats=train)
        return nn.Dense(1)(nn.relu(h))[:, 0]


class ToyGan(Toy):
    """Two optimisers, batch statistics and spectral norm; an update that is not the shared one."""

    def __init__(self):
        self.optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))

    def init(self, rng, batch):
        keys = dict(zip(("generator", "discriminator"), jax.random.split(rng), strict=True))
        variables = {
            "generator": Generator().init(keys["generator"], batch["x"], batch["mask"], True),
            "discriminator": Discriminator().init(keys["discriminator"], batch["x"], True),
        }
        params = {name: v.pop("params") for name, v in variables.items()}
        opt_state = {name: self.optimizer.init(p) for name, p in params.items()}
        return State(jnp.int32(0), params, opt_state, variables)

    def _fake(self, params, state, batch, rng, across):
        noise = jax.vmap(lambda key: jax.random.normal(key, (FEATURES,)))(example_keys(rng, batch))
        variables = {"params": params, **state.model_state["generator"]}
        module = Generator(across.axis_name)
        return module.apply(variables, noise, batch["mask"], True, mutable=["batch_stats"])

    def _judge(self, params, state, x):
        variables = {"params": params, **state.model_state["discriminator"]}
        return Discriminator().apply(variables, x, True, mutable=["batch_stats"])

    def discriminator_loss(self, params, state, batch, rng, across):
        fake, _ = self._fake(state.params["generator"], state, batch, rng, across)
        real_score, changed = self._judge(params, state, batch["x"])
        fake_score, _ = self._judge(params, state, fake)
        losses = nn.relu(1 - real_score) + nn.relu(1 + fake_score)
        total = (losses * batch["mask"]).sum()
        model_state = {**state.model_state, "discriminator": changed}
        return total, Aux(batch["mask"].sum(), {}, model_state)

    def generator_loss(self, params, state, batch, rng, across):
        fake, changed = self._fake(params, state, batch, rng, across)
        score, _ = self._judge(state.params["discriminator"], state, fake)
        model_state = {**state.model_state, "generator": changed}
        return (-score * batch["mask"]).sum(), Aux(batch["mask"].sum(), {}, model_state)

    def update(self, state, batch, rng, across):
        metrics = {}
        for name, loss in (
            ("discriminator", self.discriminator_loss),
            ("generator", self.generator_loss),
        ):
            part = state.replace(params=state.params[name])

            def of_part(params, _, batch, rng, across, loss=loss, whole=state):
                return loss(params, whole, batch, rng, across)

            grads, total, aux = gradient_sums(of_part, part, batch, rng, across)
            grads, total, count = across.sum((grads, total, aux.count))
            grads = jax.tree.map(lambda g, count=count: g / jnp.maximum(count, 1), grads)
            steps, opt_state = self.optimizer.update(grads, state.opt_state[name])
            state = state.replace(
                params={**state.params, name: optax.apply_updates(state.params[name], steps)},
                opt_state={**state.opt_state, name: opt_state},
                model_state=aux.model_state,
            )
            metrics["loss" if name == "generator" else "discriminator"] = (total, count)
        return state.replace(step=state.step + 1), metrics


class ToyReinforce(Toy):
    """REINFORCE with a moving baseline in `task_state`, through the shared update."""

    actions = 4

    def __init__(self, accumulate: int = 1, ema_decay: float = 0.9):
        self.optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
        self.update = one_optimizer_update(
            self.loss, self.optimizer, accumulate=accumulate, ema_decay=ema_decay
        )

    def init(self, rng, batch):
        params = {"w": 0.1 * jax.random.normal(rng, (FEATURES, self.actions))}
        state = State(jnp.int32(0), params, self.optimizer.init(params), ema=params)
        return state.replace(task_state={"baseline": jnp.float32(0)})

    def loss(self, params, state, batch, rng, across):
        log_probs = jax.nn.log_softmax(batch["x"] @ params["w"])
        action = jax.vmap(jax.random.categorical)(example_keys(rng, batch), log_probs)
        reward = (action == (batch["x"][:, 0] > 0)).astype(jnp.float32)
        chosen = jnp.take_along_axis(log_probs, action[:, None], 1)[:, 0]
        baseline = state.task_state["baseline"]
        total = (-(reward - baseline) * chosen * batch["mask"]).sum()
        rewards = ((reward * batch["mask"]).sum(), batch["mask"].sum())
        mean = (lambda pair: pair[0] / jnp.maximum(pair[1], 1))(across.sum(rewards))
        task_state = {"baseline": 0.9 * baseline + 0.1 * mean}
        return total, Aux(batch["mask"].sum(), {"reward": rewards}, {}, task_state)


class ToyRollouts(Toy):
    """Acts for a few steps inside the update; a batch is only a row of indices."""

    def __init__(self):
        self.optimizer = optax.sgd(0.1)

    def init(self, rng, batch):
        params = {"w": 0.1 * jax.random.normal(rng, (2,))}
        return State(jnp.int32(0), params, self.optimizer.init(params))

    def _rollout(self, params, key):
        def act(position, key):
            log_odds = params["w"][0] * position + params["w"][1]
            right = jax.random.bernoulli(key, jax.nn.sigmoid(log_odds))
            log_prob = jax.nn.log_sigmoid(jnp.where(right, log_odds, -log_odds))
            position = position + jnp.where(right, 0.5, -0.5)
            return position, (log_prob, -jnp.abs(position))

        _, (log_probs, rewards) = jax.lax.scan(act, 1.0, jax.random.split(key, 6))
        return log_probs.sum(), rewards.sum()

    def update(self, state, batch, rng, across: Across):
        keys, mask = example_keys(rng, batch), batch["mask"]

        def loss(params, state, batch, rng, across):
            log_probs, returns = jax.vmap(self._rollout, (None, 0))(params, keys)
            returns = jax.lax.stop_gradient(returns)
            total, squares, count = across.sum(
                ((returns * mask).sum(), (returns**2 * mask).sum(), mask.sum())
            )
            mean = total / count
            advantage = (returns - mean) / jnp.sqrt(squares / count - mean**2 + 1e-3)
            reward = {"reward": ((returns * mask).sum(), mask.sum())}
            return (-advantage * log_probs * mask).sum(), Aux(mask.sum(), reward)

        return one_optimizer_update(loss, self.optimizer)(state, batch, rng, across)


class Wide(nn.Module):
    """A hidden layer that devices can share."""

    partitions: ClassVar = {
        "wide/kernel": (None, "units"),
        "wide/bias": ("units",),
        "narrow/kernel": ("units", None),
    }

    @nn.compact
    def __call__(self, x):
        return nn.Dense(8, name="narrow")(nn.relu(nn.Dense(4096, name="wide")(x)))


class ToySplit(Toy):
    """Learns the mean of what it is given, with a model that may lie split."""

    model = Wide()

    def __init__(self):
        self.optimizer = optax.adam(1e-3)
        self.update = one_optimizer_update(self.loss, self.optimizer)

    def init(self, rng, batch):
        params = self.model.init(rng, batch["x"])["params"]
        return State(jnp.int32(0), params, self.optimizer.init(params))

    def loss(self, params, state, batch, rng, across):
        wanted = batch["x"].mean(1, keepdims=True)
        errors = self.model.apply({"params": params}, batch["x"]) - wanted
        total = (jnp.square(errors).mean(1) * batch["mask"]).sum()
        return total, Aux(batch["mask"].sum(), {})


TOYS = {"gan": ToyGan, "reinforce": ToyReinforce, "rollouts": ToyRollouts}
