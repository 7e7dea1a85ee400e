from collections import Counter

from attention_jax.data.examples import Examples, joined

PAIRS = Examples([f"s{n}" for n in range(200)], [f"t{n}" for n in range(200)], [set()] * 200, "all")


def test_every_pair_stands_in_one_joined_pair():
    made = joined(PAIRS, 4, seed=0)
    assert sorted(" ".join(made.sources).split()) == sorted(PAIRS.sources)
    assert [source.replace("s", "t") for source in made.sources] == made.targets
    assert (made.links, made.report) == (None, "all")


def test_joined_pairs_are_of_one_to_so_many():
    lengths = Counter(len(source.split()) for source in joined(PAIRS, 4, seed=0).sources)
    assert set(lengths) == {1, 2, 3, 4}


def test_the_seed_draws_who_stands_together():
    assert joined(PAIRS, 4, seed=1) == joined(PAIRS, 4, seed=1) != joined(PAIRS, 4, seed=2)
    assert sorted(joined(PAIRS, 1, seed=1).sources) == sorted(PAIRS.sources)
