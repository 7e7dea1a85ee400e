"""An unknown word gives way to the source word that was looked at, and no other word does."""

import numpy as np

from attention_jax.data.tokenizers import BOS, EOS, PAD, UNK, WordTokenizer
from attention_jax.tasks.translation_unknown import replaced

TARGET = WordTokenizer.train(["la maison de, ."])
SOURCE = "the house of Zork."
# Words of the source: the, house, of, Zork, ￭. and then the end of sentence and padding.
TOKENS = [*TARGET.encode("la maison de"), UNK, EOS, PAD]


def weights(*attended):
    found = np.zeros((len(attended), 7), np.float32)
    found[np.arange(len(attended)), attended] = 1
    return found


def replace(attended, tokens=TOKENS, source=SOURCE, translate=str):
    return replaced(tokens, weights(*attended), source, TARGET, translate)


def test_the_most_attended_word_is_copied_and_known_words_stay():
    assert replace([0, 1, 2, 3, 5, 6]) == "la maison de Zork"


def test_joiner_marks_of_a_copied_word_are_kept():
    assert replace([0, 1, 2, 4, 5, 6]) == "la maison de."


def test_a_dictionary_has_its_say():
    assert replace([0, 1, 2, 3, 5, 6], translate={"Zork": "Zorque"}.get) == "la maison de Zorque"


def test_what_is_no_word_is_never_copied():
    found = weights(0, 1, 2, 5, 5, 6)  # The end of sentence got the most.
    found[3, 1] = 0.25
    assert replaced(TOKENS, found, SOURCE, TARGET, str) == "la maison de house"


def test_unknown_words_after_the_end_are_never_replaced():
    tokens = [BOS, UNK, EOS, UNK, PAD, PAD]
    assert replace([0, 3, 5, 1, 6, 6], tokens) == "Zork"


def test_a_source_without_words_leaves_nothing_to_copy():
    assert replaced([UNK, EOS], np.ones((2, 3)), "", TARGET, str) == "<unk>"
