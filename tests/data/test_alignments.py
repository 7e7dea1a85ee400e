"""Gold alignments: their tokens become our words, and no link is lost or invented on the way."""

import gzip

import pytest

from attention_jax.data import words
from attention_jax.data.alignments import read_alignments, written
from attention_jax.errors import UserError


def write(path, *lines):
    text = "".join("\t".join(line) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def pair(examples):
    (source,), (target,), (links,) = examples.sources, examples.targets, examples.links
    return source, target, links


@pytest.mark.parametrize("name", ["dev.tsv", "dev.tsv.gz"])
def test_tokens_of_one_word_keep_their_numbers(tmp_path, name):
    line = ("He , too , left .", "También él se fue .", "0-1 1-0 2-0 4-3 5-4")
    source, target, links = pair(read_alignments(write(tmp_path / name, line)))
    assert (source, target) == ("He, too, left.", "También él se fue.")
    assert links == {(0, 1), (1, 0), (2, 0), (4, 3), (5, 4)}


def test_punctuation_at_its_word_never_moves_a_word():
    tokens = ["(", "NOS", ")", "«", "¿", "Qué", "?", "»", ",", "a", "-", "b", ";", "45", "%", "."]
    text = written(tokens)
    assert text == "(NOS) «¿Qué?», a - b; 45 %."
    assert [words.join([word]) for word in words.split(text)] == tokens


@pytest.mark.parametrize(
    ("source", "target", "link", "expected"),
    [
        ("45%", "45%", "0-0", {(0, 0), (1, 1)}),  # as many words: one to one
        ("45%", "cuarenta", "0-0", {(0, 0), (1, 0)}),
        ("no", "aren't", "0-0", {(0, 0), (0, 1), (0, 2)}),
        ("NOS/NTR", "a%", "0-0", {(0, 0), (1, 0), (2, 1)}),  # three and two: none twice as heavy
        ("of 45% here", "del 45 % aquí", "0-0 1-1 1-2 2-3", {(0, 0), (1, 1), (2, 1), (1, 2),
                                                              (2, 2), (3, 3)}),
    ],
)  # fmt: skip
def test_every_word_of_a_token_keeps_a_link(tmp_path, source, target, link, expected):
    _, _, links = pair(read_alignments(write(tmp_path / "a.tsv", (source, target, link))))
    assert links == expected


def test_the_other_direction_is_the_same_pairs_turned_round(tmp_path):
    path = write(tmp_path / "a.tsv", ("a b", "c d e", "0-2 1-0"))
    assert pair(read_alignments(path)) == ("a b", "c d e", {(0, 2), (1, 0)})
    assert pair(read_alignments(path, swapped=True)) == ("c d e", "a b", {(2, 0), (0, 1)})


def test_a_pair_may_have_no_link(tmp_path):
    assert pair(read_alignments(write(tmp_path / "a.tsv", ("a", "b", "")))) == ("a", "b", set())


@pytest.mark.parametrize(
    "line",
    [
        ("a", "b"),
        ("a", "b", "0-0", "more"),
        ("a", "b", "0:0"),
        ("a", "b", "0-1"),
        ("a", "b", "x-0"),
    ],
)
def test_a_line_that_is_no_alignment_is_named(tmp_path, line):
    path = write(tmp_path / "a.tsv", ("a", "b", "0-0"), line)
    with pytest.raises(UserError, match=r"line 2 of .*a\.tsv is no word alignment"):
        read_alignments(path)
