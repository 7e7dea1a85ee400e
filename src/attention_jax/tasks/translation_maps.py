"""Attention of a translation as plain data: tokens, weights, and gold links between tokens."""

from collections.abc import Collection, Sequence

import numpy as np

from attention_jax.data.tokenizers import EOS, NO_WORD, Tokenizer
from attention_jax.tasks.protocol import AttentionMap
from attention_jax.tasks.translation_metrics import Link


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
