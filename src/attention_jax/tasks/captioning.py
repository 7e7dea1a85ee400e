"""Captions: cross-entropy over words, by soft attention or hard; and where a word looks."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import ml_collections
import optax
from flax import linen as nn
from matplotlib.figure import Figure

from attention_jax.data.tokenizers import BOS, EOS, WordTokenizer
from attention_jax.decoding import Hypotheses, beam_search, greedy
from attention_jax.errors import UserError
from attention_jax.ops.doubly_stochastic import doubly_stochastic
from attention_jax.tasks import captioning_reinforce as reinforce
from attention_jax.tasks.captioning_outputs import Reader
from attention_jax.tasks.protocol import (
    Across,
    AttentionMap,
    Aux,
    State,
    Update,
    dropout_key,
    example_keys,
    one_optimizer_update,
)
from attention_jax.typing import Array, Batch, Metrics, Params, Rng


class Captions(Protocol):
    """What the task needs of its data; `data.captions` has it."""

    grid: tuple[int, int] | None

    @property
    def tokenizer(self) -> WordTokenizer: ...

    def example(self) -> Batch: ...

    def references(self, split: str) -> Sequence[tuple[str, ...]]: ...

    def names(self, split: str) -> Sequence[str]: ...


class Captioning:
    """A captioning model and how it is trained, decoded and judged.

    The loss is -log p(y), summed over words, of which the mean is taken. Beside it stand

    - for soft attention lambda Σ_i (tau - Σ_t alpha_{t,i})² of each caption
      (`ops.doubly_stochastic`);
    - for hard attention, which draws places, lambda_r Σ_t (R_t - b_t) log p(s_t) for the gradient
      alone (`captioning_reinforce`), and lambda_e Σ_t H[alpha_t], which is to be large. An example
      reads the expectation in place of a draw with a chance of a half; nothing is drawn then. With
      the model's `straight_through` the gradient passes through the draws, and there is no slope.

    Source: Xu 2015, §4.1 to §4.2.1. Departures: as in the model; the coin is thrown for each
    example and the baseline is the mean over those that drew, where the authors' code throws one a
    batch.

    Args:
      model: with the faces `__call__`, `encode`, `start`, `step` and `grid`; one that draws places
        says so with `samples`.
      captions: texts, tokenizer and names.
      config: the experiment's; reads `loss`, `decode`, and `optimizer.ema` and `.accumulate`.
      optimizer: sees mean gradients.

    Raises:
      UserError: for what `loss` and `decode` cannot ask, or images that the model cannot take.
    """

    main_metric = ("bleu4", "max")

    def __init__(
        self,
        model: nn.Module,
        captions: Captions,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
    ):
        self.model = model
        self.notes: dict[str, str] = {}
        """Metric -> how it was computed, once `score` has run."""
        self._loss, self._decode = config.loss, config.decode
        _check(self._loss, self._decode, captions.tokenizer.size)
        self._example = captions.example()
        self._draws = bool(getattr(model, "samples", False))
        self._estimates = self._draws and not getattr(model, "straight_through", False)
        self._optimizer = optimizer
        self._ema = bool(config.optimizer.ema)
        self._reader = Reader(captions, _grid(model, captions, self._example))
        self.update: Update = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

    def example(self) -> Batch:
        return self._example

    def init(self, rng: Rng, batch: Batch) -> State:
        """Parameters, and for hard attention the baseline, which begins with zero."""
        params = self.model.init(rng, shown(batch), jnp.asarray(batch["inputs"]))["params"]
        ema = params if self._ema else None
        task_state = {"baseline": jnp.float32(0)} if self._estimates else {}
        opt_state = self._optimizer.init(params)
        return State(jnp.int32(0), params, opt_state, task_state=task_state, ema=ema)

    def loss(
        self, params: Params, state: State, batch: Batch, rng: Rng, across: Across
    ) -> tuple[Array, Aux]:
        """Nats summed over words, with what attention is to be like; the baseline is moved."""
        inputs, mask = jnp.asarray(batch["inputs"]), jnp.asarray(batch["targets_mask"])
        drawing: dict[str, Any] = self._drawing(rng, batch)
        found: Any = self.model.apply(
            {"params": params},
            shown(batch),
            inputs,
            train=True,
            weights=self._draws or self._loss.doubly_stochastic > 0,
            rngs={"dropout": dropout_key(rng, batch)},
            **drawing,
        )
        logits, looked = found
        log_probs = _log_probs(logits, batch)
        said = log_probs.sum(-1)
        each, task_state = self._plain(said, looked, mask), state.task_state
        if self._draws:
            each -= self._loss.entropy * jnp.where(mask, looked["entropy"], 0).sum(-1)
        if self._estimates:
            baseline = state.task_state["baseline"]
            slope = self._loss.reinforce * reinforce.slope(
                log_probs, looked["log_prob"], mask, baseline, to_go=self._loss.reward_to_go
            )
            each += jax.lax.stop_gradient(slope) - slope
            drew = jnp.asarray(batch["mask"]) & ~drawing["expected"]
            sums = across.sum((jnp.where(drew, said, 0).sum(), drew.sum()))
            task_state = {"baseline": reinforce.moved(baseline, *sums)}
        count = mask.sum()
        metrics = {"cross_entropy": (-said.sum(), count)}
        return each.sum(), Aux(count, metrics, task_state=task_state)

    def measure(self, state: State, batch: Batch) -> Metrics:
        """The loss without dropout; hard attention reads the likeliest places."""
        mask = jnp.asarray(batch["targets_mask"])
        logits, looked = self._read(state, batch)
        said = _log_probs(logits, batch).sum(-1)
        each, count = self._plain(said, looked, mask), mask.sum()
        return {"loss": (each.sum(), count), "cross_entropy": (-said.sum(), count)}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        """Perplexity in place of cross-entropy, bounded so that it is always a number."""
        rest = {name: value for name, value in means.items() if name != "cross_entropy"}
        return rest | {"perplexity": math.exp(min(means["cross_entropy"], 50.0))}

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """The caption of each image, and where each of its words looked.

        `tokens` [batch, time] and `scores` [batch], log p; with attention `maps` [batch, time,
        keys] in half precision, and of hard attention `read` [batch, time], the place. Where there
        is a reference, `forced` are the maps under which it is read: the true boxes are of its
        words, and come along. So do the images, for pictures.
        """
        found = self._search(state, batch)
        output = {"tokens": found.tokens[:, 0], "scores": found.scores[:, 0]}
        output |= {
            name: batch[name] for name in ("images", "targets", "boxes", "boxed") if name in batch
        }
        if "cross" in found.extras:
            looked = {name: rows[:, 0] for name, rows in found.extras.items()}
            output["maps"] = _maps(looked)
            if self._draws:
                output["read"] = looked["cross"].argmax(-1).astype(jnp.int32)
            if "targets" in batch:
                output["forced"] = _maps(self._read(state, batch)[1])
        return output

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """BLEU-1 to 4, ROUGE-L, CIDEr-D, METEOR where it is to be had, exact match; and where the
        true boxes are known the pointing game, the mass inside, and how different the maps are.
        """
        metrics, self.notes = self._reader.score(split, outputs)
        return metrics

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """The caption, its score, the references, and what the image is called, where it is."""
        return self._reader.describe(split, outputs)

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """A few images, and where each word of their captions looked."""
        return self._reader.pictures(split, outputs)

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """Where the words of a few captions looked, cell by cell."""
        return self._reader.maps(split, outputs)

    def _drawing(self, rng: Rng, batch: Batch) -> dict[str, Array]:
        """What hard attention is trained with: a key an example, and its coin."""
        if not self._draws:
            return {}
        keys = jax.vmap(jax.random.split)(example_keys(rng, batch))
        coins = jax.vmap(lambda key: jax.random.bernoulli(key, self._loss.expected))(keys[:, 1])
        return {"draws": keys[:, 0], "expected": coins}

    def _plain(self, said: Array, looked: dict[str, Array], mask: Array) -> Array:
        """-log p(y), and the doubly stochastic penalty where attention is soft."""
        weight, target = self._loss.doubly_stochastic, self._loss.target
        if self._draws or "cross" not in looked or not weight:
            return -said
        penalty = doubly_stochastic(looked["cross"], mask, target or None)
        # A row that fills up the batch looks nowhere, which is not near any target.
        return jnp.where(mask.any(-1), weight * penalty, 0) - said

    def _read(self, state: State, batch: Batch) -> tuple[Array, dict[str, Array]]:
        """The first reference, as training reads it."""
        inputs = jnp.asarray(batch["inputs"])
        found: Any = self.model.apply(
            {"params": state.averaged}, shown(batch), inputs, weights=True
        )
        return found

    def _search(self, state: State, batch: Batch) -> Hypotheses:
        variables, beams = {"params": state.averaged}, self._decode.beams
        memory = self.model.apply(variables, shown(batch), method="encode")
        longest = self._decode.max_length
        carry = self.model.apply(variables, memory, beams, longest, method="start")

        def step(memory, carry, token, time):
            return self.model.apply(
                variables, memory, carry, token, time, weights=True, method="step"
            )

        limits = {"max_length": longest, "bos": BOS, "eos": EOS}
        if beams == 1:
            return greedy(step, memory, carry, **limits)
        alpha = self._decode.length_penalty
        return beam_search(step, memory, carry, beams=beams, alpha=alpha, **limits)


def shown(batch: Batch) -> Array:
    """The images in 0..1, or the features as they are."""
    if "features" in batch:
        return jnp.asarray(batch["features"])
    return jnp.asarray(batch["images"]).astype(jnp.float32) / 255


def _log_probs(logits: Array, batch: Batch) -> Array:
    """What each word of the reference has, log p(y_t); 0 behind its end."""
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    chosen = jnp.take_along_axis(log_probs, jnp.asarray(batch["targets"])[..., None], axis=-1)
    return jnp.where(jnp.asarray(batch["targets_mask"]), chosen[..., 0], 0)


def _maps(looked: dict[str, Array]) -> Array:
    """Soft attention's weights; of hard attention the chances, which tell more than a place."""
    return looked.get("chances", looked["cross"]).astype(jnp.float16)


def _grid(model: nn.Module, captions: Captions, example: Batch) -> tuple[int, int] | None:
    """Rows and columns of the maps; None where places have no order."""
    if "features" in example:
        return captions.grid
    grid: tuple[int, int] = model.grid(*example["images"].shape[1:3])
    return grid


def _check(loss: ml_collections.ConfigDict, decode: ml_collections.ConfigDict, vocab: int) -> None:
    for name in ("doubly_stochastic", "target", "reinforce", "entropy"):
        if loss[name] < 0:
            raise UserError(f"config.loss.{name} is {loss[name]}: give 0 or more")
    if not 0 <= loss.expected <= 1:
        raise UserError(f"config.loss.expected is {loss.expected}: give a chance from 0 to 1")
    if not 1 <= decode.beams <= vocab:
        raise UserError(
            f"config.decode.beams is {decode.beams}: search with 1 (greedy) or more, and with at "
            f"most as many as there are words ({vocab})"
        )
    if decode.max_length < 1:
        raise UserError(f"config.decode.max_length is {decode.max_length}: allow 1 token or more")
