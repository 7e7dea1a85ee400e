"""Attention of a translation as plain data: tokens, weights, and gold links between tokens."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from attention_jax.data.tokenizers import BOS, EOS, NO_WORD, Tokenizer
from attention_jax.tasks.protocol import AttentionMap
from attention_jax.tasks.translation_metrics import Link

HEADS = {"cross": "cross_heads", "encoder": "encoder", "decoder": "decoder"}
"""Kind of attention -> the name under which a model gives every layer's and head's weights,
[batch, layers, heads, queries, keys]."""


def attention_map(
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    example: int,
    kind: str,
    source: str,
    target: Sequence[int],
    weights: np.ndarray,
    links: Collection[Link] | None,
) -> AttentionMap:
    """One sentence's map, its padding cut off, both ends of sentence included.

    Args:
      source_tokenizer: of the keys.
      target_tokenizer: of the queries.
      example: its place in the split's order.
      kind: which of the example's maps this is.
      source: the sentence.
      target: tokens without an end of sentence.
      weights: [queries, keys] or larger; without a row for the end where the target was cut off.
      links: gold links between the words of source and target, or None.
    """
    keys = [*source_tokenizer.encode(source), EOS]
    weights = np.asarray(weights)[: len(target) + 1, : len(keys)]
    queries = [*target, EOS][: len(weights)]
    words = target_tokenizer.word_of(queries), source_tokenizer.word_of(keys)
    return AttentionMap(
        example,
        source,
        kind,
        target_tokenizer.tokens(queries),
        source_tokenizer.tokens(keys),
        weights,
        ("target", "source"),
        words,
        None if links is None else _between_tokens(links, *words),
    )


def _between_tokens(
    links: Collection[Link], queries: Sequence[int], keys: Sequence[int]
) -> list[tuple[int, int]]:
    """(query, key) of every two tokens whose words are linked."""
    return [
        (q, k)
        for q, target in enumerate(queries)
        for k, source in enumerate(keys)
        if NO_WORD not in (source, target) and (source, target) in links
    ]


class Side(NamedTuple):
    """The tokens along one side of a map."""

    name: str
    labels: list[str]
    words: list[int]

    def cut(self, length: int) -> "Side":
        """The first so many tokens."""
        return Side(self.name, self.labels[:length], self.words[:length])


class Heads(NamedTuple):
    """What every layer and head of one kind attends to in one sentence pair."""

    kind: str
    weights: np.ndarray
    """[layers, heads, queries, keys], padding cut off."""
    queries: Side
    keys: Side

    def maps(self, example: int, title: str) -> Iterator[AttentionMap]:
        """A map each: "cross layer 2 head 3"."""
        labels = self.queries.labels, self.keys.labels
        names, words = (self.queries.name, self.keys.name), (self.queries.words, self.keys.words)
        for layer, of_layer in enumerate(self.weights, start=1):
            for head, weights in enumerate(of_layer, start=1):
                kind = f"{self.kind} layer {layer} head {head}"
                yield AttentionMap(example, title, kind, *labels, weights, names, words)


def heads(
    source_tokenizer: Tokenizer,
    target_tokenizer: Tokenizer,
    source: str,
    target: Sequence[int],
    row: Mapping[str, np.ndarray],
) -> list[Heads]:
    """The heads of one sentence pair that `row` holds the weights of, by the names of `HEADS`.

    A row of the decoder's own attention belongs to the token that is chosen there, as in the
    others; what it may read are the tokens before that, the first of them the begin of sentence.
    """
    of_source = _side("source", source_tokenizer, [*source_tokenizer.encode(source), EOS])
    of_target = _side("target", target_tokenizer, [*target, EOS])
    before = _side("earlier target", target_tokenizer, [BOS, *target])
    sides = {
        "cross": (of_target, of_source),
        "encoder": (of_source, of_source),
        "decoder": (of_target, before),
    }
    found = []
    for kind, (queries, keys) in sides.items():
        if HEADS[kind] in row:
            # Where the target was cut off there is no row for its end.
            weights = np.asarray(row[HEADS[kind]])
            weights = weights[:, :, : len(queries.labels), : len(keys.labels)]
            rows, columns = weights.shape[2:]
            found.append(Heads(kind, weights, queries.cut(rows), keys.cut(columns)))
    return found


def _side(name: str, tokenizer: Tokenizer, tokens: Sequence[int]) -> Side:
    return Side(name, tokenizer.tokens(tokens), tokenizer.word_of(tokens))
