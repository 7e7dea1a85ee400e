"""Splits: disjoint, the same everywhere, and what training lacks is what tests ask for."""

import dataclasses
import itertools
import os
import subprocess
import sys
from collections import Counter

import pytest

from attention_jax.data.cldr import (
    SPLITS,
    CldrConfig,
    generate,
    generator_hash,
    held_out,
    supported,
)
from attention_jax.data.cldr.compose import Composer, Rules, length, pair_key
from attention_jax.data.cldr.draw import Dice
from attention_jax.data.cldr.languages import pair
from attention_jax.data.cldr.splits import LONGEST, LONGEST_OF_ALL
from attention_jax.data.words import normalise, split
from attention_jax.errors import UserError

ANYTHING = Rules(lambda key: True)
CONFIG = CldrConfig(train=1000, validation=60, test=60, test_long=15)
SMALL = CldrConfig(train=150, validation=8, test=8, test_long=2)


@pytest.fixture(scope="module")
def made():
    return generate(CONFIG)


def words(examples):
    return (
        {word for example in examples for word in split(example.source)},
        {word for example in examples for word in split(example.target)},
    )


def test_no_phrase_is_in_two_splits_or_twice_in_one(made):
    sources = [example.source for examples in made.values() for example in examples]
    assert len(sources) == sum(getattr(CONFIG, name) for name in SPLITS) == len(set(sources))
    assert all(example.split == name for name, examples in made.items() for example in examples)


def test_every_word_of_a_test_was_seen_in_training(made):
    seen = words(made["train"])
    for name in SPLITS[1:]:
        assert all(new <= old for new, old in zip(words(made[name]), seen, strict=True))


def test_pairs_of_templates_held_out_never_come_in_training(made):
    def pairs(examples):
        names = [example.templates.split() for example in examples]
        return {pair_key(*two) for each in names for two in itertools.pairwise(each)}

    assert not any(map(held_out, pairs(made["train"])))
    assert any(map(held_out, pairs(made["test"])))


def test_numbers_and_dates_held_out_never_come_in_training():
    composer = Composer(pair("en", "fr"))
    kinds = Counter()
    for seed in range(150):
        trained = composer.phrase(Dice(seed), 30, Rules(lambda key: not held_out(key)))
        assert not any(map(held_out, trained.keys))
        free = composer.phrase(Dice(seed), 30, ANYTHING)
        kinds.update(kind for kind, value in free.keys if held_out((kind, value)))
    assert set(kinds) == {"number", "date", "pair"}


def test_one_in_ten_numbers_and_days_is_held_out():
    days = [("date", f"{month:02}-{day:02}") for month in range(1, 13) for day in range(1, 29)]
    numbers = [("number", str(number)) for number in range(1000)]
    for keys in (days, numbers):
        assert 0.06 < sum(map(held_out, keys)) / len(keys) < 0.14


def test_a_single_name_is_never_a_test(made):
    # It has no number, date or neighbour that could be held out.
    single = {e.templates for name in SPLITS[1:] for e in made[name] if " " not in e.templates}
    assert single
    assert not single & {"territory", "language", "city", "month", "weekday", "time"}


def test_a_split_depends_on_nothing_but_its_config():
    made = generate(SMALL)
    generate(dataclasses.replace(SMALL, source="fr", target="en", train=50))
    assert generate(SMALL) == made
    assert generate(SMALL, ("test",)) == {"test": made["test"]}


def test_another_process_with_other_hash_seed_makes_the_same():
    code = (
        f"from attention_jax.data.cldr import CldrConfig, generate;print(repr(generate({SMALL!r})))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert told.stdout.strip() == repr(generate(SMALL))


def test_another_seed_makes_other_phrases(made):
    other = generate(dataclasses.replace(CONFIG, train=300, seed=1), ("train",))["train"]
    assert len({e.source for e in other} & {e.source for e in made["train"]}) < 10


def test_lengths_fill_every_bucket_and_the_long_split_is_longer(made):
    def lengths(name):
        return [max(len(split(e.source)), len(split(e.target))) for e in made[name]]

    buckets = Counter((count - 1) // 10 for count in lengths("train"))
    assert set(buckets) == set(range(6))
    assert min(buckets.values()) > 0.08 * CONFIG.train
    assert max(map(max, map(lengths, SPLITS[:3]))) <= LONGEST == 60
    assert min(lengths("test_long")) > LONGEST
    assert max(lengths("test_long")) <= LONGEST_OF_ALL


def test_links_point_at_words_and_reach_nearly_every_target_word(made):
    linked = total = 0
    for example in (*made["test"], *made["test_long"]):
        source, target = split(example.source), split(example.target)
        links = [tuple(map(int, link.split("-"))) for link in example.alignment.split()]
        assert links == sorted(set(links))
        assert all(0 <= s < len(source) and 0 <= t < len(target) for s, t in links)
        linked += len({t for _, t in links})
        total += len(target)
    assert linked > 0.99 * total


def test_text_is_normalised(made):
    for examples in made.values():
        for example in examples:
            assert example.source == normalise(example.source)
            assert example.target == normalise(example.target)


def test_far_more_than_200_000_phrases_can_be_made():
    # Already chains of two clauses: the number of clauses, squared.
    composer = Composer(pair("en", "fr"))
    drawn = {composer.phrase(Dice(seed), 1, ANYTHING).piece.source for seed in range(1500)}
    assert len(drawn) ** 2 > 200_000
    # And of phrases as they are drawn, hardly one comes twice.
    phrases = [composer.phrase(Dice(seed), 25, ANYTHING).piece.source for seed in range(500)]
    assert len(set(phrases)) == len(phrases)


def test_phrases_have_about_the_length_asked_for():
    composer = Composer(pair("en", "fr"))
    for seed in range(100):
        wanted = 10 + seed % 50
        assert abs(length(composer.phrase(Dice(seed), wanted, ANYTHING).piece) - wanted) < 9


@pytest.mark.parametrize("languages", ["en de", "es fr", "de ru"])
def test_other_languages_work_as_well(languages):
    source, target = languages.split()
    made = generate(CldrConfig(source, target, train=200, validation=5, test=5, test_long=2))
    assert [len(made[name]) for name in SPLITS] == [200, 5, 5, 2]


@pytest.mark.parametrize("change", [{"train": 0}, {"test": -1}])
def test_impossible_sizes_are_told(change):
    with pytest.raises(UserError, match=f"{next(iter(change.values()))} phrases"):
        generate(dataclasses.replace(CONFIG, **change))


def test_a_few_training_phrases_are_enough_for_the_rest():
    made = generate(CldrConfig(train=20, validation=8, test=8, test_long=2))
    seen = words(made["train"])
    for name in SPLITS[1:]:
        assert all(new <= old for new, old in zip(words(made[name]), seen, strict=True))


def test_the_hash_tells_configs_apart():
    hashes = {
        generator_hash(CONFIG),
        *(
            generator_hash(dataclasses.replace(CONFIG, **change))
            for change in ({"seed": 1}, {"train": 1}, {"target": "de"}, {"test_long": 1})
        ),
    }
    assert len(hashes) == 5
    assert generator_hash(CONFIG) == generator_hash(dataclasses.replace(CONFIG))


def test_languages_are_named_in_order():
    assert list(supported()) == sorted(supported())
    assert not {"zh", "ja", "th"} & set(supported())
