"""Hulls against their definition, polygons against segments met one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.data.pointing import Hulls
from attention_jax.data.pointing.hulls import area, hull, is_simple, same_polygon

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.4]])


def random_points(count, seed=0):
    return np.random.default_rng(seed).random((count, 2)).astype(np.float32)


def left_of(a, b, c):
    """Twice the area of a triangle: positive where it goes round counter-clockwise."""
    (ax, ay), (bx, by), (cx, cy) = ((float(x), float(y)) for x, y in (a, b, c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def oracle_hull(points):
    """From each corner to the one that has all others on its left."""
    follows = {
        i: j
        for i, j in itertools.permutations(range(len(points)), 2)
        if all(
            left_of(points[i], points[j], points[k]) > 0
            for k in range(len(points))
            if k not in (i, j)
        )
    }
    corners = [min(follows)]
    while follows[corners[-1]] != corners[0]:
        corners.append(follows[corners[-1]])
    return corners


def oracle_simple(polygon):
    """No two sides have a point in common but the corner between neighbours."""
    count = len(polygon)
    if count < 3:
        return False
    sides = [(polygon[n], polygon[(n + 1) % count]) for n in range(count)]

    def on(a, b, c):
        low, high = np.minimum(a, b), np.maximum(a, b)
        return left_of(a, b, c) == 0 and bool(((low <= c) & (c <= high)).all())

    for (n, (a, b)), (m, (c, d)) in itertools.combinations(enumerate(sides), 2):
        ends = [(a, b, c), (a, b, d), (c, d, a), (c, d, b)]
        touches = {tuple(map(float, end)) for one, two, end in ends if on(one, two, end)}
        signs = [left_of(*end) for end in ends]
        crosses = signs[0] * signs[1] < 0 and signs[2] * signs[3] < 0
        shared = {tuple(map(float, b if m == n + 1 else a))} if m - n in (1, count - 1) else set()
        if crosses or touches - shared:
            return False
        if count > 3 and not shared and touches:
            return False
    return True


@pytest.mark.parametrize("count", [3, 4, 7, 12])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_hull_has_all_points_on_its_left_and_begins_at_the_lowest_index(count, seed):
    points = random_points(count, seed)
    assert hull(points).tolist() == oracle_hull(points)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6))
def test_a_polygon_is_simple_where_no_two_sides_meet(corners):
    polygon = np.array(corners, np.float64)
    assert is_simple(polygon) == oracle_simple(polygon)


@pytest.mark.parametrize(
    ("order", "simple"),
    [([0, 1, 2, 3], True), ([0, 2, 1, 3], False), ([0, 1, 2, 4, 3], True), ([0, 1], False)],
)
def test_a_bow_tie_and_two_points_are_no_polygons(order, simple):
    assert is_simple(SQUARE[order]) == simple


def test_sides_of_one_line_that_do_not_touch_are_no_crossing():
    comb = np.array([[0, 0], [3, 0], [3, 1], [2, 1], [2, 0.5], [1, 0.5], [1, 1], [0, 1]])
    assert is_simple(comb)


def test_areas_are_those_of_the_triangles_that_make_a_polygon_up():
    assert area(np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]])) == 3
    points = random_points(9).astype(np.float64)
    corners = oracle_hull(points)
    parts = [
        left_of(points[corners[0]], points[a], points[b]) / 2
        for a, b in itertools.pairwise(corners[1:])
    ]
    assert area(points[corners]) == pytest.approx(sum(parts))
    assert area(points[corners] + 1e6) == pytest.approx(sum(parts), rel=1e-6)


def test_a_polygon_is_the_same_wherever_it_begins_and_whichever_way_it_goes():
    answer = np.array([0, 3, 5, 2])
    same = [np.roll(way, n) for way in (answer, answer[::-1]) for n in range(4)]
    for said in itertools.permutations(answer):
        expected = any((np.array(said) == one).all() for one in same)
        assert same_polygon(np.array(said), answer) == expected
    assert not same_polygon(np.array([0, 3, 5]), answer)
    assert not same_polygon(np.array([0, 3, 5, 4]), answer)
    assert not same_polygon(np.array([0, 3, 5, 2, 2]), answer)


def test_the_area_of_a_polygon_is_told_as_a_share_of_the_hulls():
    answer = np.array([0, 1, 2, 3])
    measured = Hulls().measure(SQUARE, np.array([0, 1, 2]), answer)
    assert measured == {"simple": 1, "accuracy": 0, "area": pytest.approx(0.5)}
    assert "area" not in Hulls().measure(SQUARE, np.array([0, 2, 1, 3]), answer)
    assert Hulls().measure(SQUARE, np.array([0, 1, 2]), None) == {"simple": 1}


def test_an_area_is_reported_up_to_one_failure_in_a_hundred_and_never_above():
    good, bad = {"simple": 1.0, "accuracy": 1.0, "area": 0.8}, {"simple": 0.0, "accuracy": 0.0}
    metrics, notes = Hulls().score([good] * 99 + [bad])
    assert metrics == {
        "accuracy": 0.99,
        "failures": pytest.approx(0.01),
        "area": pytest.approx(0.8),
    }
    assert notes == {}
    metrics, notes = Hulls().score([good] * 98 + [bad] * 2)
    assert "area" not in metrics
    assert notes["area"].startswith("FAIL: 2.0%")
