"""Translation: cross-entropy over target tokens; BLEU, exact match and alignment error rate."""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import linen as nn
from matplotlib.figure import Figure

from attention_jax.data import words
from attention_jax.data.tokenizers import BOS, EOS, PAD, Tokenizer
from attention_jax.data.translation import Examples, example_batch
from attention_jax.decoding import beam_search, greedy
from attention_jax.errors import UserError
from attention_jax.tasks import translation_metrics as scores
from attention_jax.tasks.protocol import (
    Across,
    AttentionMap,
    Aux,
    State,
    Update,
    dropout_key,
    one_optimizer_update,
)
from attention_jax.tasks.translation_maps import attention_map
from attention_jax.typing import Array, Batch, Metrics, Params, Rng
from attention_jax.viz.alignment import alignment_map
from attention_jax.viz.curves import by_length, length_curve

_PICTURED = 4
_MAPPED = 9  # Every second of them is one of the four.


class Sentences(Protocol):
    """What the task needs of its data: texts, and the way between texts and tokens."""

    @property
    def source_tokenizer(self) -> Tokenizer: ...

    @property
    def target_tokenizer(self) -> Tokenizer: ...

    @property
    def longest_trained(self) -> int | None:
        """Words of the longest source in training, where training data is at hand."""
        ...

    def examples(self, split: str) -> Examples: ...


class Translation:
    """A translation model and how it is trained, decoded and judged.

    Args:
      model: with the faces `__call__`, `encode`, `start` and `step`.
      sentences: texts and tokenizers.
      config: the experiment's; reads `loss` and `decode`, and `optimizer.ema` and `.accumulate`.
      optimizer: sees mean gradients.
    """

    main_metric = ("bleu", "max")

    def __init__(
        self,
        model: nn.Module,
        sentences: Sentences,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
    ):
        self.model = model
        self.sentences = sentences
        self.notes: dict[str, str] = {}
        """Metric -> how it was computed (sacreBLEU's signature), once `score` has run."""
        self._smoothing = config.loss.label_smoothing
        self._decode = config.decode
        self._optimizer = optimizer
        self._ema = bool(config.optimizer.ema)
        self.update: Update = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

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
        logits, _ = self.model.apply(
            {"params": params},
            *_inputs(batch),
            train=True,
            rngs={"dropout": dropout_key(rng, batch)},
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
        them: gold alignments belong to the reference, not to what the model would say.
        """
        variables = {"params": state.averaged}
        source = batch["source"]
        mask = source != PAD
        memory = self.model.apply(variables, source, mask, method="encode")

        def step(memory, carry, token, time):
            return self.model.apply(
                variables, memory, carry, token, time, weights=True, method="step"
            )

        options = self._decode
        if options.n_best > options.beams:
            raise UserError(
                f"config.decode.n_best is {options.n_best} and beams is {options.beams}: search "
                "with at least as many beams"
            )
        limits = {"max_length": options.max_length, "bos": BOS, "eos": EOS}
        carry = self.model.apply(
            variables, memory, options.beams, options.max_length, method="start"
        )
        if options.beams == 1:
            found = greedy(step, memory, carry, **limits)
        else:
            found = beam_search(
                step,
                memory,
                carry,
                beams=options.beams,
                alpha=options.length_penalty,
                n_best=options.n_best,
                **limits,
            )
        output = {"tokens": found.tokens, "scores": found.scores, **found.extras}
        if "target" in batch and found.extras:
            _, forced = self.model.apply(variables, *_inputs(batch), weights=True)
            output["forced"] = forced["cross"]
        return output

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """BLEU, chrF, exact match, AER where alignments are known; BLEU and AER by length."""
        examples = self.sentences.examples(split)
        assert examples.targets is not None
        rows = _rows(outputs)
        hypotheses = [self._text(rows[n]) for n in sorted(rows)]
        references = [examples.targets[n] for n in sorted(rows)]
        lengths = [len(words.split(examples.sources[n])) for n in sorted(rows)]
        corpus = scores.corpus_scores(hypotheses, references)
        self.notes = corpus.signatures
        metrics = corpus.metrics | scores.by_source_length(hypotheses, references, lengths)
        if examples.links is not None and "forced" in outputs[0]:
            found = [self._links(rows[n], examples, n) for n in sorted(rows)]
            gold = [examples.links[n] for n in sorted(rows)]
            metrics["aer"] = scores.alignment_error_rate(found, gold)
            metrics |= scores.alignment_by_source_length(found, gold, lengths)
        return metrics

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """Source, prediction, score, alignment; reference, chrF and further hypotheses, if any."""
        examples, rows = self.sentences.examples(split), _rows(outputs)
        records = []
        for n in sorted(rows):
            row, source = rows[n], examples.sources[n]
            record: dict[str, Any] = {"source": source, "prediction": self._text(row)}
            if examples.targets is not None:
                record["reference"] = examples.targets[n]
                record["chrf"] = scores.sentence_chrf(record["prediction"], record["reference"])
            record["score"] = float(row["scores"][0])
            if "cross" in row:
                links = self._attended(row["cross"][0], source, row["tokens"][0])
                record["alignment"] = " ".join(f"{i}-{j}" for i, j in sorted(links))
            unknown = self.sentences.source_tokenizer.unknown(source)
            if unknown:
                record["unknown"] = unknown
            if len(row["tokens"]) > 1:
                record["n_best"] = [
                    [self._text(row, rank), float(row["scores"][rank])]
                    for rank in range(len(row["tokens"]))
                ]
            records.append(record)
        return records

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """Attention maps of a few sentences from short to long, and BLEU by source length."""
        examples, rows = self.sentences.examples(split), _rows(outputs)
        figures: dict[str, Figure] = {}
        if "cross" in outputs[0]:
            for place, n in enumerate(_spread(rows, examples, _PICTURED)):
                figures[f"alignment_{place}"] = self._map(rows[n], examples, n)
        buckets = by_length(metrics, "bleu")
        if buckets:
            figures["length"] = length_curve(
                {split: buckets}, metric="BLEU", longest_trained=self.sentences.longest_trained
            )
        return figures

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """Attention of a few sentences, from short to long.

        Gold alignments belong to the reference: where the model says something else, a second map
        holds the weights under which it reads the reference.
        """
        if "cross" not in outputs[0]:
            return []
        examples, rows = self.sentences.examples(split), _rows(outputs)
        places = {n: place for place, n in enumerate(sorted(rows))}
        tokenizers = self.sentences.source_tokenizer, self.sentences.target_tokenizer
        maps = []
        for n in _spread(rows, examples, _MAPPED):
            row, source, gold, reference = rows[n], examples.sources[n], None, None
            said = _spoken(row["tokens"][0])
            if examples.targets is not None and examples.links is not None:
                gold, reference = examples.links[n], tokenizers[1].encode(examples.targets[n])
            of_said = (*tokenizers, places[n], "prediction", source, said, row["cross"][0])
            maps.append(attention_map(*of_said, gold if said == reference else None))
            if reference is not None and said != reference:
                of_reference = (*tokenizers, places[n], "reference", source, reference)
                maps.append(attention_map(*of_reference, row["forced"], gold))
        return maps

    def _map(self, row: Batch, examples: Examples, n: int) -> Figure:
        source = self.sentences.source_tokenizer.encode(examples.sources[n])
        tokenizer, target = self.sentences.target_tokenizer, _spoken(row["tokens"][0])
        weights = row["cross"][0][: len(target) + 1, : len(source) + 1]
        return alignment_map(
            weights,
            self.sentences.source_tokenizer.tokens([*source, EOS]),
            tokenizer.tokens([*target, EOS])[: len(weights)],
        )

    def _text(self, row: Batch, rank: int = 0) -> str:
        return self.sentences.target_tokenizer.decode(row["tokens"][rank].tolist())

    def _links(self, row: Batch, examples: Examples, n: int) -> set[tuple[int, int]]:
        assert examples.targets is not None
        target = self.sentences.target_tokenizer.encode(examples.targets[n])
        return self._attended(row["forced"], examples.sources[n], target)

    def _attended(self, weights: np.ndarray, source: str, target) -> set[tuple[int, int]]:
        tokens = self.sentences.source_tokenizer.encode(source)
        target = _spoken(target)
        return scores.links_from_weights(
            weights,
            self.sentences.source_tokenizer.word_of(tokens),
            self.sentences.target_tokenizer.word_of(target),
        )


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


def _rows(outputs: list[Batch]) -> dict[int, Batch]:
    """The outputs of single examples by their number in the split."""
    return {
        int(n): {name: rows[place] for name, rows in output.items() if name != "index"}
        for output in outputs
        for place, n in enumerate(output["index"])
    }


def _spoken(tokens) -> list[int]:
    """The tokens before the first EOS."""
    tokens = list(map(int, tokens))
    return tokens[: tokens.index(EOS)] if EOS in tokens else [t for t in tokens if t != PAD]


def _spread(rows: dict[int, Batch], examples: Examples, count: int) -> list[int]:
    """A few examples from the shortest to the longest; all of them when a user gave them."""
    if examples.targets is None:
        return sorted(rows)
    by_length = sorted(rows, key=lambda n: (len(examples.sources[n]), n))
    places = np.linspace(0, len(by_length) - 1, min(count + 2, len(by_length))).round()
    return [by_length[int(p)] for p in places][1:-1] or by_length
