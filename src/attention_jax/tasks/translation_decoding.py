"""What `config.decode` asks of a translation's decoding: the search, its limits, its mistakes."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import ml_collections

from attention_jax.data.tokenizers import BOS, EOS
from attention_jax.decoding import (
    Constraint,
    Coverage,
    Hypotheses,
    Step,
    beam_search,
    greedy,
    sample,
    within,
)
from attention_jax.errors import UserError
from attention_jax.typing import Array, PyTree

COPY, DICTIONARY = "copy", "dictionary"
"""What `decode.unknown` may be, beside "": see `tasks.translation_unknown`."""

_Mistakes = Iterator[tuple[bool, str]]


def check(
    decode: ml_collections.ConfigDict,
    target_vocab: int,
    by_words: bool,
    attends: Callable[[], bool],
    knows_posterior: bool,
) -> None:
    """Refuses what cannot be decoded, before anything is compiled.

    Args:
      decode: `config.decode`.
      target_vocab: entries of the target vocabulary.
      by_words: both tokenizers cut text into words.
      attends: whether the model has attention weights; asked only where they are needed.
      knows_posterior: whether the model can say where a word came from once it is known.

    Raises:
      UserError: for the first mistake.
    """
    every = (_of_search(decode, target_vocab), _of_sampling(decode), _of_lengths(decode))
    for mistakes in (*every, _of_attention(decode, by_words, attends, knows_posterior)):
        for made, sentence in mistakes:
            if made:
                raise UserError(f"config.decode.{sentence}")


def _of_search(decode: ml_collections.ConfigDict, target_vocab: int) -> _Mistakes:
    beams, n_best = decode.beams, decode.n_best
    yield beams < 1, f"beams is {beams}: search with 1 (greedy) or more"
    yield n_best < 1, f"n_best is {n_best}: ask for 1 or more"
    yield (
        decode.sample and beams > 1,
        f"sample is on and beams is {beams}: draw (beams 1) or search (sample False)",
    )
    yield (
        n_best > beams and not decode.sample,
        f"n_best is {n_best} and beams is {beams}: search with at least as many beams",
    )
    yield (
        beams > target_vocab,
        f"beams is {beams} and the target vocabulary has {target_vocab} entries: search with at "
        "most as many beams",
    )


def _of_sampling(decode: ml_collections.ConfigDict) -> _Mistakes:
    yield (
        decode.temperature <= 0,
        f"temperature is {decode.temperature}: give more than 0 (sample False is greedy)",
    )
    yield decode.top_k < 0, f"top_k is {decode.top_k}: draw from 1 or more tokens, or 0 for all"
    yield (
        not 0 < decode.top_p <= 1,
        f"top_p is {decode.top_p}: give a probability above 0 and up to 1, which keeps all",
    )


def _of_lengths(decode: ml_collections.ConfigDict) -> _Mistakes:
    least, most = decode.min_length, decode.max_length
    yield most < 1, f"max_length is {most}: allow 1 token or more"
    yield least < 0, f"min_length is {least}: give 0 for none"
    yield (
        decode.extra_length < 0,
        f"extra_length is {decode.extra_length}: give 0 for no such limit",
    )
    yield (
        least > most,
        f"min_length is {least} and max_length is {most}: no translation has both",
    )


def _of_attention(
    decode: ml_collections.ConfigDict,
    by_words: bool,
    attends: Callable[[], bool],
    knows_posterior: bool,
) -> _Mistakes:
    coverage, unknown = decode.coverage_penalty, decode.unknown
    yield (
        unknown not in ("", COPY, DICTIONARY),
        f"unknown is {unknown!r}: choose {COPY} or {DICTIONARY}, or leave it empty",
    )
    yield coverage < 0, f"coverage_penalty is {coverage}: give 0 for none, or more"
    yield (
        bool(coverage) and (decode.beams == 1 or decode.sample),
        f"coverage_penalty is {coverage} without a beam to rank by it: set beams to 2 or more",
    )
    yield (
        bool(unknown) and not by_words,
        f"unknown is {unknown!r}, but subwords and characters spell every word out: leave it empty "
        "(only a word tokenizer has unknown words to replace)",
    )
    needs = f"unknown is {unknown!r}" if unknown else f"coverage_penalty is {coverage}"
    yield (
        bool(coverage or unknown) and not attends(),
        f"{needs}, which needs attention weights, and this model has none: leave it out",
    )
    yield (
        decode.posterior and not (knows_posterior and attends()),
        "posterior is on, which needs a single soft attention over the source, as RNNsearch, Luong "
        "and Britz have (all members of an ensemble): set it to False",
    )


def search(
    decode: ml_collections.ConfigDict,
    step: Step,
    memory: PyTree,
    start: Callable[[int], PyTree],
    source_mask: Array,
    target_vocab: int,
    keys: Callable[[], Array],
) -> Hypotheses:
    """Decodes as `config.decode` says.

    Args:
      decode: `config.decode`, checked.
      step: of the model, with the weights "cross" among its extras where it has attention.
      memory: of the sources.
      start: number of hypotheses an example -> the first carry.
      source_mask: [batch, source].
      target_vocab: entries of the target vocabulary.
      keys: a random key an example [batch]; asked only for samples.
    """
    limits: dict[str, Any] = {
        "max_length": decode.max_length,
        "bos": BOS,
        "eos": EOS,
        "constraint": _lengths(decode, source_mask, target_vocab),
    }
    if decode.sample:
        chosen = {name: decode[name] for name in ("temperature", "top_k", "top_p")}
        carry = start(decode.n_best)
        return sample(step, memory, carry, keys(), samples=decode.n_best, **chosen, **limits)
    if decode.beams == 1:
        return greedy(step, memory, start(1), **limits)
    coverage = None
    if decode.coverage_penalty:
        coverage = Coverage(
            decode.coverage_penalty, lambda extras: extras["cross"], lambda source: source_mask
        )
    return beam_search(
        step,
        memory,
        start(decode.beams),
        beams=decode.beams,
        alpha=decode.length_penalty,
        n_best=decode.n_best,
        coverage=coverage,
        **limits,
    )


def _lengths(
    decode: ml_collections.ConfigDict, source_mask: Array, target_vocab: int
) -> Constraint | None:
    """Both limits count the end of sentence, as the source's length does; None for no limits."""
    least, extra = decode.min_length, decode.extra_length
    if not least and not extra:
        return None
    most = None
    if extra:
        # A short source never forbids what min_length demands.
        most = jnp.maximum(source_mask.sum(-1) + extra, least)
    return within(least, most, eos=EOS, vocab=target_vocab)
