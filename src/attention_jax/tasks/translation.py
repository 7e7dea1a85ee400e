"""Translation: cross-entropy over target tokens; BLEU, exact match and alignment error rate."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import linen as nn
from matplotlib.figure import Figure

from attention_jax.data.tokenizers import BOS, PAD, WordTokenizer
from attention_jax.data.translation import example_batch
from attention_jax.decoding import score_tokens
from attention_jax.errors import UserError
from attention_jax.models.ensemble import Ensemble
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
from attention_jax.tasks.translation_decoding import DICTIONARY, check, search
from attention_jax.tasks.translation_maps import HEADS
from attention_jax.tasks.translation_outputs import Reader, Sentences
from attention_jax.typing import Array, Batch, Metrics, Params, Rng


class Translation:
    """A translation model and how it is trained, decoded and judged.

    Args:
      model: with the faces `__call__`, `encode`, `start` and `step`, and for `decode.posterior`
        also `posterior`. One that draws where it looks in training (hard attention) says so with
        `samples`, and takes `draws`, a key an example.
      sentences: texts and tokenizers.
      config: the experiment's; reads `loss`, `decode` and `seed`, and `optimizer.ema` and
        `.accumulate`.
      optimizer: sees mean gradients.
      dictionary: a source word -> its translation, both with the joiner marks of `data.words`; for
        `decode.unknown = "dictionary"`. The default translates each word as itself.

    Raises:
      UserError: `config.decode` asks for what cannot be decoded.
    """

    main_metric = ("bleu", "max")

    def __init__(
        self,
        model: nn.Module,
        sentences: Sentences,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
        dictionary: Callable[[str], str] = str,
    ):
        self.model = model
        self.sentences = sentences
        self.notes: dict[str, str] = {}
        """Metric -> how it was computed (sacreBLEU's signature), once `score` has run."""
        self._config = config
        self._decode = config.decode
        self._smoothing = config.loss.label_smoothing
        self._optimizer = optimizer
        self._ema = bool(config.optimizer.ema)
        self._dictionary = dictionary
        tokenizers = sentences.source_tokenizer, sentences.target_tokenizer
        by_words = all(isinstance(tokenizer, WordTokenizer) for tokenizer in tokenizers)
        members = model.members if isinstance(model, Ensemble) else (model,)
        knows = all(
            hasattr(member, "posterior") and not getattr(member, "samples", False)
            for member in members
        )
        check(self._decode, tokenizers[1].size, by_words, self._attends, knows)
        replace = dictionary if self._decode.unknown == DICTIONARY else str
        self._reader = Reader(sentences, replace if self._decode.unknown else None)
        self.update: Update = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

    def _attends(self) -> bool:
        """Whether the model has attention weights; nothing is computed to find out."""

        def weights(rng: Rng) -> dict[str, Array]:
            inputs = _inputs(self.example())
            (_, found), _ = self.model.init_with_output(rng, *inputs, weights=True)
            return found

        return "cross" in jax.eval_shape(weights, jax.random.key(0))

    def example(self) -> Batch:
        return example_batch()

    def init(self, rng: Rng, batch: Batch) -> State:
        """Parameters for this model, and the optimiser's state for them."""
        source, mask, inputs = _inputs(batch)
        params = self.model.init(rng, source, mask, inputs)["params"]
        ema = params if self._ema else None
        return State(jnp.int32(0), params, self._optimizer.init(params), ema=ema)

    def loss(
        self, params: Params, state: State, batch: Batch, rng: Rng, across: Across
    ) -> tuple[Array, Aux]:
        """Cross-entropy summed over real target tokens, smoothed where asked.

        The smoothed target gives 1 - e to the token and e to all tokens alike (Szegedy 2016, §7);
        the perplexity comes from the unsmoothed sum.
        """
        draws: dict[str, Any] = {}
        if getattr(self.model, "samples", False):
            draws["draws"] = example_keys(rng, batch)
        logits, _ = self.model.apply(
            {"params": params},
            *_inputs(batch),
            train=True,
            rngs={"dropout": dropout_key(rng, batch)},
            **draws,
        )
        smoothed, plain, count = _cross_entropy(logits, batch["target"], self._smoothing)
        return smoothed, Aux(count, {"cross_entropy": (plain, count)})

    def measure(self, state: State, batch: Batch) -> Metrics:
        """The loss and cross-entropy without dropout."""
        logits, _ = self.model.apply({"params": state.averaged}, *_inputs(batch))
        smoothed, plain, count = _cross_entropy(logits, batch["target"], self._smoothing)
        return {"loss": (smoothed, count), "cross_entropy": (plain, count)}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        """Perplexity in place of cross-entropy, bounded so that it is always a number."""
        rest = {name: value for name, value in means.items() if name != "cross_entropy"}
        return rest | {"perplexity": float(np.exp(min(means["cross_entropy"], 50.0)))}

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """Hypotheses, best first, with the attention under which each token was chosen.

        Where the batch has references, `forced` holds the attention under which the model reads
        them: gold alignments belong to the reference, not to what the model would say; with
        `decode.posterior`, `posterior` is the same after each word. Where it has `given` targets,
        nothing is searched: they are the hypotheses.
        """
        if "given" in batch:
            return self._force(state, batch)
        variables = {"params": state.averaged}
        source = batch["source"]
        mask = source != PAD
        memory = self.model.apply(variables, source, mask, method="encode")

        def step(memory, carry, token, time):
            return self.model.apply(
                variables, memory, carry, token, time, weights=True, method="step"
            )

        def start(rows: int):
            longest = self._decode.max_length
            return self.model.apply(variables, memory, rows, longest, method="start")

        found = search(
            self._decode,
            step,
            memory,
            start,
            mask,
            self.sentences.target_tokenizer.size,
            lambda: example_keys(jax.random.key(self._config.seed), batch),
        )
        output = {"tokens": found.tokens, "scores": found.scores, **found.extras}
        if "target" in batch and found.extras:
            _, forced = self.model.apply(variables, *_inputs(batch), weights=True)
            output["forced"] = forced["cross"]
            if self._decode.posterior:
                output["posterior"] = self._posterior(state, batch)
        return output

    def _posterior(self, state: State, batch: Batch) -> Array:
        """Where the targets came from, now that they are known [batch target source]."""
        target = jnp.asarray(batch["target"])
        variables = {"params": state.averaged}
        weights = self.model.apply(variables, *_inputs(batch), target, method="posterior")
        return jnp.asarray(weights)

    def _force(self, state: State, batch: Batch) -> dict[str, Array]:
        """The given targets as if they had been found: log p, and how the model reads them."""
        given = batch["given"]
        pairs = {"source": batch["source"], "target": given}
        logits, weights = self.model.apply(
            {"params": state.averaged}, *_inputs(pairs), weights=True
        )
        log_prob, _ = score_tokens(logits, given, PAD)
        kept = {name: weights[name] for name in ("cross", "center") if name in weights}
        if self._decode.posterior:
            kept["cross"] = self._posterior(state, pairs)
        found = {"tokens": given, "scores": log_prob, **kept}
        return {name: one[:, None] for name, one in found.items()}

    def examine(self, state: State, batch: Batch, output: Batch) -> dict[str, Array]:
        """The weights of every layer and head under which the best hypotheses are read.

        They are layers x heads times as many as `predict` gives: for a few sentences. Nothing for a
        model that has them not.
        """
        inputs = _inputs({"source": batch["source"], "target": output["tokens"][:, 0]})
        _, weights = self.model.apply({"params": state.averaged}, *inputs, weights=True)
        return {name: weights[name] for name in HEADS.values() if name in weights}

    def ensemble_with(
        self, others: Sequence["Translation"], states: Sequence[State]
    ) -> tuple["Translation", State]:
        """The task of this model and others that vote on every token, and their common state.

        Args:
          others: tasks of the other members, whose `decode` has no effect.
          states: of this task and of the others.

        Raises:
          UserError: their vocabularies are not the same.
        """
        ours = self.sentences.source_tokenizer, self.sentences.target_tokenizer
        for number, other in enumerate(others, start=2):
            theirs = other.sentences.source_tokenizer, other.sentences.target_tokenizer
            for side, one, another in zip(("source", "target"), ours, theirs, strict=True):
                if one != another:
                    raise UserError(
                        f"model {number} of the ensemble has another {side} vocabulary than the "
                        "first: train both on the same data with the same tokenizer"
                    )
        # Copies, since one module may serve two tasks, and a member has its own parameters.
        members = tuple(task.model.clone() for task in (self, *others))
        task = Translation(
            Ensemble(members), self.sentences, self._config, self._optimizer, self._dictionary
        )
        params = {f"members_{n}": state.averaged for n, state in enumerate(states)}
        return task, states[0].replace(params=params, opt_state={}, ema=None)

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """BLEU, chrF, exact match, AER where alignments are known; BLEU and AER by length.

        With `decode.posterior` also AER after the word.
        """
        metrics, self.notes = self._reader.score(split, outputs)
        return metrics

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """Source, prediction, score, alignment; reference, chrF and further hypotheses, if any.

        Of given targets also the score per token; of local attention the centre of each window.
        """
        return self._reader.describe(split, outputs)

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """Attention maps of a few sentences from short to long, and BLEU by source length."""
        return self._reader.pictures(split, outputs, metrics)

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """Attention of a few sentences, from short to long."""
        return self._reader.maps(split, outputs)


def _inputs(batch: Batch) -> tuple[Array, Array, Array]:
    """Source, its mask, and the target shifted right behind BOS."""
    source, target = jnp.asarray(batch["source"]), jnp.asarray(batch["target"])
    inputs = jnp.concatenate([jnp.full_like(target[:, :1], BOS), target[:, :-1]], axis=1)
    return source, source != PAD, inputs


def _cross_entropy(logits: Array, target: Array, smoothing: float) -> tuple[Array, Array, Array]:
    """(smoothed sum, plain sum, count) over the real target tokens."""
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    real = target != PAD
    plain = -jnp.take_along_axis(log_probs, target[..., None], axis=-1)[..., 0]
    smoothed = (1 - smoothing) * plain - smoothing * log_probs.mean(-1) if smoothing else plain
    return (smoothed * real).sum(), (plain * real).sum(), real.sum()
