"""A dictionary learned once, and kept."""

import json

import pytest

from attention_jax.baselines.dictionary import Dictionary
from attention_jax.data.translation import Examples
from attention_jax.errors import UserError

SOURCES = ["the house", "the book", "a book", "the cat"] * 3
TARGETS = ["das Haus", "das Buch", "ein Buch", "das Tier"] * 3


class Corpus:
    """Pairs that are counted when they are read."""

    splits = ()

    def __init__(self, sources=SOURCES, targets=TARGETS):
        self.read = []
        self._pairs = Examples(sources, targets)

    def examples(self, split):
        self.read.append(split)
        return self._pairs

    def hash(self):
        return ""


def test_words_are_translated_and_unseen_ones_are_themselves():
    dictionary = Dictionary(Corpus())
    assert [dictionary(word) for word in ("house", "book", "Zork")] == ["Haus", "Buch", "Zork"]


def test_nothing_is_learned_before_it_is_needed_nor_twice(tmp_path):
    corpus = Corpus()
    dictionary = Dictionary(corpus, tmp_path)
    assert not list(tmp_path.iterdir())
    assert dictionary("house") == dictionary("house").strip() == "Haus"
    assert corpus.read == ["train"]
    assert json.loads((tmp_path / "dictionary.json").read_text("utf-8"))["house"] == "Haus"


def test_what_was_kept_needs_no_data(tmp_path):
    Dictionary(Corpus(), tmp_path)("house")
    later = Corpus()
    assert Dictionary(later, tmp_path)("cat") == "Tier"
    assert later.read == []


def test_joiner_marks_belong_to_the_words():
    corpus = Corpus(["no, no", "no", "so, no"], ["non; non", "non", "donc; non"])
    assert Dictionary(corpus)("￭,") == "￭;"


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 3}'])
def test_a_damaged_file_is_named(content, tmp_path):
    (tmp_path / "dictionary.json").write_text(content)
    with pytest.raises(UserError, match=r"dictionary\.json is not a whole dictionary: delete it"):
        Dictionary(Corpus(), tmp_path)("house")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        Dictionary(Corpus(), tmp_path / "file")("house")
