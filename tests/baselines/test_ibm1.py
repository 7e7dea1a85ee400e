"""IBM model 1 against the loops of the paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.baselines import ibm1

SOURCES = [["the", "house"], ["the", "book"], ["a", "book"], ["the", "the", "cat"], []]
TARGETS = [["das", "Haus"], ["das", "Buch"], ["ein", "Buch"], ["das", "Tier", "das"], ["ach"]]


def naive(sources, targets, iterations):
    """t[source word, target word] by the loops of Koehn's textbook; "" is the empty word."""
    vocabulary = {word for target in targets for word in target}
    t = {}
    for source, target in zip(sources, targets, strict=True):
        t |= {(e, f): 1 / len(vocabulary) for e in ["", *source] for f in target}
    for _ in range(iterations):
        count, total = dict.fromkeys(t, 0.0), {}
        for source, target in zip(sources, targets, strict=True):
            for f in target:
                norm = sum(t[e, f] for e in ["", *source])
                for e in ["", *source]:
                    count[e, f] += t[e, f] / norm
                    total[e] = total.get(e, 0) + t[e, f] / norm
        t = {(e, f): count[e, f] / total[e] for e, f in t}
    return t


def assert_equal_to_naive(model, sources, targets, iterations):
    expected = naive(sources, targets, iterations)
    words, others = sorted({e for e, _ in expected} - {""}), sorted({f for _, f in expected})
    table = model.table(words, others)
    for column, e in enumerate(["", *words]):
        for row, f in enumerate(others):
            assert table[row, column] == pytest.approx(expected.get((e, f), 0), abs=1e-12)


@pytest.mark.parametrize("iterations", [0, 1, 5])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_the_arrays_never_differ_from_the_loops(monkeypatch, iterations, block):
    monkeypatch.setattr(ibm1, "BLOCK", block)
    model = ibm1.train(SOURCES, TARGETS, iterations=iterations)
    assert_equal_to_naive(model, SOURCES, TARGETS, iterations)


sentences = st.lists(st.sampled_from("abcde"), max_size=4)


@given(st.lists(st.tuples(sentences, sentences), max_size=5))
def test_any_corpus_gives_probabilities_and_never_less_likelihood(pairs):
    sources, targets = [["x"], *(s for s, _ in pairs)], [["y"], *(t for _, t in pairs)]
    model = ibm1.train(sources, targets, iterations=4)
    assert_equal_to_naive(model, sources, targets, 4)
    sums = np.bincount(model.pairs // len(model.target_numbers), model.probabilities)
    np.testing.assert_allclose(sums[sums > 0], 1)
    assert (np.diff(model.log_likelihoods) >= -1e-9).all()


def test_the_alignment_finds_who_translates_whom():
    model = ibm1.train(SOURCES, TARGETS, iterations=10)
    assert model.align(["a", "house"], ["Haus", "ein"]) == {(1, 0), (0, 1)}
    assert model.best_translations() == {
        "the": "das",
        "house": "Haus",
        "book": "Buch",
        "a": "ein",
        "cat": "Tier",
    }


def test_words_never_seen_are_linked_to_nothing():
    model = ibm1.train(SOURCES, TARGETS)
    assert model.align(["zebra"], ["Haus", "Zebra"]) == set()
    assert model.align(["house"], ["Zebra"]) == set()
    assert model.align([], ["Haus"]) == set()
    assert model.align(["house"], []) == set()
    assert not model.table(["zebra"], ["Haus", "Zebra"])[:, 1].any()


def test_a_sample_is_the_same_each_time_and_no_larger_than_asked():
    one, other = (ibm1.train(SOURCES * 3, TARGETS * 3, most=2, seed=1) for _ in range(2))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert len(one.source_numbers) <= 5
    everything = ibm1.train(SOURCES, TARGETS, most=100)
    assert everything.source_numbers == ibm1.train(SOURCES, TARGETS).source_numbers


@pytest.mark.parametrize(("sources", "targets"), [([], []), ([["a"]], [[]]), ([["a"]], [])])
def test_nothing_is_learned_from_nothing(sources, targets):
    with pytest.raises(ValueError, match="align"):
        ibm1.train(sources, targets)
