"""Tokenizers: nothing is lost on the way there and back, nothing broken is loaded."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.data import words
from attention_jax.data.spans import words_of_pieces
from attention_jax.data.tokenizers import (
    BOS,
    EOS,
    NO_WORD,
    PAD,
    SPECIAL,
    UNK,
    CharacterTokenizer,
    SentencePieceTokenizer,
    Tokenizer,
    WordTokenizer,
)
from attention_jax.errors import UserError

TEXTS = [
    "Sunday, November 22, 2026",
    "l’heure d’été (14:30), vingt-trois États-Unis…",
    "the cat sat; the cat\u202fsat 3rd on the mat!",
    "½ km² < / >",
]
SIZES = {WordTokenizer: None, CharacterTokenizer: None, SentencePieceTokenizer: 70}


def trained(kind):
    return kind.train(TEXTS, SIZES[kind])


@pytest.fixture(scope="module", params=SIZES, ids=lambda kind: kind.__name__)
def tokenizer(request) -> Tokenizer:
    return trained(request.param)


def test_the_special_entries_have_the_numbers_everyone_counts_on(tokenizer):
    assert (PAD, BOS, EOS, UNK) == (0, 1, 2, 3)
    assert tokenizer.tokens(range(4)) == list(SPECIAL)


@pytest.mark.parametrize("text", TEXTS)
def test_no_character_is_lost_there_and_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert all(UNK < n < tokenizer.size for n in ids)
    assert tokenizer.decode(ids) == words.normalise(text)
    assert tokenizer.unknown(text) == []


@given(st.text(alphabet="thecasmo ,’-…½1é\n", max_size=30))
def test_no_text_of_known_characters_is_changed_beyond_its_spaces(text):
    for kind in (CharacterTokenizer, SentencePieceTokenizer):
        tokenizer = KNOWN[kind]
        assert tokenizer.decode(tokenizer.encode(text)) == words.normalise(text)


KNOWN = {kind: trained(kind) for kind in SIZES}


def test_decoding_stops_at_the_end_and_skips_padding(tokenizer):
    ids = tokenizer.encode("the cat")
    assert tokenizer.decode([BOS, *ids, EOS, *ids, PAD]) == "the cat"
    assert tokenizer.decode(np.array([*ids, EOS, PAD], np.int32)) == "the cat"
    assert tokenizer.decode([]) == ""
    assert tokenizer.encode(" \n") == []


@pytest.mark.parametrize("text", TEXTS)
def test_every_word_has_a_token_and_tokens_go_through_the_words_in_order(tokenizer, text):
    ids = tokenizer.encode(text)
    numbers = tokenizer.word_of([BOS, *ids, EOS, *ids, PAD])
    assert numbers[0] == NO_WORD
    assert set(numbers[len(ids) + 1 :]) == {NO_WORD}
    found = [n for n in numbers if n != NO_WORD]
    assert found == sorted(found)
    # A subword may span two words and counts for the first: ask the others for all.
    if not isinstance(tokenizer, SentencePieceTokenizer):
        assert sorted(set(found)) == list(range(len(words.split(text))))


def test_the_pieces_of_a_word_belong_to_it():
    text = "the cat, sat"
    characters, pieces = KNOWN[CharacterTokenizer], KNOWN[SentencePieceTokenizer]
    assert characters.word_of(characters.encode(text)) == [
        *(0, 0, 0, NO_WORD),
        *(1, 1, 1, 2, NO_WORD),
        *(3, 3, 3),
    ]
    ids = pieces.encode(text)
    by_word = ["", "", "", ""]
    for token, word in zip(pieces.tokens(ids), pieces.word_of(ids), strict=True):
        by_word[word] += token.replace("▁", "")
    assert by_word == ["the", "cat", ",", "sat"]


def test_pieces_that_are_not_in_normal_form_stay_with_their_word():
    assert words_of_pieces(["a", " ", "e", "\u0301", "x", " b"]) == [0, NO_WORD, 1, 1, 1, 2]
    assert words_of_pieces(["ab c", "d", "", " "]) == [0, 1, NO_WORD, NO_WORD]
    assert words_of_pieces([]) == []


def test_unknown_pieces_are_kept_for_the_report():
    text = "the fog, ζ"
    assert KNOWN[WordTokenizer].unknown(text) == ["fog", "ζ"]
    assert KNOWN[CharacterTokenizer].unknown(text) == ["f", "ζ"]
    assert KNOWN[SentencePieceTokenizer].unknown(text) == ["f", "ζ"]
    assert KNOWN[WordTokenizer].decode(KNOWN[WordTokenizer].encode(text)) == "the <unk>, <unk>"
    assert KNOWN[CharacterTokenizer].decode(KNOWN[CharacterTokenizer].encode("ζa")) == "\ufffda"
    for tokenizer in KNOWN.values():
        assert tokenizer.encode("ζ")[-1] == UNK
        assert tokenizer.word_of(tokenizer.encode("the ζ"))[-1] == 1


def test_tokens_are_shown_without_marks_that_fonts_lack():
    ids = KNOWN[WordTokenizer].encode("l’heure, the")
    assert KNOWN[WordTokenizer].tokens(ids) == ["l", "’", "heure", ",", "the"]
    assert KNOWN[CharacterTokenizer].tokens(KNOWN[CharacterTokenizer].encode("a t")) == [*"a␣t"]


def test_a_text_that_spells_the_end_never_ends_the_sentence(tokenizer):
    assert EOS not in tokenizer.encode("the </s> cat")


def test_the_most_frequent_words_are_kept():
    tokenizer = WordTokenizer.train(["b a c b", "a d b"], 6)
    assert tokenizer.size == 6
    assert tokenizer.tokens([4, 5]) == ["b", "a"]
    assert WordTokenizer.train(["b a c b", "a d b"], min_count=2).size == 6


def test_the_same_text_always_gives_the_same_pieces():
    saved = [SentencePieceTokenizer.train(TEXTS * 50, 70) for _ in range(2)]
    assert saved[0].encode("the mat on 22") == saved[1].encode("the mat on 22")
    unigram = SentencePieceTokenizer.train(TEXTS, 49, model="unigram")
    assert unigram.decode(unigram.encode(TEXTS[1])) == TEXTS[1]


def test_a_tokenizer_survives_its_file(tokenizer, tmp_path):
    path = tokenizer.save(tmp_path / "new folder", "source")
    again = type(tokenizer).load(tmp_path / "new folder", "source")
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert again.size == tokenizer.size
    assert all(again.encode(text) == tokenizer.encode(text) for text in [*TEXTS, "ζ dog"])


def refused(call, *args, **kwargs):
    with pytest.raises(UserError) as error:
        call(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_missing_file_is_named(tokenizer, tmp_path):
    assert str(tmp_path / "source.") in refused(type(tokenizer).load, tmp_path, "source")


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_damaged_file_is_named_never_loaded(tokenizer, tmp_path, keep):
    path = tokenizer.save(tmp_path, "source")
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    assert str(path) in refused(type(tokenizer).load, tmp_path, "source")


@pytest.mark.parametrize(
    "content", ["[]", '{"tokenizer": "word"}', '{"tokenizer": "word", "entries": [1]}', '"\ud800"']
)
def test_json_that_is_no_vocabulary_is_refused(tmp_path, content):
    path = tmp_path / "source.json"
    path.write_text(content, errors="surrogatepass")
    assert str(path) in refused(WordTokenizer.load, tmp_path, "source")


def test_one_kind_of_tokenizer_is_never_loaded_as_another(tmp_path):
    KNOWN[WordTokenizer].save(tmp_path, "source")
    assert "source.json" in refused(CharacterTokenizer.load, tmp_path, "source")
    assert json.loads((tmp_path / "source.json").read_text())["tokenizer"] == "word"
    (tmp_path / "folder.json").mkdir()
    assert "folder.json cannot be read" in refused(WordTokenizer.load, tmp_path, "folder")


def test_a_vocabulary_of_the_wrong_size_is_refused_with_the_right_one(capfd):
    for model in ("bpe", "unigram"):
        for size, reason in ((5000, "too large"), (10, "too small")):
            refusal = refused(SentencePieceTokenizer.train, TEXTS, size, model=model)
            assert f"{size} subwords is {reason}" in refusal
            possible = int(re.findall(r"(\d+) or", refusal)[0])
            assert SentencePieceTokenizer.train(TEXTS, possible, model=model).size == possible
    for kind in SIZES:
        assert "4 has no room" in refused(kind.train, TEXTS, 4)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("texts", [[], ["", " \n"]])
def test_nothing_is_learned_from_no_text(texts):
    for kind, size in SIZES.items():
        assert "no text to learn" in refused(kind.train, texts, size)
