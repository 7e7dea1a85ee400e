"""A split's decoded outputs as people read them: scores, records, pictures and maps."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure

from attention_jax.data import words
from attention_jax.data.tokenizers import EOS, PAD, UNK, Tokenizer, WordTokenizer
from attention_jax.data.translation import INPUT, Examples
from attention_jax.tasks import translation_metrics as scores
from attention_jax.tasks.protocol import AttentionMap, by_number
from attention_jax.tasks.translation_maps import Heads, attention_map, heads
from attention_jax.tasks.translation_unknown import replaced
from attention_jax.typing import Batch
from attention_jax.viz.alignment import alignment_map
from attention_jax.viz.beside import head_maps
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


class Reader:
    """Reads what `Translation.predict` and `examine` gave, a batch each, with a split's texts.

    The split `INPUT` is a user's. Where it has targets, they were given, not said: the outputs are
    of reading them.

    Args:
      sentences: texts and tokenizers.
      translate: what stands in for an unknown word, by the source word that it was read from; None
        leaves unknown words as they are.
    """

    def __init__(self, sentences: Sentences, translate: Callable[[str], str] | None = None):
        self.sentences = sentences
        self._translate = translate

    def score(self, split: str, outputs: list[Batch]) -> tuple[dict[str, float], dict[str, str]]:
        """BLEU, chrF, exact match, AER where alignments are known (after the word too, where there
        is `posterior`), BLEU and AER by length; and the signatures of BLEU and chrF.
        """
        examples = self.sentences.examples(split)
        assert examples.targets is not None
        rows = by_number(outputs)
        hypotheses = [self._text(rows[n], examples.sources[n]) for n in sorted(rows)]
        references = [examples.targets[n] for n in sorted(rows)]
        lengths = [len(words.split(examples.sources[n])) for n in sorted(rows)]
        corpus = scores.corpus_scores(hypotheses, references)
        metrics = corpus.metrics | scores.by_source_length(hypotheses, references, lengths)
        if examples.links is not None:
            gold = [examples.links[n] for n in sorted(rows)]
            for weights, name in (("forced", "aer"), ("posterior", "aer_posterior")):
                if weights in outputs[0]:
                    found = [self._links(rows[n][weights], examples, n) for n in sorted(rows)]
                    metrics[name] = scores.alignment_error_rate(found, gold)
                    metrics |= scores.alignment_by_source_length(found, gold, lengths, name=name)
        return metrics, corpus.signatures

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """Source, prediction, score, alignment and what else is known of each example."""
        examples, rows = self.sentences.examples(split), by_number(outputs)
        return [self._record(split, examples, n, rows[n]) for n in sorted(rows)]

    def _record(self, split: str, examples: Examples, n: int, row: Batch) -> dict[str, Any]:
        source, given = examples.sources[n], _is_given(split, examples)
        target = None if examples.targets is None else examples.targets[n]
        record: dict[str, Any] = {"source": source}
        record["prediction"] = target if given else self._text(row, source)
        if target is not None and not given:
            record["reference"] = target
            record["chrf"] = scores.sentence_chrf(record["prediction"], target)
        record["score"] = float(row["scores"][0])
        tokens = row["tokens"][0]
        if given:
            record["score_per_token"] = record["score"] / int((tokens != PAD).sum())
        if "cross" in row:
            links = self._attended(row["cross"][0], source, tokens)
            record["alignment"] = " ".join(f"{i}-{j}" for i, j in sorted(links))
        if "center" in row and split == INPUT:
            centers = row["center"][0][: len(_spoken(tokens)) + 1]
            record["centers"] = [round(float(center), 2) for center in centers]
        if unknown := self.sentences.source_tokenizer.unknown(source):
            record["unknown"] = unknown
        if given and (unknown := self.sentences.target_tokenizer.unknown(target or "")):
            record["unknown_target"] = unknown
        if len(row["tokens"]) > 1:
            ranks = range(len(row["tokens"]))
            record["n_best"] = [
                [self._text(row, source, rank), float(row["scores"][rank])] for rank in ranks
            ]
        return record

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """Attention maps of a few sentences from short to long, and BLEU by source length."""
        examples, rows = self.sentences.examples(split), by_number(outputs)
        figures: dict[str, Figure] = {}
        if "cross" in outputs[0]:
            for place, n in enumerate(_spread(split, rows, examples, _PICTURED)):
                figures[f"alignment_{place}"] = self._map(rows[n], examples.sources[n])
                for found in self._heads(rows[n], examples.sources[n]):
                    queries, keys = found.queries, found.keys
                    figures[f"{found.kind}_heads_{place}"] = head_maps(
                        found.weights, queries.labels, keys.labels, f"{queries.name} to {keys.name}"
                    )
        if buckets := by_length(metrics, "bleu"):
            figures["length"] = length_curve(
                {split: buckets}, metric="BLEU", longest_trained=self.sentences.longest_trained
            )
        return figures

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """Attention of a few sentences, from short to long; of a user's all, with every head.

        Gold alignments belong to the reference: where the model says something else, a second map
        holds the weights under which it reads the reference. Attention after the word is a further
        map of the reference.
        """
        if "cross" not in outputs[0]:
            return []
        examples, rows = self.sentences.examples(split), by_number(outputs)
        places = {n: place for place, n in enumerate(sorted(rows))}
        tokenizers = self.sentences.source_tokenizer, self.sentences.target_tokenizer
        kind = "given" if _is_given(split, examples) else "prediction"
        maps = []
        for n in _spread(split, rows, examples, _MAPPED):
            row, source, gold, reference = rows[n], examples.sources[n], None, None
            said = _spoken(row["tokens"][0])
            if examples.targets is not None and examples.links is not None:
                gold, reference = examples.links[n], tokenizers[1].encode(examples.targets[n])
            of_said = (*tokenizers, places[n], kind, source, said, row["cross"][0])
            maps.append(attention_map(*of_said, gold if said == reference else None))
            if reference is not None and said != reference:
                of_reference = (*tokenizers, places[n], "reference", source, reference)
                maps.append(attention_map(*of_reference, row["forced"], gold))
            if reference is not None and "posterior" in row:
                after = (*tokenizers, places[n], "reference, after the word", source, reference)
                maps.append(attention_map(*after, row["posterior"], gold))
            for found in self._heads(row, source):
                maps += found.maps(places[n], source)
        return maps

    def _heads(self, row: Batch, source: str) -> list[Heads]:
        tokenizers = self.sentences.source_tokenizer, self.sentences.target_tokenizer
        return heads(*tokenizers, source, _spoken(row["tokens"][0]), row)

    def _map(self, row: Batch, text: str) -> Figure:
        source = self.sentences.source_tokenizer.encode(text)
        tokenizer, target = self.sentences.target_tokenizer, _spoken(row["tokens"][0])
        weights = row["cross"][0][: len(target) + 1, : len(source) + 1]
        return alignment_map(
            weights,
            self.sentences.source_tokenizer.tokens([*source, EOS]),
            tokenizer.tokens([*target, EOS])[: len(weights)],
        )

    def _text(self, row: Batch, source: str, rank: int = 0) -> str:
        tokens, tokenizer = row["tokens"][rank].tolist(), self.sentences.target_tokenizer
        if self._translate is None or UNK not in tokens:
            return tokenizer.decode(tokens)
        assert isinstance(tokenizer, WordTokenizer)
        return replaced(tokens, row["cross"][rank], source, tokenizer, self._translate)

    def _links(self, weights: np.ndarray, examples: Examples, n: int) -> set[tuple[int, int]]:
        assert examples.targets is not None
        target = self.sentences.target_tokenizer.encode(examples.targets[n])
        return self._attended(weights, examples.sources[n], target)

    def _attended(self, weights: np.ndarray, source: str, target) -> set[tuple[int, int]]:
        tokens = self.sentences.source_tokenizer.encode(source)
        target = _spoken(target)
        return scores.links_from_weights(
            weights,
            self.sentences.source_tokenizer.word_of(tokens),
            self.sentences.target_tokenizer.word_of(target),
        )


def _is_given(split: str, examples: Examples) -> bool:
    return split == INPUT and examples.targets is not None


def _spoken(tokens) -> list[int]:
    """The tokens before the first EOS."""
    tokens = list(map(int, tokens))
    return tokens[: tokens.index(EOS)] if EOS in tokens else [t for t in tokens if t != PAD]


def _spread(split: str, rows: dict[int, Batch], examples: Examples, count: int) -> list[int]:
    """A few examples from the shortest to the longest; all of them when a user gave them."""
    if split == INPUT:
        return sorted(rows)
    by_length = sorted(rows, key=lambda n: (len(examples.sources[n]), n))
    places = np.linspace(0, len(by_length) - 1, min(count + 2, len(by_length))).round()
    return [by_length[int(p)] for p in places][1:-1] or by_length
