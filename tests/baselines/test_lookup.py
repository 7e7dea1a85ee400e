"""Word by word: the most frequent translation, in the source's order."""

import pytest

from attention_jax.baselines import ibm1, lookup

SOURCES = [["blue", "house"], ["blue", "book"], ["the", "blue", "cat"]]
TARGETS = [["Haus", "blau"], ["Buch", "blau"], ["blaue", "Katze"]]
LINKS = [{(0, 1), (1, 0)}, {(0, 1), (1, 0)}, {(1, 0), (2, 1)}]


def test_each_word_becomes_its_most_frequent_translation_in_place():
    table = lookup.from_links(SOURCES, TARGETS, LINKS)
    assert table.translate(["blue", "cat", "blue"]) == ["blau", "Katze", "blau"]


def test_a_word_never_linked_is_left_out_and_one_never_seen_is_copied():
    table = lookup.from_links(SOURCES, TARGETS, LINKS)
    assert table.translate(["the", "zebra", "house"]) == ["zebra", "Haus"]
    assert table.translate([]) == []


def test_equal_counts_never_depend_on_the_order_of_the_data():
    sources, targets, links = [["a"], ["a"]], [["y"], ["x"]], [{(0, 0)}, {(0, 0)}]
    for order in (1, -1):
        table = lookup.from_links(sources[::order], targets[::order], links[::order])
        assert table.translate(["a"]) == ["x"]


def test_the_dictionary_of_model_1_knows_every_source_word():
    table = lookup.from_model1(ibm1.train(SOURCES, TARGETS, iterations=10))
    assert table.translate(["house", "book", "zebra"]) == ["Haus", "Buch", "zebra"]
    assert set(table.translations) == {"the", "blue", "house", "book", "cat"}


def test_links_of_other_sentences_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        lookup.from_links(SOURCES, TARGETS, LINKS[:1])
