"""Scores of captions against values worked out by hand, COCO's own code and naive loops."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.tasks.captioning_metrics import (
    cider_d,
    corpus_bleu,
    corpus_scores,
    rouge_l,
)

SAID = [
    "a man rides a brown horse on the beach",
    "two dogs play with a red ball",
    "a cat sits on the mat",
    "there is one tower with a yellow block at the base",
]
RIGHT = [
    ["a man riding a horse on the beach", "a person rides a brown horse near the sea"],
    ["two dogs are playing with a ball", "two brown dogs play in the grass", "dogs and a red ball"],
    ["a cat is on the mat"],
    ["there is a tower with a yellow block at the base", "one tower has a yellow base"],
]
# Of SAID and RIGHT, by pycocoevalcap 1.2 (COCO's evaluation code).
COCO_BLEU = [0.9696969696382004, 0.8958280174732023, 0.7276069518712417, 0.5986077237746973]
COCO_ROUGE = [0.8323586744639376, 0.7625, 0.8333333333333334, 0.9090909090909091]
COCO_CIDER = [3.7533439520581933, 2.4025980601932417, 3.921909955205521, 4.594744709445633]


def test_all_scores_are_those_of_cocos_code():
    metrics, _ = corpus_scores(SAID, RIGHT)
    for order, score in enumerate(COCO_BLEU, start=1):
        assert metrics[f"bleu{order}"] == pytest.approx(100 * score, rel=1e-6)
    assert [rouge_l(*pair) for pair in zip(SAID, RIGHT, strict=True)] == pytest.approx(COCO_ROUGE)
    assert cider_d(SAID, RIGHT) == pytest.approx(COCO_CIDER)
    assert metrics["rouge_l"] == pytest.approx(100 * np.mean(COCO_ROUGE))
    assert metrics["cider"] == pytest.approx(np.mean(COCO_CIDER))
    assert metrics["exact_match"] == 0


def test_captions_equal_to_their_only_reference_have_the_full_mark():
    metrics, notes = corpus_scores(SAID, [[text] for text in SAID])
    full = {"bleu1": 100, "bleu2": 100, "bleu3": 100, "bleu4": 100, "rouge_l": 100, "cider": 10}
    assert metrics == pytest.approx(full | {"exact_match": 1})
    assert "tok:none|smooth:none" in notes["bleu4"]
    assert "4 images" in notes["cider"]


def test_one_of_several_references_is_enough_to_be_exact():
    metrics, _ = corpus_scores([RIGHT[0][1], RIGHT[1][2], "a", "b"], RIGHT)
    assert metrics["exact_match"] == 1 / 2


def test_bleu_is_the_geometric_mean_of_precisions():
    # 5/6 unigrams, 4/5 bigrams, 3/4 trigrams, 2/3 fourgrams.
    scores, _ = corpus_bleu(["a three left of a seven"], [["a three left of a nine"]])
    products = np.cumprod([5 / 6, 4 / 5, 3 / 4, 2 / 3])
    for order in range(1, 5):
        assert scores[f"bleu{order}"] == pytest.approx(100 * products[order - 1] ** (1 / order))


def test_bleu_is_of_the_corpus_and_short_captions_pay_for_the_nearest_reference():
    scores, _ = corpus_bleu(["a cat", "b"], [["a cat sat down", "a cat sat"], ["b"]])
    # 3 words said where the nearest references have 3 + 1.
    assert scores["bleu1"] == pytest.approx(100 * math.exp(1 - 4 / 3))
    assert scores["bleu4"] == 0


def test_punctuation_and_case_are_left_as_they_are():
    scores, _ = corpus_bleu(["a,b A"], [["a,b a"]])
    assert scores["bleu1"] == pytest.approx(50)


def test_rouge_by_hand():
    # The longest common subsequence is "a c d": P = 3/4, R = 3/5.
    p, r = 3 / 4, 3 / 5
    by_hand = (1 + 1.44) * p * r / (r + 1.44 * p)
    assert rouge_l("a b c d", ["a c d e f"]) == pytest.approx(by_hand)
    # P of the first reference, R of the second.
    assert rouge_l("a b", ["a b c d", "a"]) == pytest.approx(1)
    assert rouge_l("a", ["b"]) == rouge_l("", ["b"]) == rouge_l("a", [""]) == 0


def test_cider_by_hand():
    # 1-grams: cosine 1/sqrt(2), since idf is log 2 for all; no longer ones; one word too few.
    scores = cider_d(["a", "c d"], [["a b"], ["c d"]])
    assert scores[0] == pytest.approx(10 / 4 / math.sqrt(2) * math.exp(-1 / 72))
    assert scores[1] == pytest.approx(10 / 4 * 2)
    # What is said twice counts once where the reference has it once.
    twice = cider_d(["a a", "c d"], [["a b"], ["c d"]])[0]
    assert twice == pytest.approx(10 / 4 * 1 / (2 * math.sqrt(2)))


def test_what_stands_in_all_references_says_nothing():
    assert cider_d(["a b"] * 2, [["a b"]] * 2).tolist() == [0, 0]
    assert cider_d(["a b c d e"], [["a b c d e"]]).tolist() == [0]


def naive_common(one, other):
    """By all subsequences."""
    for size in range(min(len(one), len(other)), 0, -1):
        if {*combinations(one, size)} & {*combinations(other, size)}:
            return size
    return 0


def naive_cider(hypotheses, references):
    """With vectors over all n-grams of the corpus."""

    def grams(text, n):
        words = text.split()
        return Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))

    scores = []
    for said, of_image in zip(hypotheses, references, strict=True):
        total = 0.0
        for right in of_image:
            for n in range(1, 5):
                every = sorted(grams(said, n) | grams(right, n))
                found = [sum(any(g in grams(t, n) for t in r) for r in references) for g in every]
                idf = np.array([math.log(len(references) / max(1, df)) for df in found])
                ours, theirs = (
                    np.array([grams(text, n)[g] for g in every]) * idf for text in (said, right)
                )
                norms = np.linalg.norm(ours) * np.linalg.norm(theirs)
                if norms:
                    delta = len(said.split()) - len(right.split())
                    cosine = np.minimum(ours, theirs) @ theirs / norms
                    total += cosine * math.exp(-(delta**2) / 72) / 4 / len(of_image)
        scores.append(10 * total)
    return scores


texts = st.lists(st.sampled_from("abcd"), min_size=1, max_size=7).map(" ".join)
corpora = st.lists(
    st.tuples(texts, st.lists(texts, min_size=1, max_size=3)), min_size=1, max_size=4
)


@given(texts, texts)
def test_rouge_agrees_with_the_enumeration_of_subsequences(said, right):
    common = naive_common(said.split(), right.split())
    p, r = common / len(said.split()), common / len(right.split())
    expected = (1 + 1.44) * p * r / (r + 1.44 * p) if common else 0
    assert rouge_l(said, [right]) == pytest.approx(expected)


@given(corpora)
def test_cider_agrees_with_vectors_over_the_whole_corpus(corpus):
    said, right = zip(*corpus, strict=True)
    np.testing.assert_allclose(cider_d(said, right), naive_cider(said, right), atol=1e-9)


@given(corpora, st.randoms())
def test_the_order_of_images_and_of_references_changes_nothing(corpus, random):
    before = corpus_scores(*zip(*corpus, strict=True)).metrics
    shuffled = [(said, random.sample(right, len(right))) for said, right in corpus]
    random.shuffle(shuffled)
    assert corpus_scores(*zip(*shuffled, strict=True)).metrics == pytest.approx(before)


@given(corpora)
def test_scores_never_leave_their_ranges(corpus):
    metrics = corpus_scores(*zip(*corpus, strict=True)).metrics
    tops = {"exact_match": 1, "cider": 10}
    for name, value in metrics.items():
        assert -1e-9 <= value <= tops.get(name, 100) + 1e-9


@pytest.mark.parametrize("pair", [([], []), (["a"], []), (["a"], [[]]), (["a"], [["a"], ["b"]])])
def test_what_cannot_be_paired_is_never_scored(pair):
    for score in (corpus_scores, corpus_bleu, cider_d):
        with pytest.raises(ValueError, match="cannot be scored"):
            score(*pair)
    with pytest.raises(ValueError, match="without a reference"):
        rouge_l("a", [])
