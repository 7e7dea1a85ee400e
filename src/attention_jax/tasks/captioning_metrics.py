"""How good captions are: plain functions of texts, on the host, without Java.

A caption is a text of words with spaces between, in the form in which it is to be compared
(`data.captions.told.plain`); an image has one reference or more. METEOR is in `captioning_meteor`.
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sacrebleu.metrics import BLEU

ORDER = 4
"""Longest n-grams of BLEU and CIDEr-D."""
SIGMA = 6.0
"""Of CIDEr-D's penalty on lengths, in words."""
BETA = 1.2
"""How much more ROUGE-L weighs recall, as in COCO's evaluation code."""

_Ngram = tuple[str, ...]


class CaptionScores(NamedTuple):
    """Scores of the captions of a whole split, and how they were computed."""

    metrics: dict[str, float]
    """`bleu1` .. `bleu4` and `rouge_l` in 0..100, `cider` in 0..10, `exact_match` in 0..1."""
    notes: dict[str, str]
    """Metric -> what to print with it: sacreBLEU's signatures, CIDEr's corpus."""


def corpus_scores(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """BLEU-1 to BLEU-4, ROUGE-L, CIDEr-D and the share of captions equal to a reference of theirs.

    Args:
      hypotheses: a caption an image.
      references: of each image.

    Raises:
      ValueError: there are none, not as many of one as of the other, or an image has no reference.
    """
    _require_pairs(hypotheses, references)
    bleus, signatures = corpus_bleu(hypotheses, references)
    pairs = list(zip(hypotheses, references, strict=True))
    equal = [hypothesis in of_image for hypothesis, of_image in pairs]
    metrics = {
        **bleus,
        "rouge_l": 100 * float(np.mean([rouge_l(*pair) for pair in pairs])),
        "cider": float(np.mean(cider_d(hypotheses, references))),
        "exact_match": sum(equal) / len(equal),
    }
    corpus = f"CIDEr-D, document frequencies of the references of {len(pairs):,} images"
    return CaptionScores(metrics, {**signatures, "cider": corpus})


def corpus_bleu(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[dict[str, float], dict[str, str]]:
    """BLEU-1 to BLEU-4 in 0..100, and sacreBLEU's signature of each.

    BLEU-n is the geometric mean of the precisions of 1-grams to n-grams over the corpus, times the
    brevity penalty for the reference nearest in length. Without smoothing: where no n-gram is
    found, BLEU-n is 0. The texts' own spaces part words.

    Papineni 2002, by sacreBLEU.

    Raises:
      ValueError: as `corpus_scores`.
    """
    _require_pairs(hypotheses, references)
    # sacreBLEU wants streams: the first reference of each image, the second ..., None for none.
    streams = [list(stream) for stream in itertools.zip_longest(*references)]
    metrics, signatures = {}, {}
    for order in range(1, ORDER + 1):
        # `force` only silences its guess that a text was left tokenised.
        bleu = BLEU(max_ngram_order=order, tokenize="none", smooth_method="none", force=True)
        metrics[f"bleu{order}"] = bleu.corpus_score(hypotheses, streams).score
        signatures[f"bleu{order}"] = str(bleu.get_signature())
    return metrics, signatures


def rouge_l(hypothesis: str, references: Sequence[str]) -> float:
    """ROUGE-L of one caption, in 0..1: an F of the longest common subsequence L.

        P = max_r L(c, r) / |c|    R = max_r L(c, r) / |r|    F = (1 + b²) P R / (R + b² P)

    with b = `BETA`; P and R may be of different references.

    Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", with b and the maxima of
    COCO's evaluation code (Chen 2015).

    Raises:
      ValueError: there is no reference.
    """
    if not references:
        raise ValueError("a caption cannot be scored without a reference")
    said = hypothesis.split()
    precision = recall = 0.0
    for reference in map(str.split, references):
        common = _common_subsequence(said, reference)
        precision = max(precision, common / max(len(said), 1))
        recall = max(recall, common / max(len(reference), 1))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def cider_d(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """CIDEr-D of each caption, in 0..10, float64 [images].

        10 / 4 Σ_n mean_r exp(-(|c| - |r|)² / 2σ²) min(g_n(c), g_n(r)) · g_n(r) / |g_n(c)| |g_n(r)|

    for n of 1 to 4; g_n is the vector of a text's n-grams, each its count times the logarithm of
    the number of images over that of the images in whose references it is (at least 1). A caption
    equal to its only reference has 10, if for each n it has an n-gram that not all images have: so
    captions of three words have 7.5 at most, and those of one single image 0.

    Vedantam 2015, "CIDEr: Consensus-based Image Description Evaluation", with the clipping and the
    penalty of its §6; σ is `SIGMA`.

    Raises:
      ValueError: as `corpus_scores`.
    """
    _require_pairs(hypotheses, references)
    frequency = Counter(
        ngram
        for of_image in references
        for ngram in {ngram for text in of_image for ngram in _counts(text)}
    )
    images = math.log(len(references))

    def vector(text: str) -> "_Weighted":
        weights: list[dict[_Ngram, float]] = [{} for _ in range(ORDER)]
        for ngram, count in _counts(text).items():
            rarity = images - math.log(max(1, frequency[ngram]))
            weights[len(ngram) - 1][ngram] = count * rarity
        norms = [math.sqrt(sum(value**2 for value in of_n.values())) for of_n in weights]
        return _Weighted(weights, norms, len(text.split()))

    scores = []
    for hypothesis, of_image in zip(hypotheses, references, strict=True):
        ours = vector(hypothesis)
        scores.append(10 * float(np.mean([_likeness(ours, vector(text)) for text in of_image])))
    return np.array(scores)


class _Weighted(NamedTuple):
    """A text as vectors of its n-grams, one for each n."""

    weights: list[dict[_Ngram, float]]
    norms: list[float]
    length: int
    """In words."""


def _likeness(ours: _Weighted, theirs: _Weighted) -> float:
    """Mean over n of the clipped cosine, times the penalty on lengths; in 0..1."""
    total = 0.0
    for mine, other, norm, norm_of_other in zip(
        ours.weights, theirs.weights, ours.norms, theirs.norms, strict=True
    ):
        product = sum(min(mine[n], other[n]) * other[n] for n in mine.keys() & other.keys())
        if norm and norm_of_other:
            total += product / (norm * norm_of_other)
    return total / ORDER * math.exp(-((ours.length - theirs.length) ** 2) / (2 * SIGMA**2))


def _counts(text: str) -> Counter[_Ngram]:
    """How often each n-gram comes, for n of 1 to `ORDER`."""
    words = text.split()
    return Counter(
        tuple(words[start : start + n])
        for n in range(1, ORDER + 1)
        for start in range(len(words) - n + 1)
    )


def _common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest."""
    longest = [0] * (len(other) + 1)
    for word in one:
        before = 0  # Of the texts up to the words before both.
        for place, against in enumerate(other, start=1):
            above = longest[place]
            longest[place] = before + 1 if word == against else max(above, longest[place - 1])
            before = above
    return longest[-1]


def _require_pairs(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if not hypotheses or len(hypotheses) != len(references) or not all(references):
        raise ValueError(
            f"{len(hypotheses)} captions cannot be scored by the references of {len(references)} "
            "images: each needs one or more"
        )
