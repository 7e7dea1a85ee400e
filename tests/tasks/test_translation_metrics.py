"""Scores of translations and alignments against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.tasks.translation_metrics import (
    alignment_by_source_length,
    alignment_error_rate,
    by_source_length,
    corpus_scores,
    links_from_weights,
)

A = "the cat sat on the mat"
B = "a dog ran in the park"


def test_equal_texts_score_the_full_mark():
    metrics, signatures = corpus_scores([A, B], [A, B])
    assert metrics == {"bleu": pytest.approx(100), "chrf": pytest.approx(100), "exact_match": 1.0}
    assert "case:mixed|eff:no|tok:13a|smooth:exp" in signatures["bleu"]
    assert "nc:6|nw:0" in signatures["chrf"]


def test_bleu_is_the_geometric_mean_of_precisions():
    # 5/6 unigrams, 3/5 bigrams, 2/4 trigrams, 1/3 fourgrams.
    metrics, _ = corpus_scores(["the cat sat on a mat"], [A])
    assert metrics["bleu"] == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)
    assert metrics["exact_match"] == 0


def test_case_counts_and_a_tokenised_look_raises_no_warning():
    assert corpus_scores(["The cat ."] * 200, ["the cat ."] * 200).metrics["exact_match"] == 0


@pytest.mark.parametrize("texts", [([], []), ([A], [A, B])])
def test_what_cannot_be_paired_is_never_scored(texts):
    with pytest.raises(ValueError, match="cannot be scored"):
        corpus_scores(*texts)


def test_each_length_is_scored_in_its_own_range_and_ranges_of_a_few_are_left_out():
    lengths = [9, 10, 19, 95]
    scores = by_source_length(5 * [A, B, A, B] + [A], 5 * [A, A, A, B] + [A], [*5 * lengths, 35])
    assert list(scores) == ["bleu/length_0_10", "bleu/length_10_20", "bleu/length_90_up"]
    assert scores["bleu/length_0_10"] == pytest.approx(100)
    assert scores["bleu/length_10_20"] == pytest.approx(
        corpus_scores([B, A], [A, A]).metrics["bleu"]
    )
    assert list(by_source_length([A] * 5, [A] * 5, [4] * 5, edges=(0, 5))) == ["bleu/length_0_5"]


def test_the_error_rate_is_that_of_the_whole_corpus():
    found = [{(0, 0), (1, 2)}, {(0, 0), (1, 1)}]
    sure = [{(0, 0), (1, 1)}, {(0, 0)}]
    # |A and S| = 2, |A and P| = 2 without, 3 with the possible links; |A| + |S| = 7.
    assert alignment_error_rate(found, sure) == pytest.approx(1 - 4 / 7)
    possible = [{(1, 2)}, set()]
    assert alignment_error_rate(found, sure, possible) == pytest.approx(1 - 5 / 7)


def test_right_and_empty_alignments_have_no_error():
    assert alignment_error_rate([[(0, 0)]], [[(0, 0)]]) == 0
    assert alignment_error_rate([set()], [set()]) == 0
    assert alignment_error_rate([], []) == 0


def test_each_length_is_aligned_in_its_own_range_and_ranges_of_a_few_are_left_out():
    right, wrong = {(0, 0)}, {(1, 0)}
    found = 5 * [right, wrong, right] + [right]
    rates = alignment_by_source_length(found, 16 * [right], [*5 * [9, 20, 29], 35], name="late")
    assert rates == {"late/length_0_10": 0, "late/length_20_30": 0.5}


def test_alignments_of_other_sentences_are_never_compared():
    with pytest.raises(ValueError, match="longer"):
        alignment_error_rate([set()], [set(), set()])


links = st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)))


@given(st.lists(st.tuples(links, links), max_size=4))
def test_the_error_rate_stays_between_none_and_all(pairs):
    found, sure = [a for a, _ in pairs], [s for _, s in pairs]
    rate = alignment_error_rate(found, sure)
    assert 0 <= rate <= 1
    assert alignment_error_rate(found, sure, found) <= rate + 1e-12
    assert alignment_error_rate(sure, sure) == 0


def test_the_tokens_of_a_word_are_added_up():
    weights = np.array(
        [
            [0.4, 0.3, 0.3, 0.0],  # word 0: token by token it looks at source word 0
            [0.1, 0.3, 0.3, 0.3],  # word 0: together at word 1
            [0.1, 0.1, 0.1, 0.7],  # word 1: most at the end of sentence, then a tie: the first
            [0.0, 0.0, 0.0, 1.0],  # end of sentence
        ]
    )
    assert links_from_weights(weights, [0, 1, 1, -1], [0, 0, 1, -1]) == {(1, 0), (1, 1)}
    assert links_from_weights(weights[:, :3], [0, 1, 2], [0, 0, 1]) == {(1, 0), (0, 1)}


def test_padding_never_takes_part_in_an_alignment():
    weights = np.array([[0.2, 0.1, 0.9], [0.1, 0.2, 0.9], [0.9, 0.9, 0.9]], np.float32)
    assert links_from_weights(weights, [0, 1], [0, 1]) == {(0, 0), (1, 1)}


def test_words_without_a_token_are_never_linked():
    assert links_from_weights(np.zeros((2, 2)), [1, 3], [0, 2]) == {(1, 0), (1, 2)}
    assert links_from_weights(np.ones((2, 2)), [-1, -1], [0, 1]) == set()
    assert links_from_weights(np.ones((2, 2)), [0, 1], [-1, -1]) == set()
    assert links_from_weights(np.ones((0, 0)), [], []) == set()


def test_weights_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="cannot align 3 source tokens with 1 target"):
        links_from_weights(np.ones((1, 2)), [0, 1, 2], [0])
