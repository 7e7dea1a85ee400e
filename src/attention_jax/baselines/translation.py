"""Translation without training a network: what a model must beat on the same split."""

from collections.abc import Callable
from typing import Protocol

from attention_jax.baselines import diagonal, ibm1, lookup
from attention_jax.data import words
from attention_jax.data.translation import Examples
from attention_jax.errors import UserError
from attention_jax.tasks.translation_metrics import (
    Link,
    alignment_error_rate,
    by_source_length,
    corpus_scores,
)

Metrics = dict[str, float]


class Corpus(Protocol):
    """Where the sentence pairs come from."""

    def examples(self, split: str) -> Examples: ...


def for_corpus(corpus: Corpus) -> dict[str, Callable[[str], Metrics]]:
    """Baseline -> its metrics on a split.

    lookup: each word's most frequent translation (by gold links where they are known, else by IBM
      model 1), in the source's order.
    ibm1: alignments of IBM model 1, 5 iterations over the training split.
    diagonal: alignments straight from the first pair of words to the last.
    """
    return {
        "lookup": lambda split: _lookup(corpus, split),
        "ibm1": lambda split: _ibm1(corpus, split),
        "diagonal": lambda split: _diagonal(corpus, split),
    }


def _lookup(corpus: Corpus, split: str) -> Metrics:
    sources, targets = _words(corpus.examples("train"))
    links = corpus.examples("train").links
    if links is None:
        table = lookup.from_model1(ibm1.train(sources, targets))
    else:
        table = lookup.from_links(sources, targets, links)
    test = corpus.examples(split)
    assert test.targets is not None
    asked, _ = _words(test)
    hypotheses = [words.join(table.translate(source)) for source in asked]
    lengths = list(map(len, asked))
    return corpus_scores(hypotheses, test.targets).metrics | by_source_length(
        hypotheses, test.targets, lengths
    )


def _ibm1(corpus: Corpus, split: str) -> Metrics:
    model = ibm1.train(*_words(corpus.examples("train")))
    return _aer(corpus, split, model.align)


def _diagonal(corpus: Corpus, split: str) -> Metrics:
    return _aer(corpus, split, lambda source, target: diagonal.align(len(source), len(target)))


def _aer(corpus: Corpus, split: str, align: Callable[[list[str], list[str]], set[Link]]) -> Metrics:
    examples = corpus.examples(split)
    if examples.links is None:
        raise UserError(f"the split {split!r} has no gold alignments to measure a baseline with")
    found = [align(*pair) for pair in zip(*_words(examples), strict=True)]
    return {"aer": alignment_error_rate(found, examples.links)}


def _words(examples: Examples) -> tuple[list[list[str]], list[list[str]]]:
    assert examples.targets is not None
    return [words.split(s) for s in examples.sources], [words.split(t) for t in examples.targets]
