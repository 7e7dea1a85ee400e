"""Triangulations against empty circumcircles, their order against incircles."""

import itertools

import numpy as np
import pytest

from attention_jax.data.pointing import Triangulations
from attention_jax.data.pointing.triangulations import triangles

PROBLEM = Triangulations()
ANSWER = np.array([0, 1, 2, 1, 2, 3])


def in_circle(a, b, c, p):
    """Whether p is in the circle through a, b, c."""
    rows = [[*(q - p), ((q - p) ** 2).sum()] for q in (a, b, c)]
    turn = np.linalg.det(np.array([b - a, c - a]))
    return np.linalg.det(np.array(rows)) * np.sign(turn) > 0


def incentre(corners):
    """The point on two of the angles' bisectors."""
    a, b, c = corners

    def bisector(p, q, r):
        return (q - p) / np.linalg.norm(q - p) + (r - p) / np.linalg.norm(r - p)

    along, other = bisector(a, b, c), bisector(b, c, a)
    steps = np.linalg.solve(np.stack([along, -other], axis=1), b - a)
    return a + steps[0] * along


@pytest.mark.parametrize("count", [3, 5, 9])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_circumcircle_has_a_point_inside_and_triangles_go_from_left_to_right(count, seed):
    points = np.random.default_rng(seed).random((count, 2))
    found = triangles(points)
    empty = [
        triple
        for triple in itertools.combinations(range(count), 3)
        if not any(
            in_circle(*points[list(triple)], points[other])
            for other in set(range(count)) - set(triple)
        )
    ]
    assert sorted(map(tuple, found.tolist())) == empty
    across = [incentre(points[triple])[0] for triple in found]
    assert across == sorted(across)


@pytest.mark.parametrize(
    ("said", "accuracy", "coverage"),
    [
        ([0, 1, 2, 1, 2, 3], 1, 1),
        ([1, 2, 3, 0, 1, 2], 1, 1),
        ([0, 1, 2], 0, 0.5),
        ([0, 1, 2, 0, 1, 2], 0, 0.5),
        ([0, 1, 2, 1, 2, 3, 0, 1, 3], 0, 1),
        ([0, 1, 2, 1, 2, 3, 0], 0, 1),
        ([0, 1, 2, 0, 1, 2, 1, 2, 3], 0, 1),
        ([], 0, 0),
    ],
)
def test_triangles_count_in_any_order_and_once(said, accuracy, coverage):
    points = np.zeros((4, 2))
    measured = PROBLEM.measure(points, np.array(said, int), ANSWER)
    assert measured == {"accuracy": accuracy, "coverage": coverage}


def test_a_triangulation_is_never_longer_than_its_longest():
    for seed in range(20):
        (answer,) = PROBLEM.solve([np.random.default_rng(seed).random((7, 2))])
        assert len(answer) % 3 == 0
        assert len(answer) + 1 <= PROBLEM.longest(7)
