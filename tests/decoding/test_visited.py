"""Nothing is pointed at twice, and an answer ends where it may, whichever way of decoding."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.decoding.toy import start, step, tables

from attention_jax.decoding import (
    allowed_along,
    ascending_triples,
    beam_search,
    greedy,
    sample,
    unvisited,
)

INPUTS, BATCH, TIME = 4, 6, 7
# The end, the start and what stands after the end are one position.
POSITIONS = {"bos": 0, "eos": 0, "pad": 0}
COUNTS = np.array([4, 3, 2, 1, 0, 4])
ELEMENTS = np.arange(INPUTS) < COUNTS[:, None]
WAYS = ("greedy", "sample", "beam")


def constraint(kind, elements):
    if kind == "triples":
        return ascending_triples(elements)
    return unvisited(elements, {"tours": elements.shape[1], "hulls": 3}[kind])


@functools.cache
def decoded(kind):
    """All ways of decoding, from one program."""

    @jax.jit
    def decode(table, elements):
        options = {"max_length": TIME, "constraint": constraint(kind, elements), **POSITIONS}
        keys = jax.random.split(jax.random.key(0), BATCH)
        # Of 90 beams none is ever dropped, but among triples.
        few, many = start(BATCH, 3, TIME), start(BATCH, 90, TIME)
        return {
            "greedy": greedy(step, table, start(BATCH, 1, TIME), **options),
            "sample": sample(step, table, few, keys, samples=3, **options),
            "beam": beam_search(step, table, many, beams=90, n_best=3, **options),
        }

    return jax.tree.map(np.asarray, decode(tables(0, BATCH, INPUTS + 1), jnp.array(ELEMENTS)))


def answers(kind, way):
    """(example, the positions said with the end, log-probability) of all there are."""
    found = decoded(kind)[way]
    for example, place in itertools.product(range(BATCH), range(found.tokens.shape[1])):
        if found.log_probs[example, place] > -np.inf:
            length = found.lengths[example, place]
            tokens = tuple(found.tokens[example, place].tolist())
            assert not any(tokens[length:])
            yield example, tokens[:length], found.log_probs[example, place]


@pytest.mark.parametrize("way", WAYS)
def test_a_tour_never_misses_an_element_nor_comes_to_one_twice(way):
    said = list(answers("tours", way))
    assert {example for example, _, _ in said} == set(range(BATCH))
    for example, positions, _ in said:
        *tour, end = positions
        assert end == 0
        assert sorted(tour) == list(range(1, COUNTS[example] + 1))


@pytest.mark.parametrize("way", WAYS)
def test_a_polygon_never_has_fewer_corners_than_three_where_there_are_three(way):
    for example, positions, _ in answers("hulls", way):
        *corners, end = positions
        assert end == 0
        assert len(set(corners)) == len(corners) >= min(3, COUNTS[example])
        assert set(corners) <= set(range(1, COUNTS[example] + 1))


@pytest.mark.parametrize("way", WAYS)
def test_triples_always_ascend_and_are_always_whole(way):
    for example, positions, _ in answers("triples", way):
        ended = positions[-1] == 0
        said = positions[:-1] if ended else positions
        whole = [said[n : n + 3] for n in range(0, len(said) // 3 * 3, 3)]
        assert ended == (len(said) % 3 == 0)
        assert all(a < b < c for a, b, c in whole)
        assert whole or COUNTS[example] < 3
        assert set(said) <= set(range(1, COUNTS[example] + 1))


def log_prob(table, positions):
    total, before, last = 0.0, 0, 0
    for position in positions:
        total, before, last = total + table[before, last, position], last, position
    return total


@pytest.mark.parametrize("kind", ["tours", "hulls"])
def test_a_search_that_sees_everything_finds_the_best_allowed_and_is_never_worse_than_greedy(kind):
    table = np.asarray(tables(0, BATCH, INPUTS + 1), np.float64)
    best = {}
    for example, positions, total in answers(kind, "beam"):
        best.setdefault(example, (positions, total))
    for example, count in enumerate(COUNTS):
        sizes = range(count if kind == "tours" else min(3, count), count + 1)
        allowed = [
            (*order, 0)
            for size in sizes
            for order in itertools.permutations(range(1, count + 1), size)
        ]
        likeliest = max(allowed, key=functools.partial(log_prob, table[example]))
        positions, total = best[example]
        assert positions == likeliest
        np.testing.assert_allclose(total, log_prob(table[example], likeliest), rtol=1e-5)
    for example, _, total in answers(kind, "greedy"):
        assert best[example][1] >= total - 1e-5


def test_what_triples_allow_is_this_and_nothing_else():
    elements = jnp.array([[True, True, False, True, True], [True, True, False, False, False]])
    said = jnp.array([[1, 2, 4, 2, 4, 5, 0], [0, 0, 0, 0, 0, 0, 0]])
    allowed = allowed_along(ascending_triples(elements), (), said)
    np.testing.assert_array_equal(
        allowed[0].astype(int),
        [
            # The end, and elements 1 to 5, of which there is no third.
            [0, 1, 1, 0, 0, 0],
            [0, 0, 1, 0, 1, 0],  # after 1
            [0, 0, 0, 0, 1, 1],  # after 1, 2
            [1, 1, 1, 0, 0, 0],
            [0, 0, 0, 0, 1, 0],  # after 2
            [0, 0, 0, 0, 0, 1],  # after 2, 4
            [1, 1, 1, 0, 0, 0],
        ],
    )
    np.testing.assert_array_equal(allowed[1, 0], [True, *[False] * 5])


def test_the_chances_of_all_tours_always_sum_to_one():
    tours = np.array([(*order, 0) for order in itertools.permutations(range(1, INPUTS + 1))])
    elements = jnp.ones((len(tours), INPUTS), bool)
    table = np.asarray(tables(1, 1, INPUTS + 1))[0]
    before = np.pad(tours, ((0, 0), (2, 0)))
    logits = table[before[:, :-2], before[:, 1:-1]]
    allowed = allowed_along(unvisited(elements, INPUTS), (), jnp.array(tours))
    log_probs = jax.nn.log_softmax(jnp.where(allowed, logits, -1e9))
    chosen = jnp.take_along_axis(log_probs, tours[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(jnp.exp(chosen.sum(-1)).sum(), 1, rtol=1e-5)
    np.testing.assert_array_equal(chosen[:, -2:], 0)  # The last city and the end were no choice.
