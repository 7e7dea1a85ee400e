"""Tours against all permutations, and what varying one may not change."""

import itertools

import numpy as np
import pytest

from attention_jax.data.pointing import Tours, held_karp, solver
from attention_jax.data.pointing.sets import draw
from attention_jax.data.pointing.tours import told, tour_length, varied
from attention_jax.errors import UserError

PROBLEM = Tours(5, 5)


def random_points(sets, cities, seed=0):
    return np.random.default_rng(seed).random((sets, cities, 2)).astype(np.float32)


def oracle_length(points, tour):
    stops = [points[n] for n in (*tour, tour[0])]
    return sum(
        ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5
        for (ax, ay), (bx, by) in itertools.pairwise(np.float64(stops))
    )


def shortest(points):
    others = itertools.permutations(range(1, len(points)))
    return min(oracle_length(points, (0, *rest)) for rest in others)


@pytest.mark.parametrize("cities", [3, 4, 6])
def test_no_tour_is_shorter_than_held_and_karps(cities):
    points = random_points(6, cities)
    for each, tour in zip(points, held_karp.held_karp(points), strict=True):
        assert sorted(tour) == list(range(cities))
        assert tour[0] == 0
        assert tour_length(each, tour) == pytest.approx(shortest(each))


def test_sets_beside_a_set_never_change_its_tour():
    points = random_points(held_karp._AT_ONCE + 3, 5)
    alone = np.concatenate([held_karp.held_karp(each[None]) for each in points[-4:]])
    np.testing.assert_array_equal(held_karp.held_karp(points)[-4:], alone)


def test_the_mean_of_optimal_tours_is_the_published_one():
    points, _ = draw(PROBLEM, 0, "test", 0, 2000)
    lengths = [tour_length(*pair) for pair in zip(points, held_karp.held_karp(points), strict=True)]
    # 2.12 (Vinyals 2015, Table 2), 2.125 over 100,000 sets; the mean of 2,000 strays by 0.01.
    assert np.mean(lengths) == pytest.approx(2.125, abs=0.02)


def test_sets_of_several_sizes_are_answered_in_their_order():
    sets = [random_points(1, cities, seed=cities)[0] for cities in (5, 3, 5, 4)]
    for points, tour in zip(sets, Tours(3, 5).solve(sets), strict=True):
        assert tour_length(points, tour) == pytest.approx(shortest(points))


def test_a_tour_is_told_from_city_0_counter_clockwise_and_is_the_same_ring():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for ring in ([0, 1, 2, 3], [3, 2, 1, 0]):
        for turn in range(4):
            assert told(square, np.roll(ring, turn)).tolist() == [0, 1, 2, 3]


def test_a_varied_tour_is_as_long_and_other_orders_and_reflections_are_drawn():
    points = random_points(1, 5)[0]
    (tour,) = PROBLEM.solve([points])
    words = np.random.default_rng(0).integers(2**64, size=(200, 6), dtype=np.uint64)
    first = []
    for row in words:
        other, other_tour = varied(points, tour, row)
        assert tour_length(other, other_tour) == pytest.approx(tour_length(points, tour))
        assert other_tour.tolist() == told(other, other_tour).tolist()
        assert 0 <= other.min() <= other.max() <= 1
        first.append(tuple(other[0].round(4)))
    # Eight symmetries of each of five cities that may come first.
    assert len(set(first)) == 40


def test_a_tour_that_misses_a_city_is_not_valid_and_has_no_length():
    points = random_points(1, 4)[0]
    (answer,) = Tours(4, 4).solve([points])
    for said in ([0, 1, 2], [0, 1, 2, 2], [0, 1, 2, 3, 3]):
        measured = PROBLEM.measure(points, np.array(said), answer)
        assert measured == {"validity": 0, "optimal": pytest.approx(shortest(points))}
    measured = PROBLEM.measure(points, np.array([2, 0, 3, 1]), None)
    assert measured == {
        "validity": 1,
        "tour_length": pytest.approx(oracle_length(points, [2, 0, 3, 1])),
    }


def test_the_gap_is_what_the_mean_length_is_above_the_mean_of_the_same_sets_optima():
    measured = [
        {"validity": 1.0, "tour_length": 3.0, "optimal": 2.0},
        {"validity": 1.0, "tour_length": 3.0, "optimal": 3.0},
        {"validity": 0.0, "optimal": 100.0},
    ]
    metrics, _ = PROBLEM.score(measured)
    assert metrics == {
        "validity": pytest.approx(2 / 3),
        "tour_length": 3,
        "tour_length/optimal": 2.5,
        "gap": pytest.approx(0.2),
    }
    assert PROBLEM.score([{"validity": 0.0, "optimal": 1.0}])[0] == {"validity": 0}


def test_a_solver_that_is_not_installed_is_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyvrp", None)
    with pytest.raises(UserError, match=r"pip install attention-jax\[tsp\]"):
        Tours(13, 13).solve(list(random_points(1, 13)))


def test_the_solvers_tour_of_ten_cities_is_the_optimal_one():
    points = random_points(3, 10)
    for each, tour in zip(points, held_karp.held_karp(points), strict=True):
        found = solver.solve(each)
        assert sorted(found) == list(range(10))
        assert tour_length(each, found) == pytest.approx(tour_length(each, tour))
