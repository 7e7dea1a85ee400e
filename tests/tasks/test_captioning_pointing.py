"""Where maps point, by hand and against images of many pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.tasks.captioning_pointing import (
    corpus_pointing,
    covered,
    map_diversity,
    mass_inside,
    pointed,
)

LEFT_HALF = np.array([[0, 0, 1, 0.5]])


def one_hot(row, column, shape=(2, 4)):
    weights = np.zeros(shape)
    weights[row, column] = 1
    return weights


def test_the_largest_weight_points_from_the_centre_of_its_cell():
    assert pointed(one_hot(1, 1), LEFT_HALF)
    assert not pointed(one_hot(0, 2), LEFT_HALF)
    # The centre of cell (0, 0) is at y 1/4, x 1/8.
    assert pointed(one_hot(0, 0), np.array([[0.25, 0.125, 0.3, 0.2]]))
    assert not pointed(one_hot(0, 0), np.array([[0, 0, 0.25, 0.125]]))


def test_any_of_a_words_boxes_will_do():
    boxes = np.array([[0, 0, 0.5, 0.25], [0.5, 0.75, 1, 1]])
    assert pointed(one_hot(1, 3), boxes)
    assert pointed(one_hot(0, 0), boxes)
    assert not pointed(one_hot(0, 3), boxes)


def test_of_equal_weights_the_first_counts():
    assert pointed(np.ones((2, 4)), LEFT_HALF)
    assert not pointed(np.ones((2, 4)), 1 - LEFT_HALF[:, [2, 3, 0, 1]])


def test_a_cell_that_is_covered_in_part_counts_that_part():
    weights = np.array([[0.1, 0.2], [0.3, 0.4]])
    assert mass_inside(weights, np.array([[0, 0, 1, 1]])) == pytest.approx(1)
    assert mass_inside(weights, np.array([[0, 0, 1, 0.25]])) == pytest.approx((0.1 + 0.3) / 2)
    # A quarter of each cell.
    middle = np.array([[0.25, 0.25, 0.75, 0.75]])
    assert mass_inside(weights, middle) == pytest.approx(1 / 4)
    assert mass_inside(3 * weights, middle) == pytest.approx(1 / 4)
    assert mass_inside(np.zeros((2, 2)), middle) == 0


def test_what_two_boxes_cover_counts_once():
    boxes = np.array([[0, 0, 0.5, 0.5], [0.25, 0.25, 0.75, 0.75], [0, 0, 0.5, 0.5]])
    assert mass_inside(np.ones((3, 5)), boxes) == pytest.approx(7 / 16)
    assert mass_inside(np.ones((3, 5)), np.zeros((0, 4))) == 0


edges = st.integers(0, 12).map(lambda n: n / 12)
boxes_drawn = st.lists(st.tuples(edges, edges, edges, edges), max_size=4).map(
    lambda drawn: np.array([(min(a, b), min(c, d), max(a, b), max(c, d)) for a, b, c, d in drawn])
)


@given(boxes_drawn, st.sampled_from([1, 2, 3, 4, 6]), st.sampled_from([1, 2, 3, 4]))
def test_the_share_of_a_cell_is_that_of_its_pixels(boxes, rows, columns):
    pixels = np.zeros((12, 12))
    for y0, x0, y1, x1 in np.round(boxes * 12).astype(int):
        pixels[y0:y1, x0:x1] = 1
    cells = pixels.reshape(rows, 12 // rows, columns, 12 // columns).mean((1, 3))
    np.testing.assert_allclose(covered(boxes.reshape(-1, 4), rows, columns), cells, atol=1e-12)


def test_maps_that_never_meet_are_as_different_as_can_be_and_equal_ones_not_at_all():
    apart = np.stack([one_hot(0, n) for n in range(4)])
    assert map_diversity(apart) == 1
    assert map_diversity(np.stack([apart[0]] * 3)) == 0


def test_diversity_is_the_mean_over_pairs():
    maps = np.array([[[1, 0]], [[0, 1]], [[0.5, 0.5]]])
    # Distances 1, 1/2 and 1/2.
    assert map_diversity(maps) == pytest.approx(2 / 3)
    assert map_diversity(maps * np.array([[[2]], [[3]], [[7]]])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("maps", [np.ones((1, 2, 2)), np.ones((0, 2, 2)), np.zeros((2, 2, 2))])
def test_maps_that_cannot_be_compared_are_refused(maps):
    with pytest.raises(ValueError, match=r"maps cannot be compared|no distance"):
        map_diversity(maps)


def test_a_split_is_measured_over_the_words_that_name_something():
    first = np.stack([one_hot(0, 0), one_hot(0, 3), one_hot(1, 1)])
    second = np.stack([one_hot(0, 3)])
    left = np.tile(LEFT_HALF, (3, 1, 1)).astype(np.float32)
    boxed = np.array([[True], [True], [False]])
    measured = corpus_pointing([first, second], [left, left[:1]], [boxed, boxed[:1]])
    assert measured == pytest.approx(
        {
            "pointing": 1 / 3,
            "attention_mass": 1 / 3,
            "pointing/chance": 1 / 2,
            "map_diversity": 1,
        }
    )
    assert corpus_pointing([second], [left[:1]], [~boxed[:1]]) == {}
