"""How good translations and alignments are: plain functions of text and links, on the host.

A link (i, j) says that source word i and target word j, both counted from 0, translate each other.
"""

import itertools
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from attention_jax.typing import Float

Link = tuple[int, int]

LENGTH_EDGES = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90)
FEWEST = 5
"""Sentences that a range of lengths has at least: of one alone the score says nothing."""


class CorpusScores(NamedTuple):
    """Scores of a whole set of translations, and how they were computed."""

    metrics: dict[str, float]
    """`bleu` and `chrf` in 0..100, `exact_match` in 0..1."""
    signatures: dict[str, str]
    """sacreBLEU's signature of `bleu` and of `chrf`, to be printed with them."""


def corpus_scores(hypotheses: Sequence[str], references: Sequence[str]) -> CorpusScores:
    """BLEU (13a, case kept), chrF and the share of translations equal to their reference.

    Args:
      hypotheses: detokenised translations.
      references: one for each.

    Raises:
      ValueError: there are none, or not as many of one as of the other.

    Post 2018, "A Call for Clarity in Reporting BLEU Scores"; Popović 2015 for chrF.
    """
    _require_pairs(hypotheses, references)
    # `force` only silences sacreBLEU's guess that a text which ends in " ." was left tokenised.
    bleu, chrf = BLEU(tokenize="13a", lowercase=False, force=True), CHRF()
    equal = [
        one.strip() == other.strip() for one, other in zip(hypotheses, references, strict=True)
    ]
    metrics = {
        "bleu": bleu.corpus_score(hypotheses, [references]).score,
        "chrf": chrf.corpus_score(hypotheses, [references]).score,
        "exact_match": sum(equal) / len(equal),
    }
    return CorpusScores(
        metrics, {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}
    )


def sentence_chrf(hypothesis: str, reference: str) -> float:
    """ChrF of one translation, in 0..100 and rounded: what tells good examples from bad ones.

    Popović 2015.
    """
    return round(CHRF().sentence_score(hypothesis, [reference]).score, 1)


def by_source_length(
    hypotheses: Sequence[str],
    references: Sequence[str],
    source_lengths: Sequence[int],
    edges: Sequence[int] = LENGTH_EDGES,
) -> dict[str, float]:
    """BLEU of the sentences of each range of source lengths.

    Args:
      hypotheses: detokenised translations.
      references: one for each.
      source_lengths: words of each source.
      edges: ascending, in words; a range includes its lower edge and excludes its upper one.

    Returns:
      `bleu/length_0_10` ... in 0..100, and `bleu/length_90_up` for lengths from the last edge on;
      a range of fewer than `FEWEST` sentences is left out.
    """
    _require_pairs(hypotheses, references)
    scores = {}
    for name, inside in _ranges(source_lengths, edges).items():
        some = [hypotheses[n] for n in inside], [references[n] for n in inside]
        scores[f"bleu/{name}"] = corpus_scores(*some).metrics["bleu"]
    return scores


def _ranges(lengths: Sequence[int], edges: Sequence[int]) -> dict[str, list[int]]:
    """Which sentences lie in each range of lengths that has enough: "length_0_10" -> [0, 3]."""
    found = {}
    for low, high in [*itertools.pairwise(edges), (edges[-1], None)]:
        inside = [
            n
            for n, length in enumerate(lengths)
            if low <= length and (high is None or length < high)
        ]
        if len(inside) >= FEWEST:
            found[f"length_{low}_{'up' if high is None else high}"] = inside
    return found


def alignment_error_rate(
    links: Sequence[Collection[Link]],
    sure: Sequence[Collection[Link]],
    possible: Sequence[Collection[Link]] | None = None,
) -> float:
    """Alignment error rate of a whole set of sentence pairs, in 0..1; 0 is best.

        AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|)

    Args:
      links: A, the links found, one collection a sentence pair.
      sure: S, the links that must be found.
      possible: P, the links that may be found; what is sure is always possible too. None: no
        others.

    Returns:
      The rate; 0 where there is nothing to find and nothing was found.

    Raises:
      ValueError: not as many sentence pairs of one as of the other.

    Och and Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models", eq. 20.
    """
    hits = total = 0
    for found, must, may in zip(links, sure, sure if possible is None else possible, strict=True):
        a, s = set(found), set(must)
        hits += len(a & s) + len(a & (s | set(may)))
        total += len(a) + len(s)
    return 1 - hits / total if total else 0.0


def alignment_by_source_length(
    links: Sequence[Collection[Link]],
    sure: Sequence[Collection[Link]],
    source_lengths: Sequence[int],
    edges: Sequence[int] = LENGTH_EDGES,
    *,
    name: str = "aer",
) -> dict[str, float]:
    """Alignment error rate of the sentences of each range of source lengths.

    Args:
      links: found, one collection a sentence pair.
      sure: gold, likewise.
      source_lengths: words of each source.
      edges: see `by_source_length`.
      name: of the metric.

    Returns:
      `{name}/length_0_10` ... in 0..1; a range of fewer than `FEWEST` sentences
      is left out.
    """
    return {
        f"{name}/{part}": alignment_error_rate(
            [links[n] for n in inside], [sure[n] for n in inside]
        )
        for part, inside in _ranges(source_lengths, edges).items()
    }


def links_from_weights(
    weights: Float[np.ndarray, "queries keys"],
    source_words: Sequence[int],
    target_words: Sequence[int],
) -> set[Link]:
    """The source word that each target word attended to most.

    A word may be several tokens: the weights of all its tokens on all of the source word's are
    added up. Tokens that belong to no word (end of sentence, white space) take no part, and
    neither do rows and columns beyond the tokens given (padding).

    Args:
      weights: attention of each target token over the source tokens, in 0..1.
      source_words: for each source token the number of its word, or -1.
      target_words: for each target token the number of its word, or -1.

    Returns:
      One link for each target word; none where the source has no word.

    Raises:
      ValueError: there are more tokens than weights.
    """
    source, target = np.asarray(source_words, int), np.asarray(target_words, int)
    if len(target) > weights.shape[0] or len(source) > weights.shape[1]:
        raise ValueError(
            f"weights of shape {weights.shape} cannot align {len(source)} source tokens "
            f"with {len(target)} target tokens"
        )
    if not (source >= 0).any():
        return set()
    of_source = source[:, None] == np.arange(source.max() + 1)
    of_target = target == np.arange(target.max(initial=-1) + 1)[:, None]
    mass = of_target @ weights[: len(target), : len(source)].astype(np.float64) @ of_source
    # A number that no token carries must not win where all weights are zero.
    mass = np.where(of_source.any(axis=0), mass, -1)
    return {(int(mass[j].argmax()), j) for j in np.flatnonzero(of_target.any(axis=1)).tolist()}


def _require_pairs(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(
            f"{len(hypotheses)} translations cannot be scored by {len(references)} references"
        )
