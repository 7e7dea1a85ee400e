"""Copying and reversal: what must be known of random symbols for the comparison to be fair."""

from collections import Counter

import ml_collections
import pytest

from attention_jax.data import words
from attention_jax.data.corpora import make_corpus
from attention_jax.data.sequences import LENGTHS, LONG, SequenceCorpus, solve
from attention_jax.errors import UserError

SPLITS = ("train", "validation", "test", "test_long")


def config(name="copying", seed=0, **sizes):
    default = {"train_size": 2_000, "validation_size": 300, "test_size": 300, "long_size": 40}
    return ml_collections.ConfigDict({"name": name, "seed": seed, **default, **sizes})


def split(name, corpus=None):
    return (corpus or SequenceCorpus(config())).examples(name)


@pytest.mark.parametrize("task", ["copying", "reversal"])
def test_every_link_joins_equal_symbols_and_none_is_left_out(task, tmp_path):
    examples = make_corpus(config(task), tmp_path).examples("test")
    for source, target, links in zip(
        examples.sources, examples.targets, examples.links, strict=True
    ):
        ours, theirs = words.split(source), words.split(target)
        assert {i for i, _ in links} == {j for _, j in links} == set(range(len(ours)))
        assert all(ours[i] == theirs[j] for i, j in links)
        assert target == (source if task == "copying" else source[::-1])


def test_the_first_symbol_of_a_reversal_is_the_last_of_its_source():
    assert solve("reversal", "a b c") == ("c b a", {(0, 2), (1, 1), (2, 0)})
    assert solve("copying", "a b") == ("a b", {(0, 0), (1, 1)})


def test_no_source_is_ever_in_two_splits():
    sources = [set(split(name).sources) for name in SPLITS]
    assert sum(map(len, sources)) == len(set().union(*sources))


def test_lengths_are_alike_often_and_only_test_long_is_longer():
    counts = Counter(len(source.split()) for source in split("train").sources)
    assert (min(counts), max(counts)) == LENGTHS
    expected = 2_000 / len(counts)
    assert all(expected / 2 < count < 2 * expected for count in counts.values())
    lengths = [len(source.split()) for source in split("test_long").sources]
    assert LONG[0] <= min(lengths) <= max(lengths) <= LONG[1]


def test_the_seed_decides_all_and_the_task_nothing_but_the_target():
    assert split("train") == split("train")
    assert split("train").sources != split("train", SequenceCorpus(config(seed=1))).sources
    reversal = SequenceCorpus(config("reversal"))
    assert split("test").sources == split("test", reversal).sources


def test_the_number_of_sequences_never_changes_those_drawn_before():
    more = split("test", SequenceCorpus(config(test_size=400)))
    assert more.sources[:300] == split("test").sources


def test_the_hash_knows_the_task_the_seed_and_the_sizes():
    made = [config(), config("reversal"), config(seed=1), config(test_size=5)]
    assert len({SequenceCorpus(each).hash() for each in made}) == len(made)
    assert SequenceCorpus(config()).hash() == SequenceCorpus(config()).hash()


def test_a_split_without_a_sequence_is_refused():
    with pytest.raises(UserError, match=r"config\.data\.long_size is 0: copying needs 1 or more"):
        SequenceCorpus(config(long_size=0))
