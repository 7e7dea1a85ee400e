"""A map holds what was attended to, token by token, and no padding."""

import numpy as np
import pytest

from attention_jax.data.tokenizers import EOS, SentencePieceTokenizer, WordTokenizer
from attention_jax.tasks.translation_maps import attention_map

SOURCE, TARGET = WordTokenizer.train(["the red house"]), WordTokenizer.train(["la maison rouge"])
WEIGHTS = np.random.default_rng(0).uniform(size=(8, 9))
SAID = TARGET.encode("la maison rouge")


def draw(weights=WEIGHTS, said=SAID, links=None, source=SOURCE):
    return attention_map(source, TARGET, 5, "prediction", "the red house", said, weights, links)


def test_padding_is_cut_off_and_both_ends_of_sentence_are_kept():
    found = draw()
    assert found.queries == ["la", "maison", "rouge", "</s>"]
    assert found.keys == ["the", "red", "house", "</s>"]
    np.testing.assert_array_equal(found.weights, WEIGHTS[:4, :4])
    assert (found.example, found.title, found.kind) == (5, "the red house", "prediction")
    assert found.gold is None


def test_a_prediction_cut_at_its_longest_has_no_end_of_sentence():
    found = draw(WEIGHTS[:3])
    assert found.queries == ["la", "maison", "rouge"]
    assert found.weights.shape == (3, 4)


def test_gold_links_are_of_query_and_key_and_never_of_an_end():
    found = draw(links={(0, 0), (1, 2), (2, 1)})
    assert found.gold == [(0, 0), (1, 2), (2, 1)]
    assert found.words == ([0, 1, 2, -1], [0, 1, 2, -1])
    assert draw(links=set()).gold == []


def test_every_piece_of_a_linked_word_is_linked():
    pieces = SentencePieceTokenizer.train(["the red house", "the hut", "red"] * 9, 20)
    found = draw(np.ones((8, 40)), links={(2, 1)}, source=pieces)
    assert len(pieces.encode("the red house")) > 3
    linked = [found.keys[key] for query, key in found.gold]
    assert "".join(linked).replace("▁", "") == "house"
    assert {query for query, _ in found.gold} == {1}


@pytest.mark.parametrize("said", [[], [EOS]])
def test_an_empty_prediction_is_drawn(said):
    assert draw(said=said[:0]).queries == ["</s>"]
